// SPDX-License-Identifier: Apache-2.0
// Runs a checker on one crash state after the other, several at a time.
#pragma once

#include <string>
#include <vector>

#include "check/checker.h"
#include "explore/plan.h"
#include "findings/finding.h"

namespace powercut::explore {

struct ExploreOptions {
  unsigned jobs = 1;
  check::Limits limits;
  std::uint64_t max_failures = 0;  // no further state is begun after so many; 0: no limit
  std::string keep_directory;  // where the images and outputs of failing states go; empty: nowhere
  // The command that checks a state in the same way, but for the state: "--at STATE" is put behind
  // the words.
  std::vector<std::string> reproduce;
};

// Told of each result as it comes, which is not in the order of the cuts. One call at a time, from
// any thread.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_result(const findings::StateResult& result) = 0;
};

// How many checks go on at once: what is asked for, at most what the checker bears and there are
// cuts.
[[nodiscard]] unsigned effective_jobs(const Plan& plan, const check::Checker& checker,
                                      unsigned jobs);

// The checker has been prepared. Ends early when `interrupt` is raised, which the summary says;
// raises it itself on an error. Errors are about log, environment or checker, not about states;
// what had been told to the listener stands.
[[nodiscard]] Result<findings::Summary> explore(const Plan& plan, check::Checker& checker,
                                                const ExploreOptions& options, Listener& listener,
                                                const check::Interrupt& interrupt);

}  // namespace powercut::explore
