// SPDX-License-Identifier: Apache-2.0
#include "explore/log_facts.h"

#include <algorithm>

#include "explore/content.h"
#include "log/reader.h"

namespace powercut::explore {

Result<log::Entry> entry_of(const state::Timeline& timeline, EntryIndex entry) {
  const index::LogIndex& index = timeline.index();
  const index::EntrySummary summary = POWERCUT_TRY(index.entry(entry));
  log::Reader reader = POWERCUT_TRY(log::Reader::open(*index.log()));
  reader.seek(entry, summary.log_offset);
  auto header = reader.next();
  if (!header) return tl::unexpected(log::to_status(reader.ending()).error());
  return *std::move(header);
}

Result<std::optional<index::Mark>> mark_before(const state::Timeline& timeline, EntryIndex entry) {
  const index::LogIndex& index = timeline.index();
  const std::uint64_t before = POWERCUT_TRY(index.marks_before(entry));
  if (before == 0) return std::optional<index::Mark>();
  return std::optional(POWERCUT_TRY(index.mark(before - 1)));
}

Result<findings::Write> describe(const state::Timeline& timeline, const state::GroupEntry& entry,
                                 const std::vector<state::NumberRange>& units,
                                 ByteCount unit_bytes) {
  const log::Entry header = POWERCUT_TRY(entry_of(timeline, entry.entry));
  findings::Write write{.entry = entry.entry,
                        .kind = entry.is_discard        ? "discard"
                                : entry.reads_as_zeroes ? "zeroes"
                                                        : "write",
                        .is_fua = header.is_fua(),
                        .begin = entry.range.begin,
                        .end = entry.range.end};
  if (!units.empty()) {
    write.units = state::nr_units(entry.range, unit_bytes);
    for (const auto& [first, last] : units) {
      for (std::uint64_t unit = first; unit <= last; ++unit) write.survived.push_back(unit);
    }
  }
  if (header.extension) {
    write.submitted = header.extension->submit_tick;
    write.completed = header.extension->complete_tick;
    write.wall_time_ns = header.extension->wall_time_ns;
  }
  if (const auto mark = POWERCUT_TRY(mark_before(timeline, entry.entry))) write.mark = mark->text;
  if (entry.is_discard) return write;
  std::vector<std::byte> content(
      entry.reads_as_zeroes ? 0 : std::min(entry.range.size(), kContentBytes));
  POWERCUT_TRY_STATUS(read_exactly(*timeline.index().log(), entry.log_offset, content));
  write.content = content_class(content);
  return write;
}

}  // namespace powercut::explore
