// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "check/acknowledgement.h"

namespace powercut::check {

struct FileReading {
  FileContent content;
  ByteOffset end_of_data = 0;  // from here on there are only zeroes

  [[nodiscard]] bool is_all_zeroes() const { return end_of_data == 0 && content.size_bytes > 0; }
};

// Reads a regular file in one pass, so that size and hash belong together. Nothing if `stop`, which
// is asked once for each MiB, says so.
[[nodiscard]] Result<std::optional<FileReading>> read_file(int fd,
                                                           const std::function<bool()>& stop);

}  // namespace powercut::check
