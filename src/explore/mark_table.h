// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "state/crash_state.h"
#include "state/timeline.h"

namespace powercut::explore {

// A line of $POWERCUT_MARKS: {"entry":17,"mark":"committed 4"}
[[nodiscard]] std::string mark_line(EntryIndex entry, const std::string& text);

// The marks of a log, and which of them had been put when the power went. Immutable.
class MarkTable {
 public:
  // Reads the log's marks, and their ticks where they have any. Memory grows with their texts.
  [[nodiscard]] static Result<MarkTable> make(const state::Timeline& timeline);

  // The marks that had surely been put: the first `number` by their places in the log, or by their
  // ticks.
  struct Sure {
    std::uint64_t number = 0;
    bool is_by_ticks = false;
  };
  [[nodiscard]] Sure sure(const state::CrashState& state) const;

  // $POWERCUT_MARKS: a line for each, in the log's order.
  [[nodiscard]] std::string lines(Sure sure) const;
  // Of the lines: another one where they are others.
  [[nodiscard]] Hash128 hash(Sure sure) const;
  [[nodiscard]] std::optional<std::string> last(Sure sure) const;
  // Of all marks.
  [[nodiscard]] Hash128 hash_of_all() const { return by_place_.hashes.back(); }

  // Entries: marks in front of the first had surely been put, those in front of the second may have
  // been, as they were under way at the tick, or stand in front of a write that has survived. The
  // same for all states that tell the same of marks.
  struct Places {
    EntryIndex in_front = 0;
    EntryIndex reached = 0;
  };
  [[nodiscard]] Places places(const state::CrashState& state) const;

 private:
  struct Mark {
    EntryIndex entry = 0;
    std::string text;
    Tick submission = 0;
    Tick completion = 0;
  };
  struct Order {
    std::vector<std::size_t> marks;
    std::vector<Hash128> hashes;  // of the lines of the first 0, 1, ... of them
  };

  MarkTable(std::vector<Mark> marks, bool has_ticks);
  [[nodiscard]] Order hashed(std::vector<std::size_t> marks) const;
  [[nodiscard]] const Order& order(Sure sure) const {
    return sure.is_by_ticks ? by_ticks_ : by_place_;
  }

  // Behind the last mark in front of the entry.
  [[nodiscard]] EntryIndex behind_mark(EntryIndex entry) const;

  std::vector<Mark> marks_;
  Order by_place_;
  Order by_ticks_;  // of nothing if they have none
};

}  // namespace powercut::explore
