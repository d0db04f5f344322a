// SPDX-License-Identifier: Apache-2.0
#include "state/device_size.h"

#include <fmt/format.h>

namespace powercut::state {

Result<DeviceSize> device_size(const log::SuperBlock& super_block, const LogSummary& summary,
                               std::optional<ByteCount> given, std::optional<ByteCount> base) {
  const ByteCount recorded = super_block.extension ? super_block.extension->device_size_bytes : 0;
  DeviceSize size;
  if (recorded > 0) {
    size.bytes = recorded;
  } else if (given || base) {
    size.bytes = given ? *given : *base;
  } else {
    size = {summary.least_device_size_bytes, true};
  }
  for (const auto& [name, other] : {std::pair{"--size", given}, std::pair{"--base", base}}) {
    if (other && *other != size.bytes) {
      return bad_input(fmt::format("'{}' is a log of a device of {} bytes, but {} gives {} bytes",
                                   summary.log_name, size.bytes, name, *other));
    }
  }
  if (size.bytes < summary.least_device_size_bytes) {
    return bad_input(fmt::format(
        "'{}', entry {}: it ends at byte {} of the device, which has only {} bytes",
        summary.log_name, summary.furthest_entry, summary.least_device_size_bytes, size.bytes));
  }
  if (size.bytes == 0) {
    return bad_input(
        fmt::format("'{}' writes nothing and does not say how large its device is: give --size",
                    summary.log_name));
  }
  return size;
}

}  // namespace powercut::state
