// SPDX-License-Identifier: Apache-2.0
// The crash states of a log, one after the other, each content once.
//
// The cuts take turns: of each the first few choices are given, then some more of each, then more
// (kTurns). So whoever stops early, by a limit or by an interrupt, has seen something of every cut, and
// of each what its strategies give first: of `auto` nothing lost and all lost, then the covering of
// pairs. A turn goes through the log again, and makes the groups again; nothing of a group is kept.
// The order depends on nothing but the options: it is the same in every run, with whatever limit.
#pragma once

#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

#include "state/cut_walk.h"
#include "state/enumeration.h"
#include "state/pair_coverage.h"
#include "state/timeline.h"

namespace powercut::state {

struct StateListOptions {
  Model model = Model::kEpoch;
  CutSelection at;      // see CutWalk
  EntryIndex from = 0;  // limits for the kinds of places
  EntryIndex to = 0;
  std::vector<Strategy> strategies = {{}};
  ChoiceOptions choices;
  DiscardPolicy discard;
  std::uint64_t max_states = 0;  // no more than so many are given; 0: no limit
  // What else than their content tells states apart, for those who see more than that: marks. Null:
  // nothing. Of two cuts that leave the same choice, states have the same in pairs if those have in
  // which all is lost.
  std::function<std::uint64_t(const CrashState&)> context;
  // The same content is given as often as it comes.
  bool gives_equals = false;
  // Of the distinct states only those that fall to one part of so many, from 0. Which part that is
  // follows from the state; each has the same id, whatever the number of parts.
  std::uint32_t shard = 0;
  std::uint32_t shards = 1;
};

// How many choices of each cut have been given by the end of each turn; the last turn gives all.
inline constexpr std::uint64_t kTurns[] = {2, 16, 256, ~std::uint64_t{0}};
// Of groups with more writes that may be lost, pairs count as covered only where the strategy covers
// all.
inline constexpr std::size_t kPairsCountedWrites = 1024;

// How much of the whole a list has gone through.
struct StateCounts {
  std::uint64_t cuts = 0;
  std::uint64_t choices = 0;   // states that were looked at, the same content as often as it came
  std::uint64_t distinct = 0;  // contents among these
  bool is_limited = false;     // there may be more: max_states was reached

  // Of these cuts, whatever the shard. All states, the same content as often as it comes; beyond 2^63
  // only its logarithm. Pairs of writes that may be lost, and those of them that were seen in all
  // four combinations of lost and survived.
  std::uint64_t possible = 0;
  double possible_log2 = 0;
  std::uint64_t pairs = 0;
  std::uint64_t pairs_covered = 0;
};

// Told apart are contents by a sum of hashes of their sectors: across cuts as well, and whichever
// writes they are made of. Memory grows with the states given (about 40 bytes each) and the largest
// group, time with the group for each state. Not thread-safe.
class StateList {
 public:
  // The timeline outlives the list. Errors (kUsage): no such instant, no ticks for model exact.
  [[nodiscard]] static Result<StateList> make(const Timeline& timeline, StateListOptions options);

  struct State {
    CrashState state;
    StateId id;
  };
  // Nothing at the end.
  [[nodiscard]] Result<std::optional<State>> next();
  // The device of the state that next() gave last.
  [[nodiscard]] std::shared_ptr<CrashView> view() const;
  [[nodiscard]] StateCounts counts() const;
  // Of all that the strategies give, about what share has been gone through, if there are so many
  // cuts. 1 at the end.
  [[nodiscard]] double share_done(std::uint64_t nr_cuts) const;

  // 128 bits, which add up.
  struct Sum {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    Sum& operator+=(const Sum& other);
    Sum& operator-=(const Sum& other);
    friend bool operator==(const Sum&, const Sum&) = default;
  };

 private:
  struct HashOfSum {
    std::size_t operator()(const Sum& sum) const { return static_cast<std::size_t>(sum.low); }
  };
  // Of a segment: what its content adds to the sum, for each writer and for none; as it is asked for.
  struct SegmentSums {
    std::optional<Sum> initial;
    std::vector<std::optional<Sum>> writers;
  };

  StateList(const Timeline& timeline, StateListOptions options, CutWalk walk);

  // False behind the last cut of the last turn.
  [[nodiscard]] Result<bool> next_group();
  [[nodiscard]] Result<bool> begin_turn();
  [[nodiscard]] CrashState all_lost(const std::shared_ptr<const CrashGroup>& group) const;
  void enter();
  void leave();
  [[nodiscard]] Status prepare_sums();
  [[nodiscard]] bool next_of_turn();
  [[nodiscard]] bool next_choice();
  [[nodiscard]] Status move_base(EntryIndex entries);
  [[nodiscard]] Result<Sum> key_of_state();
  [[nodiscard]] Result<Sum> sum_of_segment(std::size_t segment, std::optional<std::size_t> writer);
  void count_possible(std::uint64_t bits);
  [[nodiscard]] std::uint64_t pairs_covered() const;
  [[nodiscard]] bool is_of_shard(const Sum& key) const;

  const Timeline* timeline_;
  StateListOptions options_;

  CutWalk walk_;
  std::size_t turn_ = 0;
  bool has_more_ = false;  // a group has more than this turn gives
  bool is_at_end_ = false;

  std::shared_ptr<const CrashGroup> group_;
  bool is_in_group_ = false;
  std::uint64_t context_ = 0;   // where all is lost
  std::uint64_t of_group_ = 0;  // choices that the strategies have given of it
  std::size_t strategy_ = 0;
  std::vector<std::unique_ptr<ChoiceSource>> sources_;
  std::unique_ptr<PairCoverage> coverage_;  // null: the group is too large
  std::uint64_t covered_before_ = 0;        // in earlier turns
  CrashState state_;

  // Made when the first choice of the group is looked at.
  std::unique_ptr<GroupMap> map_;
  std::vector<SegmentSums> sums_;

  // The device in front of the group, relative to that in front of the first one.
  std::shared_ptr<InstantView> first_base_;
  std::shared_ptr<InstantView> base_;
  Sum base_sum_;
  std::unordered_set<Sum, HashOfSum> seen_;
  StateCounts counts_;
  double planned_ = 0;       // choices of the cuts of the first turn
  double gone_through_ = 0;  // of them
};

}  // namespace powercut::state
