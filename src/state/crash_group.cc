// SPDX-License-Identifier: Apache-2.0
#include "state/crash_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "log/reader.h"

namespace powercut::state {
namespace {

constexpr std::uint64_t kEntriesPerBlock = 1024;
constexpr Tick kNever = std::numeric_limits<Tick>::max();

// Adds entries in the order of the log; whatever must have survived in front of the first that may
// have is left to the base.
class GroupBuilder {
 public:
  GroupBuilder(std::uint32_t sector_size, Model model, std::uint64_t cut, EntryIndex base,
               std::optional<EntryIndex> without)
      : sector_size_(sector_size) {
    group_.model = model;
    group_.cut = cut;
    group_.entries_in_front = base;
    group_.without = without;
    group_.base = base;
  }

  void add(EntryIndex number, const index::EntrySummary& entry, Standing standing) {
    const EntryKind kind = kind_of(entry);
    const bool is_in_front = standing == Standing::kFlushed || standing == Standing::kDone;
    if (is_in_front) group_.entries_in_front = number + 1;
    const bool is_fua = entry.is_fua() && number != group_.without;
    const Fate fate = fate_of(group_.model, kind, is_fua, standing);
    const bool is_in_base = !is_ended_ && (fate == Fate::kMust || fate == Fate::kNoData);
    if (is_in_base) group_.base = number + 1;
    is_ended_ = !is_in_base;
    if (is_in_base || fate == Fate::kNoData || fate == Fate::kAbsent) return;
    if (fate == Fate::kMay) group_.may.push_back(group_.entries.size());
    group_.entries.push_back(
        {.entry = number,
         .range = {entry.sector * sector_size_, (entry.sector + entry.nr_sectors) * sector_size_},
         .log_offset = entry.reads_as_zeroes ? 0 : entry.log_offset + sector_size_,
         .reads_as_zeroes = entry.reads_as_zeroes,
         .is_discard = kind == EntryKind::kDiscard,
         .is_must = fate == Fate::kMust});
  }

  CrashGroup finish() { return std::move(group_); }

 private:
  const std::uint64_t sector_size_;
  CrashGroup group_;
  bool is_ended_ = false;  // the base
};

Unexpected no_ticks(const log::Entry& entry, std::string_view log_name) {
  return usage_error(fmt::format(
      "'{}', entry {}{}: {}, and the model exact needs the ticks of every request; --model epoch "
      "needs none",
      log_name, entry.index, entry.is_mark() ? " (a mark)" : "",
      entry.extension_damaged ? "its extension is damaged" : "it has no ticks"));
}

// Behind a FLUSH, which comes before the data of its own entry.
struct Epoch {
  EntryIndex first = 0;  // of its entries
  EntryIndex next_flush = 0;
};

Result<Epoch> epoch_at(const index::LogIndex& index, EntryIndex cut,
                       std::optional<EntryIndex> without) {
  const std::uint64_t before = POWERCUT_TRY(index.flushes_before(cut));
  Epoch epoch;
  epoch.next_flush = index.nr_entries();
  for (std::uint64_t i = before; i > 0; --i) {
    epoch.first = POWERCUT_TRY(index.flush(i - 1));
    if (epoch.first != without) break;
    epoch.first = 0;
  }
  for (std::uint64_t i = before; i < index.nr_flushes(); ++i) {
    epoch.next_flush = POWERCUT_TRY(index.flush(i));
    if (epoch.next_flush != without) break;
    epoch.next_flush = index.nr_entries();
  }
  return epoch;
}

Status check_without(const index::LogIndex& index, std::optional<EntryIndex> without) {
  if (!without) return {};
  if (*without < index.nr_entries()) {
    const index::EntrySummary entry = POWERCUT_TRY(index.entry(*without));
    if (entry.is_flush() || (entry.is_fua() && entry.writes())) return {};
  }
  return usage_error(fmt::format("entry {} of '{}' is neither a flush nor a write with FUA",
                                 *without, index.log()->name()));
}

}  // namespace

Result<CrashGroup> group_by_position(const index::LogIndex& index, Model model, EntryIndex cut,
                                     std::optional<EntryIndex> without) {
  POWERCUT_CHECK(model != Model::kExact && cut <= index.nr_entries());
  if (model == Model::kPrefix) return CrashGroup{.cut = cut, .entries_in_front = cut, .base = cut};
  POWERCUT_TRY_STATUS(check_without(index, without));
  const Epoch epoch = POWERCUT_TRY(epoch_at(index, cut, without));
  GroupBuilder builder(index.sector_size(), model, cut, epoch.first, without);
  for (EntryIndex i = epoch.first; i < epoch.next_flush; ++i) {
    builder.add(i, POWERCUT_TRY(index.entry(i)), i < cut ? Standing::kDone : Standing::kUnderWay);
  }
  return builder.finish();
}

Result<Ticks> ticks_of(const log::Entry& entry, std::string_view log_name) {
  if (!entry.extension || entry.extension->submit_tick == 0) return no_ticks(entry, log_name);
  // Only a flush that has not completed may lack this.
  if (entry.extension->complete_tick == 0 && !entry.is_mark()) return no_ticks(entry, log_name);
  return Ticks{entry.extension->submit_tick, entry.extension->complete_tick};
}

Result<TickTable> TickTable::make(const index::LogIndex& index) {
  TickTable table;
  table.nr_entries_ = index.nr_entries();
  const std::string& name = index.log()->name();
  log::Reader reader = POWERCUT_TRY(log::Reader::open(*index.log()));
  for (EntryIndex i = 0; i < table.nr_entries_; ++i) {
    const auto entry = reader.next();
    if (!entry) return tl::unexpected(to_status(reader.ending()).error());
    const Ticks ticks = POWERCUT_TRY(ticks_of(*entry, name));
    if (i % kEntriesPerBlock == 0) {
      const Tick before = table.blocks_.empty() ? 0 : table.blocks_.back().last_completion;
      table.blocks_.push_back({i, entry->log_offset, before, kNever});
    }
    Block& block = table.blocks_.back();
    if (index::summary_of(*entry).writes()) {
      block.last_completion = std::max(block.last_completion, ticks.completion);
      block.first_submission = std::min(block.first_submission, ticks.submission);
    }
    if (entry->is_flush()) table.flushes_.push_back({ticks.completion, ticks.submission, i, 0});
    table.last_tick_ = std::max({table.last_tick_, ticks.submission, ticks.completion});
  }
  std::sort(table.flushes_.begin(), table.flushes_.end(),
            [](const Flush& a, const Flush& b) { return a.completion < b.completion; });
  for (std::size_t i = 1; i < table.flushes_.size(); ++i) {
    const Flush& before = table.flushes_[i - 1];
    Flush& flush = table.flushes_[i];
    if (before.submission <= flush.submission) {
      flush.other_submission = before.submission;
    } else {
      flush.other_submission = std::max(flush.submission, before.other_submission);
      flush.submission = before.submission;
      flush.entry = before.entry;
    }
  }
  for (std::size_t i = table.blocks_.size(); i-- > 1;) {
    auto& first = table.blocks_[i - 1].first_submission;
    first = std::min(first, table.blocks_[i].first_submission);
  }
  return table;
}

Tick TickTable::flushed_at(Tick cut, std::optional<EntryIndex> without) const {
  const auto behind =
      std::upper_bound(flushes_.begin(), flushes_.end(), cut,
                       [](Tick tick, const Flush& flush) { return tick < flush.completion; });
  if (behind == flushes_.begin()) return 0;
  const Flush& last = *std::prev(behind);
  return last.entry == without ? last.other_submission : last.submission;
}

Result<CrashGroup> TickTable::group(const index::LogIndex& index, Tick cut,
                                    std::optional<EntryIndex> without) const {
  POWERCUT_TRY_STATUS(check_without(index, without));
  const Tick flushed = flushed_at(cut, without);
  const auto standing_of = [&](const Ticks& ticks) {
    if (ticks.completion < flushed) return Standing::kFlushed;
    if (ticks.completion <= cut) return Standing::kDone;
    return ticks.submission <= cut ? Standing::kUnderWay : Standing::kLater;
  };
  // In the blocks in front of `from` everything is flushed, in those from `to` on nothing submitted.
  const auto from =
      std::lower_bound(blocks_.begin(), blocks_.end(), flushed,
                       [](const Block& block, Tick tick) { return block.last_completion < tick; });
  const auto to = std::lower_bound(from, blocks_.end(), cut, [](const Block& block, Tick tick) {
    return block.first_submission <= tick;
  });
  const EntryIndex end = to == blocks_.end() ? nr_entries_ : to->entry;
  const EntryIndex begin = from == blocks_.end() ? nr_entries_ : from->entry;
  GroupBuilder builder(index.sector_size(), Model::kExact, cut, begin, without);
  if (begin >= end) return builder.finish();
  log::Reader reader = POWERCUT_TRY(log::Reader::open(*index.log()));
  reader.seek(begin, from->log_offset);
  while (reader.position() < end) {
    const auto entry = reader.next();
    if (!entry) return tl::unexpected(to_status(reader.ending()).error());
    const Ticks ticks = POWERCUT_TRY(ticks_of(*entry, index.log()->name()));
    builder.add(entry->index, index::summary_of(*entry), standing_of(ticks));
  }
  return builder.finish();
}

}  // namespace powercut::state
