// SPDX-License-Identifier: Apache-2.0
// One way in which a power cut can have gone.
#pragma once

#include <memory>
#include <vector>

#include "state/crash_group.h"
#include "state/state_id.h"

namespace powercut::state {

// What became of each write of W.
struct Choice {
  struct Tear {
    std::size_t may = 0;             // which of W
    std::vector<NumberRange> units;  // that survived: rising, not touching; neither none nor all
    friend bool operator==(const Tear&, const Tear&) = default;
  };
  std::vector<bool> kept;  // a torn one is not
  std::vector<Tear> torn;  // rising

  friend bool operator==(const Choice&, const Choice&) = default;
};

struct CrashState {
  std::shared_ptr<const CrashGroup> group;
  Choice choice;
  ByteCount unit_bytes = 0;  // a power of two, at least the log's sector
  DiscardPolicy discard = {};
};

// What became of one entry's data in a state.
struct Survival {
  enum class Kind {
    kDurable,  // of M
    kKept,     // of W, and it survived
    kTorn,     // of W, and some of its atomic units did
    kLost,     // of W, and nothing did
    kBehind,   // it cannot have survived this cut
  };
  Kind kind = Kind::kBehind;
  std::vector<NumberRange> units = {};  // of kTorn: that survived
  friend bool operator==(const Survival&, const Survival&) = default;
};
// Of an entry with data; of others the answer means nothing.
[[nodiscard]] Survival survival_of(const CrashState& state, EntryIndex entry);

// Atomic units lie where the device has them: a write that begins in the middle of one has a part of
// it as its first.
[[nodiscard]] std::uint64_t nr_units(const ByteRange& range, ByteCount unit_bytes);

// The one canonical id. `sector_size` is the log's.
[[nodiscard]] StateId id_of(const CrashState& state, std::uint32_t sector_size);

// The state that an id means, the group being that of its model, cut and `without`. Errors (kUsage): a range
// begins or ends with an entry of which there is nothing to choose, a tear that is none, a unit that
// is smaller than the log's sector.
[[nodiscard]] Result<CrashState> state_of(const StateId& id,
                                          std::shared_ptr<const CrashGroup> group,
                                          std::uint32_t sector_size);

}  // namespace powercut::state
