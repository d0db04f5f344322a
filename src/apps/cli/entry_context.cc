// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/entry_context.h"

#include <fmt/format.h>

#include "apps/cli/log_show.h"

namespace powercut::apps {

const char* kind_name(const index::EntrySummary& entry) {
  if (entry.is_mark()) return "mark";
  if (entry.is_discard()) return "discard";
  if (entry.nr_sectors > 0) return entry.reads_as_zeroes ? "zeroes" : "write";
  return entry.is_flush() ? "flush" : "none";
}

std::string further_flags(const index::EntrySummary& entry) {
  std::uint64_t flags = entry.flags & ~std::uint64_t{log::kFlagDiscard | log::kFlagMark};
  if (entry.nr_sectors == 0) flags &= ~std::uint64_t{log::kFlagFlush};
  return fmt::format("{}", fmt::join(flag_names(flags), "|"));
}

Result<EntryContext> context_of(const index::LogIndex& index, EntryIndex entry) {
  EntryContext context;
  context.flushes = POWERCUT_TRY(index.flushes_before(entry));
  if (const auto marks = POWERCUT_TRY(index.marks_before(entry)); marks > 0) {
    context.mark = POWERCUT_TRY(index.mark(marks - 1));
  }
  return context;
}

std::string to_text(const EntryContext& context) {
  std::string text;
  if (context.mark) text = fmt::format("behind mark:{}", printable(context.mark->text));
  if (context.flushes > 0) {
    text += fmt::format("{} flush:{}", context.mark ? " and" : "behind", context.flushes);
  }
  return text;
}

void put_context(Json& json, const EntryContext& context) {
  json["mark_before"] = nullptr;
  if (context.mark) {
    set_text(json, "mark_before", context.mark->text);
    json["mark_before_entry"] = context.mark->entry;
  }
  json["flushes_before"] = context.flushes;
}

ByteRange device_range(const index::EntrySummary& entry, std::uint32_t sector_size) {
  return {entry.sector * sector_size, (entry.sector + entry.nr_sectors) * sector_size};
}

}  // namespace powercut::apps
