// SPDX-License-Identifier: Apache-2.0
#include "sim/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/reader.h"

namespace powercut::sim {

std::string describe(const SimRequest& request) {
  static constexpr const char* kNames[] = {"read", "write", "zeroes", "discard", "flush", "mark"};
  std::string device;
  for (const auto& call : request.device_calls)
    device += fmt::format(" {}-{}", call.begin.order, call.end.order);
  return fmt::format("{}{} [{}, {}) {} submitted {} device{} completed {}{}",
                     kNames[static_cast<std::size_t>(request.kind)], request.fua ? "+FUA" : "",
                     request.range.begin, request.range.end, request.mark, request.submit.order,
                     device, request.complete.order, request.ok ? "" : " FAILED");
}

std::string describe(const SimEntry& entry, std::size_t index) {
  return fmt::format("entry {} flags {} [{}, {}) '{}' ticks {} to {}", index, entry.flags,
                     entry.range.begin, entry.range.end, entry.mark, entry.submit_tick,
                     entry.complete_tick);
}

Result<std::vector<SimEntry>> load_entries(const File& log) {
  log::Reader reader = POWERCUT_TRY(log::Reader::open(log, {.past_count = true}));
  std::vector<SimEntry> entries;
  while (const auto entry = reader.next()) {
    SimEntry& to = entries.emplace_back();
    to.flags = entry->flags;
    to.range = entry->device_range();
    to.mark = entry->mark;
    to.payload.resize(entry->payload_bytes());
    POWERCUT_TRY_STATUS(reader.read_payload(*entry, 0, to.payload));
    if (entry->extension) {
      to.has_ticks = true;
      to.submit_tick = entry->extension->submit_tick;
      to.complete_tick = entry->extension->complete_tick;
      to.operation = entry->extension->operation;
    }
  }
  POWERCUT_TRY_STATUS(to_status(reader.ending()));
  return entries;
}

std::vector<std::byte> replay(const std::vector<SimEntry>& entries,
                              std::vector<std::byte> initial) {
  for (const SimEntry& entry : entries) {
    const auto at = initial.begin() + static_cast<std::ptrdiff_t>(entry.range.begin);
    if (entry.is(log::kFlagDiscard)) {
      std::fill_n(at, entry.range.size(), std::byte{0});
    } else {
      std::copy(entry.payload.begin(), entry.payload.end(), at);
    }
  }
  return initial;
}

}  // namespace powercut::sim
