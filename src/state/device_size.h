// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "index/log_index.h"
#include "state/log_summary.h"

namespace powercut::state {

struct DeviceSize {
  ByteCount bytes = 0;
  bool is_inferred = false;  // the least that holds every entry: the device may have been larger
};

// The size of the device that a log was recorded from: as the log says, else as given (--size),
// else that of the initial content (--base), else inferred. Errors (kBadInput) where these
// contradict each other or leave an entry out.
[[nodiscard]] Result<DeviceSize> device_size(const log::SuperBlock& super_block,
                                             const LogSummary& summary,
                                             std::optional<ByteCount> given,
                                             std::optional<ByteCount> base);

// The same by an index of the log.
[[nodiscard]] Result<DeviceSize> device_size(const index::LogIndex& index,
                                             std::optional<ByteCount> given,
                                             std::optional<ByteCount> base);

}  // namespace powercut::state
