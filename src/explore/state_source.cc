// SPDX-License-Identifier: Apache-2.0
#include "explore/state_source.h"

#include <cmath>

#include "base/prng.h"

namespace powercut::explore {

using state::StateList;

namespace {

// What a checker is told of marks, as a number: which of them had surely been put; and, where
// acknowledgements are compared, which may have been.
std::uint64_t mark_context(const MarkTable& marks, bool sees_marks, bool has_acknowledgements,
                           const state::CrashState& state) {
  std::uint64_t context = 0;
  if (sees_marks) context = marks.hash(marks.sure(state)).low;
  if (has_acknowledgements) {
    const MarkTable::Places places = marks.places(state);
    context = Prng(context ^ Prng(places.in_front)())() ^ Prng(places.reached)();
  }
  return context;
}

}  // namespace

Result<StateSource> StateSource::make(const Plan& plan, const MarkTable& marks, bool sees_marks) {
  if (!plan.states.empty()) return StateSource(plan, std::nullopt);
  state::StateListOptions options = plan.list;
  const bool has_acknowledgements = plan.acknowledgements != nullptr;
  if (sees_marks || has_acknowledgements) {
    options.context = [&marks, sees_marks, has_acknowledgements](const auto& state) {
      return mark_context(marks, sees_marks, has_acknowledgements, state);
    };
  }
  return StateSource(plan, POWERCUT_TRY(StateList::make(*plan.timeline, std::move(options))));
}

Result<std::optional<StateList::State>> StateSource::next() {
  if (list_) return list_->next();
  if (next_ == plan_->states.size()) return std::optional<StateList::State>();
  const state::StateId& id = plan_->states[next_++];
  return StateList::State{POWERCUT_TRY(plan_->timeline->crash_state(id)), id};
}

double StateSource::share_done() const {
  if (list_) return list_->share_done(plan_->facts.cuts);
  return static_cast<double>(next_) / static_cast<double>(plan_->states.size());
}

bool StateSource::is_limited() const {
  return list_ && list_->counts().is_limited;
}

void StateSource::add_counts(findings::Summary& summary) const {
  if (!list_) {
    summary.cuts = summary.looked_at = summary.distinct = summary.possible = next_;
    summary.possible_log2 = next_ == 0 ? 0 : std::log2(static_cast<double>(next_));
    return;
  }
  const state::StateCounts counts = list_->counts();
  summary.cuts = counts.cuts;
  summary.possible = counts.possible;
  summary.possible_log2 = counts.possible_log2;
  summary.looked_at = counts.choices;
  summary.distinct = counts.distinct;
  summary.pairs = counts.pairs;
  summary.pairs_covered = counts.pairs_covered;
}

}  // namespace powercut::explore
