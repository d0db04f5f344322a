// SPDX-License-Identifier: Apache-2.0
#include "io/file.h"

#include <fmt/format.h>

namespace powercut {

Status read_exactly(const File& file, ByteOffset offset, MutableBytes buffer) {
  const std::size_t got = POWERCUT_TRY(file.read_at(offset, buffer));
  if (got != buffer.size()) {
    return bad_input(fmt::format("'{}' ends at byte {} where {} bytes at byte {} were wanted",
                                 file.name(), offset + got, buffer.size(), offset));
  }
  return {};
}

Result<bool> File::is_hole(ByteRange range) const {
  const auto data = POWERCUT_TRY(next_data(range.begin));
  return !data || data->begin >= range.end;
}

}  // namespace powercut
