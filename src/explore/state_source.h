// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "explore/mark_table.h"
#include "explore/plan.h"

namespace powercut::explore {

// The states of a plan: those that it names, else the list that it describes. Not thread-safe.
class StateSource {
 public:
  // Plan and marks outlive the source. Equal contents behind other marks are told apart where a
  // checker sees marks, or has acknowledgements to compare.
  [[nodiscard]] static Result<StateSource> make(const Plan& plan, const MarkTable& marks,
                                                bool sees_marks);

  // Nothing at the end.
  [[nodiscard]] Result<std::optional<state::StateList::State>> next();
  // About, of all.
  [[nodiscard]] double share_done() const;
  // There may be more: the plan has a limit.
  [[nodiscard]] bool is_limited() const;
  // What has been gone through so far.
  void add_counts(findings::Summary& summary) const;

 private:
  StateSource(const Plan& plan, std::optional<state::StateList> list)
      : plan_(&plan), list_(std::move(list)) {}

  const Plan* plan_;
  std::optional<state::StateList> list_;
  std::size_t next_ = 0;  // of plan_->states
};

}  // namespace powercut::explore
