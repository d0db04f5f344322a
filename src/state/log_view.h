// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "block/read_only_device.h"
#include "index/extent.h"

namespace powercut::state {

// The device as a log has it, at an instant or in a crash state. Read only, thread-safe, takes requests
// of any alignment.
class LogView : public ReadOnlyDevice {
 public:
  // An extent with is_noise is one whose entry discarded it, by a policy that makes noise of that: its
  // source and place in the log mean nothing.
  using Sink = std::function<Status(const index::Extent& extent, bool is_noise)>;
  // Where a range, aligned to the log's sectors, has its content from: it is covered with extents in
  // rising order. An error of the sink ends the walk and is its result.
  [[nodiscard]] virtual Status look_up(ByteRange range, const Sink& sink) const = 0;
};

}  // namespace powercut::state
