// SPDX-License-Identifier: Apache-2.0
// The run through the crash states of a plan: one after the other is judged, several at a time.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "check/checker.h"
#include "explore/earlier.h"
#include "explore/judge.h"
#include "explore/mark_table.h"
#include "explore/plan.h"
#include "findings/finding.h"

namespace powercut::explore {

struct ExploreOptions {
  unsigned jobs = 1;
  std::uint64_t max_failures = 0;  // no further state is begun after so many; 0: no limit
  std::optional<std::chrono::seconds> time_limit;  // ... after so long
  bool sees_marks = false;                         // check::Checker::sees_marks()
  std::string keep_directory;  // where the images and outputs of failing states go; empty: nowhere
  // The command that checks a state in the same way, but for the state: "--at STATE" is put behind
  // the words.
  std::vector<std::string> reproduce;
  EarlierResults earlier;
};

// How far a run has come.
struct Progress {
  std::uint64_t checked = 0;
  std::uint64_t failed = 0;
  double share = 0;  // of all that it is going to do, about; by whichever limit is the nearest
};

// Told of each result as it comes, which is not in the order of the cuts. One call at a time, from
// any thread.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_result(const findings::StateResult& result, const state::CrashState& state,
                         const Progress& progress) = 0;
};

// How many checks go on at once: what is asked for, at most what the checker bears.
[[nodiscard]] unsigned effective_jobs(const check::Checker& checker, unsigned jobs);

// Ends early when `interrupt` is raised, which the summary says; raises it itself on an error. Errors
// are about log, environment or checker, not about states; what had been told to the listener
// stands. The summary is of earlier results as well; what only the judge knows (audits) is not in it.
[[nodiscard]] Result<findings::Summary> explore(const Plan& plan, const MarkTable& marks,
                                                Judge& judge, const ExploreOptions& options,
                                                Listener& listener,
                                                const check::Interrupt& interrupt);

}  // namespace powercut::explore
