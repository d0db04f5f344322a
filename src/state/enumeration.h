// SPDX-License-Identifier: Apache-2.0
// Strategies: which of the choices that a power cut has are looked at. Each is streamed, in memory that
// grows with the group only, and the same for the same seed on every machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "state/crash_state.h"

namespace powercut::state {

struct Strategy {
  enum class Kind {
    kAuto,        // exhaustive where that is little, else pairwise, prefix, one and random;
                  // nothing lost and all lost first
    kPrefix,      // of W the first 0, 1, ... all
    kExhaustive,  // all
    kPairwise,    // for any two of W all four combinations of kept and lost
    kOne,         // all, all but one; none, only one
    kRandom,      // as many as `number`
  };
  Kind kind = Kind::kAuto;
  std::uint64_t number = 0;

  friend bool operator==(const Strategy&, const Strategy&) = default;
};

// Names with commas between them: auto, prefix, exhaustive, pairwise, one, random:N. Errors: kUsage.
[[nodiscard]] Result<std::vector<Strategy>> parse_strategies(std::string_view text);

struct ChoiceOptions {
  // Of an atomic unit, by which writes are torn: a power of two, at least the log's sector; 0: no
  // write is torn.
  ByteCount unit_bytes = 0;
  std::uint64_t seed = 0;
};

// A write of more units is not torn in all ways: of it, all beginnings and all ends survive.
inline constexpr std::uint64_t kTornInAllWaysUnits = 8;
// auto looks at all choices of a group that has no more; and at so many at random of one that has.
inline constexpr std::uint64_t kAutoStates = 128;

// In how many ways a write is torn, and the number-th of them: the units that survive.
[[nodiscard]] std::uint64_t nr_tears(std::uint64_t units);
[[nodiscard]] std::vector<NumberRange> tear(std::uint64_t units, std::uint64_t number);

// Gives choices one after the other. Two that are the same may come from auto and random, and for
// groups of less than two from the others. Not thread-safe.
class ChoiceSource {
 public:
  virtual ~ChoiceSource() = default;
  // False at the end.
  [[nodiscard]] virtual bool next(Choice& choice) = 0;
  // How many it gives in all, or some more: for the time left.
  [[nodiscard]] virtual double size() const = 0;
  // Whether what it has given so far has all four combinations of any two writes, as can be said
  // without a look at it.
  [[nodiscard]] virtual bool has_all_pairs() const { return false; }
};
[[nodiscard]] std::unique_ptr<ChoiceSource> make_choices(const Strategy& strategy,
                                                         std::shared_ptr<const CrashGroup> group,
                                                         const ChoiceOptions& options);

// How many states a group has, different or not: 2 to the power of this.
[[nodiscard]] std::uint64_t choice_bits(const CrashGroup& group, ByteCount unit_bytes);

}  // namespace powercut::state
