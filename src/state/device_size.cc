// SPDX-License-Identifier: Apache-2.0
#include "state/device_size.h"

#include <fmt/format.h>

#include <cstdint>

namespace powercut::state {
namespace {

// What a file's offset can be.
constexpr ByteCount kLargestDeviceBytes = INT64_MAX;

}  // namespace

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
  if (size.bytes > kLargestDeviceBytes) {
    return bad_input(
        fmt::format("'{}' is a log of a device of {} bytes: there is no device that large",
                    summary.log_name, size.bytes));
  }
  if (size.bytes == 0) {
    return bad_input(
        fmt::format("'{}' writes nothing and does not say how large its device is: give --size",
                    summary.log_name));
  }
  return size;
}

Result<DeviceSize> device_size(const index::LogIndex& index, std::optional<ByteCount> given,
                               std::optional<ByteCount> base) {
  LogSummary summary;
  summary.log_name = index.log()->name();
  summary.least_device_size_bytes = index.least_device_size_bytes();
  if (summary.least_device_size_bytes > 0) {
    // The first that wrote to the last sector.
    const ByteOffset end = summary.least_device_size_bytes;
    bool is_found = false;
    const Status status =
        index.writers({end - index.sector_size(), end}, 0, index.nr_entries(),
                      [&](EntryIndex entry, const index::EntrySummary&) -> Status {
                        summary.furthest_entry = entry;
                        is_found = true;
                        return environment_error("found");
                      });
    if (!status && !is_found) return tl::unexpected(status.error());
  }
  return device_size(index.super_block(), summary, given, base);
}

}  // namespace powercut::state
