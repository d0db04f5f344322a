// SPDX-License-Identifier: Apache-2.0
// What a power cut at one place of a log must have left, and what it may have.
#pragma once

#include <optional>
#include <vector>

#include "index/log_index.h"
#include "state/crash_model.h"

namespace powercut::state {

// An entry that changes the device, and of which it is not a matter of course whether it has.
struct GroupEntry {
  EntryIndex entry = 0;
  ByteRange range;            // of the device
  ByteOffset log_offset = 0;  // of its payload; of no meaning where it reads as zeroes
  bool reads_as_zeroes = false;
  bool is_discard = false;
  bool is_must = false;  // of M, else of W

  friend bool operator==(const GroupEntry&, const GroupEntry&) = default;
};

// M is all that the first `base` entries wrote, and what `entries` has of it; W is the rest of
// `entries`. They stand in the order of the log. Memory grows with their number.
struct CrashGroup {
  Model model = Model::kPrefix;
  std::uint64_t cut = 0;  // a tick (exact), else how many entries stand in front of the cut
  // How many entries of the log stand in front of the cut: by ticks, those up to the last that had
  // completed by it.
  EntryIndex entries_in_front = 0;
  // As if this entry, a flush or a write with FUA, had made nothing durable.
  std::optional<EntryIndex> without;
  EntryIndex base = 0;
  std::vector<GroupEntry> entries;
  std::vector<std::size_t> may;  // which of them are of W

  [[nodiscard]] const GroupEntry& may_entry(std::size_t number) const {
    return entries[may[number]];
  }
  // Whether the two leave the same choice.
  [[nodiscard]] bool has_same_choice(const CrashGroup& other) const {
    return base == other.base && entries == other.entries;
  }
};

// By position, of model prefix or epoch; `cut` is at most index.nr_entries().
[[nodiscard]] Result<CrashGroup> group_by_position(const index::LogIndex& index, Model model,
                                                   EntryIndex cut,
                                                   std::optional<EntryIndex> without = {});

// What has to be known of all ticks of a log to find the entries that matter at one of them. It takes
// a pass over the headers to make, and 40 bytes for each 1024 entries and 32 for each flush to keep.
// Correct for any ticks, also those of a log that breaks the recorder's promises. Immutable.
class TickTable {
 public:
  // Of the entries that the index has. Errors: kUsage if an entry has no ticks, naming it.
  [[nodiscard]] static Result<TickTable> make(const index::LogIndex& index);

  [[nodiscard]] std::uint64_t nr_entries() const { return nr_entries_; }
  [[nodiscard]] Tick last_tick() const { return last_tick_; }

  // Model exact. Ticks up to last_tick() have a meaning.
  [[nodiscard]] Result<CrashGroup> group(const index::LogIndex& index, Tick cut,
                                         std::optional<EntryIndex> without = {}) const;

 private:
  struct Block {
    EntryIndex entry = 0;  // its first
    ByteOffset log_offset = 0;
    // Of the entries with data in this block and those in front, and in those behind.
    Tick last_completion = 0;
    Tick first_submission = 0;
  };
  struct Flush {
    Tick completion = 0;
    // The latest of all flushes that completed up to then, whose that is, and the latest of the others.
    Tick submission = 0;
    EntryIndex entry = 0;
    Tick other_submission = 0;
  };

  // The submission behind which nothing is sure; 0: no flush has completed.
  [[nodiscard]] Tick flushed_at(Tick cut, std::optional<EntryIndex> without) const;

  std::vector<Block> blocks_;
  std::vector<Flush> flushes_;  // in the order of completion
  std::uint64_t nr_entries_ = 0;
  Tick last_tick_ = 0;
};

// Submission and completion of an entry; kUsage where it does not carry them.
struct Ticks {
  Tick submission = 0;
  Tick completion = 0;  // 0: not known to have completed, as of a flush that is pending
};
[[nodiscard]] Result<Ticks> ticks_of(const log::Entry& entry, std::string_view log_name);

}  // namespace powercut::state
