// SPDX-License-Identifier: Apache-2.0
// The places of a log at which the power is cut. A cut is the number of entries in front of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/reader.h"
#include "state/instant.h"

namespace powercut::state {

// What --at says: kinds of places, and instants.
struct CutSelection {
  bool all = false;         // behind each entry, and in front of the first
  bool flushes = false;     // behind each entry with FLUSH
  bool fua = false;         // behind each entry with FUA
  bool marks = false;       // behind each mark
  std::uint64_t every = 0;  // behind the entries number every, 2 * every, ... counted from 1; 0: no
  std::vector<Instant> instants;

  friend bool operator==(const CutSelection&, const CutSelection&) = default;
};

// Each text is a list of all, flush, fua, mark, every:N and instants, with commas between them. The
// name in mark:NAME goes to the end of the text, as it may have commas in it. Errors: kUsage.
[[nodiscard]] Result<CutSelection> parse_cut_selection(const std::vector<std::string>& texts);

// A selection with its instants resolved in one log, and its kinds limited to the cuts in [from,
// to].
class CutFilter {
 public:
  // `instants` are the selection's, resolved: they count wherever they are.
  CutFilter(const CutSelection& selection, EntryIndex from, EntryIndex to,
            std::vector<EntryIndex> instants);

  [[nodiscard]] bool in_front_of_all() const;
  [[nodiscard]] bool behind(const log::Entry& entry) const;

 private:
  [[nodiscard]] bool is_in_limits(EntryIndex cut) const { return from_ <= cut && cut <= to_; }
  [[nodiscard]] bool is_instant(EntryIndex cut) const;

  CutSelection selection_;
  EntryIndex from_;
  EntryIndex to_;
  std::vector<EntryIndex> instants_;  // sorted
};

}  // namespace powercut::state
