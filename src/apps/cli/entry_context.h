// SPDX-License-Identifier: Apache-2.0
// What is said of an entry that an index knows, by the commands that show some of them.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "index/log_index.h"

namespace powercut::apps {

// "write", "zeroes", "discard", "flush", "mark", "none".
[[nodiscard]] const char* kind_name(const index::EntrySummary& entry);
// The flags that the kind does not say already: "FUA|METADATA".
[[nodiscard]] std::string further_flags(const index::EntrySummary& entry);

// Where in the log an entry stands, for people.
struct EntryContext {
  std::optional<index::Mark> mark;  // the last one in front of it
  std::uint64_t flushes = 0;        // in front of it
};
[[nodiscard]] Result<EntryContext> context_of(const index::LogIndex& index, EntryIndex entry);
// "behind mark:mkfs and flush:3"; "" at the beginning of a log.
[[nodiscard]] std::string to_text(const EntryContext& context);
// mark_before, mark_before_entry, flushes_before.
void put_context(Json& json, const EntryContext& context);

// Of what the entry wrote, in bytes of the device.
[[nodiscard]] ByteRange device_range(const index::EntrySummary& entry, std::uint32_t sector_size);

}  // namespace powercut::apps
