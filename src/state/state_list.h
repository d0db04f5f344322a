// SPDX-License-Identifier: Apache-2.0
// The crash states of a log, one after the other, each content once.
#pragma once

#include <deque>
#include <memory>
#include <unordered_set>
#include <vector>

#include "state/cuts.h"
#include "state/enumeration.h"
#include "state/timeline.h"

namespace powercut::state {

struct StateListOptions {
  Model model = Model::kEpoch;
  // Where to cut. By ticks, a flush and an FUA write give two cuts each: the last tick at which what
  // they make durable may still be lost, and their completion; `flushes` and `all` give the end of
  // the log as well; `all` is all ticks at which M or W changes.
  CutSelection at;
  EntryIndex from = 0;  // limits for the kinds of places, as for CutFilter
  EntryIndex to = 0;
  std::vector<Strategy> strategies = {{}};
  ChoiceOptions choices;
  DiscardPolicy discard;
  std::uint64_t max_states = 0;  // no more than so many are given; 0: no limit
};

// How much of the whole a list has gone through.
struct StateCounts {
  std::uint64_t cuts = 0;
  std::uint64_t choices = 0;   // states that were looked at, the same content as often as it came
  std::uint64_t distinct = 0;  // contents that were given
  bool is_limited = false;     // there may be more: max_states was reached

  // All states of these cuts, the same content as often as it comes; beyond 2^63 only its logarithm.
  std::uint64_t possible = 0;
  double possible_log2 = 0;
  [[nodiscard]] std::string possible_text() const;  // "12", "2^71"
};

// Told apart are contents by a sum of hashes of their sectors: across cuts as well, and whichever
// writes they are made of. Memory grows with the states given (about 40 bytes each) and the group, time
// with the group for each state. Not thread-safe.
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
  [[nodiscard]] const StateCounts& counts() const { return counts_; }

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

  StateList(const Timeline& timeline, StateListOptions options, log::Reader reader,
            CutFilter filter);

  [[nodiscard]] Result<std::optional<std::uint64_t>> next_cut();
  [[nodiscard]] Status add_ticks(const log::Entry& entry);
  // False behind the last cut.
  [[nodiscard]] Result<bool> next_group();
  [[nodiscard]] Status enter(std::shared_ptr<const CrashGroup> group);
  [[nodiscard]] bool next_choice();
  [[nodiscard]] Status move_base(EntryIndex entries);
  [[nodiscard]] Result<Sum> sum_of_state();
  [[nodiscard]] Result<Sum> sum_of_segment(std::size_t segment, std::optional<std::size_t> writer);
  void count_possible(std::uint64_t bits);

  const Timeline* timeline_;
  StateListOptions options_;

  log::Reader reader_;
  CutFilter filter_;
  bool is_begun_ = false;
  bool is_ended_ = false;
  // Whether M or W is another one than at the last cut; by position this is seen in passing.
  bool is_changed_ = true;
  std::deque<Tick> ticks_;

  std::shared_ptr<const CrashGroup> group_;
  std::unique_ptr<GroupMap> map_;
  std::vector<SegmentSums> sums_;
  std::size_t strategy_ = 0;
  std::unique_ptr<ChoiceSource> source_;
  CrashState state_;

  // The device in front of the group, relative to that in front of the first one.
  std::shared_ptr<InstantView> base_;
  Sum base_sum_;
  std::unordered_set<Sum, HashOfSum> seen_;
  StateCounts counts_;
};

}  // namespace powercut::state
