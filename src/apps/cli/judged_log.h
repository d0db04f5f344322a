// SPDX-License-Identifier: Apache-2.0
// A log with a judge of its crash states, for commands that ask for single verdicts.
#pragma once

#include <memory>

#include "apps/cli/exploration.h"
#include "apps/support/signal_interrupt.h"

namespace powercut::apps {

class JudgedLog {
 public:
  // Seen to be there: log, checker, and what the exploration's request asks for.
  [[nodiscard]] static Result<std::unique_ptr<JudgedLog>> open(Exploration exploration);

  [[nodiscard]] const explore::Plan& plan() const { return plan_; }
  [[nodiscard]] const state::Timeline& timeline() const { return *plan_.timeline; }
  [[nodiscard]] explore::Judge& judge() { return *judge_; }
  // The command that checks a state, but for "--at STATE".
  [[nodiscard]] const std::vector<std::string>& reproduce() const {
    return exploration_.options.reproduce;
  }
  // Of the signal that ended the work early; nothing if none did.
  [[nodiscard]] std::optional<int> interrupted_status() const;
  [[nodiscard]] Status close() { return judge_->close(); }

 private:
  JudgedLog(Exploration exploration, std::unique_ptr<check::Checker> checker, explore::Plan plan,
            check::Interrupt interrupt)
      : exploration_(std::move(exploration)),
        checker_(std::move(checker)),
        plan_(std::move(plan)),
        interrupt_(std::move(interrupt)) {}

  const Exploration exploration_;
  const std::unique_ptr<check::Checker> checker_;
  const explore::Plan plan_;
  const check::Interrupt interrupt_;
  std::unique_ptr<SignalInterrupt> signals_;
  std::unique_ptr<explore::PruningJudge> judge_;
};

}  // namespace powercut::apps
