// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "explore/explorer.h"
#include "explore/judge.h"
#include "explore/mark_table.h"

namespace powercut::explore {

// Makes findings of what a judge says of states, and keeps the evidence. Thread-safe.
class Results {
 public:
  // All of them outlive this.
  Results(const state::Timeline& timeline, const MarkTable& marks, const ExploreOptions& options)
      : timeline_(timeline), marks_(marks), options_(options) {}

  [[nodiscard]] Result<findings::StateResult> make(const state::StateList::State& listed,
                                                   const Judgement& judgement) const;

 private:
  [[nodiscard]] Status add_failure(const state::StateList::State& listed,
                                   const check::Verdict& verdict,
                                   findings::StateResult& result) const;
  [[nodiscard]] Status keep(const state::CrashState& state, const std::string& output,
                            findings::StateResult& result) const;

  const state::Timeline& timeline_;
  const MarkTable& marks_;
  const ExploreOptions& options_;
};

// The numbers of a summary that follow from the results. Not thread-safe.
class Tally {
 public:
  // Goes on with what there is.
  Tally(findings::Summary summary, EntryIndex first_failing_cut)
      : summary_(std::move(summary)), first_failing_cut_(first_failing_cut) {}

  void add(const findings::StateResult& result);
  [[nodiscard]] const findings::Summary& summary() const { return summary_; }
  [[nodiscard]] EntryIndex first_failing_cut() const { return first_failing_cut_; }

 private:
  findings::Summary summary_;
  EntryIndex first_failing_cut_;
};

}  // namespace powercut::explore
