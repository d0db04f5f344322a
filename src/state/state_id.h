// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "state/crash_model.h"

namespace powercut::state {

// From the first to the last, both included.
struct NumberRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  friend bool operator==(const NumberRange&, const NumberRange&) = default;
};

// Names one crash state of a log: one content that the device could have after a cut. Printed, it
// is what every command takes in the place of an instant, and what a finding is reproduced with.
// Only letters, digits, ':', '.' and '-' occur in it: it is a file's name, a word of a shell and a part
// of a URI as it stands.
//
//   state   = "entry:" N [":discard:" ...]    the first N entries, nothing lost
//           | "epoch:" N part*                the power was cut behind N entries
//           | "exact:" TICK part*             the power was cut at a tick
//   part    = ":lost:" list                   of the entries that may survive these did not, all others
//           | ":kept:" list                   ... only these did                 (lost or kept, once)
//           | ":torn:" N ":" list             of entry N these atomic units survived; once for each
//           | ":unit:" BYTES                  of an atomic unit, if it is not the log's sector
//           | ":discard:stale"                discarded ranges read as before
//           | ":discard:random:" SEED         ... as noise
//           | ":without:" N                   as if entry N, a flush or a write with FUA, had made nothing
//                                             durable
//   list    = range ("." range)*              rising
//   range   = N | N "-" N
//
// The parts come in this order. A range stands for those of its entries that may survive; torn ones
// are left out. Units are counted from 0, the one in which the entry begins.
//
// Of the ids that mean the same, canonical() in crash_state.h gives one: ranges begin and end with
// entries that may survive and are as long as can be; the shorter list is used, `lost` if they have
// the same length or nothing is kept; a write that is torn is neither whole nor lost.
struct StateId {
  enum class List { kLost, kKept };
  struct Tear {
    EntryIndex entry = 0;
    std::vector<NumberRange> units;  // that survived
    friend bool operator==(const Tear&, const Tear&) = default;
  };

  Model model = Model::kPrefix;
  std::uint64_t cut = 0;  // a tick (exact), else how many entries stand in front of the cut
  List list = List::kLost;
  std::vector<NumberRange> entries = {};
  std::vector<Tear> torn = {};
  ByteCount unit_bytes = 0;  // 0: the log's sector
  DiscardPolicy discard = {};
  // An entry that is taken to have made nothing durable, to see what it is good for.
  std::optional<EntryIndex> without = {};

  [[nodiscard]] static StateId of_prefix(EntryIndex entries) { return {.cut = entries}; }

  friend bool operator==(const StateId&, const StateId&) = default;
};

// "3-5.9"
[[nodiscard]] std::string to_string(const std::vector<NumberRange>& ranges);
// "entry:412", "epoch:412:lost:409-411.415"
[[nodiscard]] std::string to_string(const StateId& id);

// Whether the text is to be read as a state, not as an instant (entry:N alone is that).
[[nodiscard]] bool is_crash_state_text(std::string_view text);
// Errors: kUsage, saying how a state is written. Takes what to_string gives, of entry:N too.
[[nodiscard]] Result<StateId> parse_state_id(std::string_view text);

}  // namespace powercut::state
