// SPDX-License-Identifier: Apache-2.0
// What `explore` and `test` have in common: the choice of the checker, the run, its report.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/cli/findings_output.h"
#include "explore/causes.h"
#include "explore/explorer.h"
#include "explore/pruning_judge.h"

namespace powercut::apps {

// An exploration as it was asked for.
struct Exploration {
  explore::Request request;
  std::string file_system;  // with a ready checker, which is run; empty: none
  std::string mount;        // the file system to mount each state as; empty: no mount
  std::string mount_options;
  bool has_command = false;
  std::string command;  // of --check; with `mount` it is run on the mounted state
  bool compares_acknowledgements = false;  // on the mounted state
  std::vector<std::string> applications;   // of --app; looked at on the mounted state
  // Whether it has to be mounted, even without a command.
  [[nodiscard]] bool looks_at_files() const {
    return compares_acknowledgements || !applications.empty();
  }
  explore::ExploreOptions options;
  explore::JudgeOptions judge;  // but for what follows from the plan
  bool explains = true;         // causes of failures
  FindingsOutput::Paths findings;
};

// Puts in what follows from the rest, and gives the checker, ready.
[[nodiscard]] Result<std::unique_ptr<check::Checker>> prepare_checker(Exploration& exploration);
// With what follows from the plan.
[[nodiscard]] explore::JudgeOptions judge_options(const Exploration& exploration,
                                                  const explore::Plan& plan,
                                                  const check::Interrupt& interrupt);

struct ExplorationOutcome {
  findings::Summary summary;
  int exit_status = 0;
};

// An exploration whose checker, output file and directories have been seen to be there, so that nothing of
// this is found missing after hours of work. The log may not be there yet.
class PreparedExploration {
 public:
  [[nodiscard]] static Result<PreparedExploration> make(Exploration exploration);
  // Errors are about anything but states.
  [[nodiscard]] Result<ExplorationOutcome> run();

 private:
  PreparedExploration(Exploration exploration, std::unique_ptr<check::Checker> checker,
                      FindingsOutput findings)
      : exploration_(std::move(exploration)),
        checker_(std::move(checker)),
        findings_(std::move(findings)) {}

  // Writes the first line of the findings, or reads those that are gone on with.
  [[nodiscard]] Status begin(const explore::Plan& plan, explore::CauseCollector& causes);

  Exploration exploration_;
  std::unique_ptr<check::Checker> checker_;
  FindingsOutput findings_;
};

}  // namespace powercut::apps
