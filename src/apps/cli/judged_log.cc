// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/judged_log.h"

namespace powercut::apps {

Result<std::unique_ptr<JudgedLog>> JudgedLog::open(Exploration exploration) {
  auto checker = POWERCUT_TRY(prepare_checker(exploration));
  explore::Plan plan = POWERCUT_TRY(explore::make_plan(exploration.request));
  plan.facts.checker = checker->description();
  plan.facts.jobs = 1;
  check::Interrupt interrupt = POWERCUT_TRY(check::Interrupt::make());
  std::unique_ptr<JudgedLog> log(new JudgedLog(std::move(exploration), std::move(checker),
                                               std::move(plan), std::move(interrupt)));
  log->signals_ = POWERCUT_TRY(SignalInterrupt::make([&log = *log] { log.interrupt_.raise(); }));
  explore::JudgeOptions options = judge_options(log->exploration_, log->plan_, log->interrupt_);
  log->judge_ = POWERCUT_TRY(
      explore::PruningJudge::make(log->timeline(), *log->checker_, std::move(options)));
  return log;
}

std::optional<int> JudgedLog::interrupted_status() const {
  if (signals_->received() == 0) return std::nullopt;
  return signals_->exit_status();
}

}  // namespace powercut::apps
