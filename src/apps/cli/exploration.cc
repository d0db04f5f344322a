// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/exploration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>

#include "apps/cli/terminal.h"
#include "apps/support/progress.h"
#include "apps/support/signal_interrupt.h"
#include "base/mutex.h"
#include "check/application_checkers.h"
#include "check/command_checker.h"
#include "check/disk_folder.h"
#include "check/enclosed_checker.h"
#include "check/mount_checker.h"
#include "check/ready_checkers.h"
#include "check/shell.h"
#include "explore/places.h"

namespace powercut::apps {
namespace {

// More than these make a list that nobody reads; --json has them all.
constexpr std::uint64_t kFailuresInFull = 3;
constexpr std::uint64_t kFailuresShown = 10;

// Thread-safe.
class Reporter final : public explore::Listener {
 public:
  Reporter(const Terminal& terminal, FindingsOutput& findings,
           const explore::ExploreOptions& options, explore::CauseCollector& causes)
      : terminal_(terminal),
        causes_(causes),
        reproduce_(options.reproduce),
        earlier_(options.earlier.summary.checked),
        findings_(findings),
        progress_("checking", 0) {}

  void on_result(const findings::StateResult& result, const state::CrashState& state,
                 const explore::Progress& run) override {
    causes_.on_result(result, state);
    const MutexLock lock(mutex_);
    findings_.write(result);
    if (!result.passed()) show_failure(result);
    // What had been found before says nothing of how fast this run is.
    const std::uint64_t checked = run.checked - earlier_;
    if (run.share > 0)
      progress_.set_total(static_cast<std::uint64_t>(static_cast<double>(checked) / run.share));
    progress_.update(checked, fmt::format("{} failed", run.failed));
  }

  void on_disagreement(const findings::Disagreement& disagreement) {
    const MutexLock lock(mutex_);
    findings_.write(disagreement);
    progress_.clear();
    terminal_.print(report::disagreement_text(disagreement, terminal_.style()) + "\n");
  }

  void end(const std::vector<findings::Cause>& causes, const findings::Summary& summary) {
    const MutexLock lock(mutex_);
    progress_.clear();
    for (const auto& cause : causes) {
      findings_.write(cause);
      terminal_.print(report::cause_text(cause, terminal_.style()) + "\n");
    }
    findings_.write(summary);
    if (failed_ > kFailuresInFull) {
      terminal_.print(fmt::format("each is shown again by: {} --at STATE\n\n",
                                  check::shell_joined(reproduce_)));
    }
    terminal_.print(
        report::summary_text(summary, std::min(failed_, kFailuresShown), terminal_.style()));
  }
  void clear() {
    const MutexLock lock(mutex_);
    progress_.clear();
  }

 private:
  void show_failure(const findings::StateResult& result) POWERCUT_REQUIRES(mutex_) {
    if (++failed_ > kFailuresShown) return;
    progress_.clear();
    terminal_.print(failed_ <= kFailuresInFull
                        ? report::failure_text(result, terminal_.style()) + "\n"
                        : report::brief_failure_text(result, terminal_.style()));
  }

  const Terminal& terminal_;
  explore::CauseCollector& causes_;
  const std::vector<std::string> reproduce_;
  const std::uint64_t earlier_;
  Mutex mutex_;
  FindingsOutput& findings_ POWERCUT_GUARDED_BY(mutex_);
  Progress progress_ POWERCUT_GUARDED_BY(mutex_);
  std::uint64_t failed_ POWERCUT_GUARDED_BY(mutex_) = 0;
};

// This program as the user called it, so that the command can be pasted.
std::string program_name() {
  const std::string name = program_invocation_name;
  return name.find('/') == std::string::npos ? "powercut" : name;
}

std::vector<std::string> reproducing_command(const Exploration& exploration) {
  const auto& request = exploration.request;
  std::vector<std::string> words = {program_name(), "explore", request.log};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {name, value});
  };
  add("--base", request.base);
  if (request.size_bytes) add("--size", std::to_string(*request.size_bytes));
  add("--fs", exploration.file_system);
  add("--mount", exploration.mount);
  add("--mount-options", exploration.mount_options);
  if (exploration.compares_acknowledgements) words.emplace_back("--acks");
  for (const auto& application : exploration.applications) add("--app", application);
  add("--check", exploration.command);
  if (const auto& nested = exploration.judge.nested) {
    words.emplace_back("--nested");
    if (nested->depth > 1) add("--depth", std::to_string(nested->depth));
    if (nested->choices.seed != 0) add("--seed", std::to_string(nested->choices.seed));
  }
  const check::Limits& limits = exploration.judge.limits;
  if (limits.timeout != check::Limits{}.timeout)
    add("--timeout", std::to_string(limits.timeout / std::chrono::seconds(1)));
  if (limits.memory_bytes) add("--memory-limit", std::to_string(*limits.memory_bytes));
  if (limits.file_bytes) add("--file-limit", std::to_string(*limits.file_bytes));
  return words;
}

Status make_keep_directory(const std::string& path) {
  if (path.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return os_error(fmt::format("cannot make directory '{}'", path), error.value());
  return {};
}

Result<std::unique_ptr<check::Checker>> make_mounted(const Exploration& exploration) {
  check::MountPlan plan;
  plan.file_system = exploration.mount;
  plan.options = exploration.mount_options;
  plan.compares_acknowledgements = exploration.compares_acknowledgements;
  std::string tasks = plan.compares_acknowledgements ? "acknowledged files" : "";
  const auto add_task = [&tasks](const std::string& task) {
    tasks += (tasks.empty() ? "" : " and ") + task;
  };
  for (const auto& application : exploration.applications) {
    plan.commands.push_back(POWERCUT_TRY(check::make_application_command(application)));
    add_task(application);
  }
  if (exploration.has_command) {
    plan.commands.push_back({.step = check::kUsersCommand, .command = exploration.command});
    add_task(fmt::format("'{}'", exploration.command));
  }
  plan.description = tasks.empty() ? fmt::format("mount {}", plan.file_system)
                                   : fmt::format("{} on mounted {}", tasks, plan.file_system);
  return check::make_mount_checker(std::move(plan));
}

Result<std::unique_ptr<check::Checker>> make_checker(const Exploration& exploration) {
  std::vector<std::unique_ptr<check::Checker>> checkers;
  if (!exploration.file_system.empty()) {
    checkers.push_back(POWERCUT_TRY(check::make_file_system_checker(exploration.file_system)));
  }
  if (!exploration.mount.empty()) {
    checkers.push_back(POWERCUT_TRY(make_mounted(exploration)));
  } else if (exploration.has_command) {
    checkers.push_back(check::make_command_checker(exploration.command));
  }
  auto checker = check::make_enclosed(check::make_sequence(std::move(checkers)));
  POWERCUT_TRY_STATUS(checker->prepare());
  return checker;
}

// For people, with all that decides on verdicts.
std::string description_of(const check::Checker& checker, const Exploration& exploration) {
  std::string text = checker.description();
  if (const auto& nested = exploration.judge.nested)
    text += fmt::format(", and with cuts inside its recoveries, {} deep", nested->depth);
  if (const auto bytes = exploration.judge.limits.memory_bytes)
    text += fmt::format(", with at most {} bytes of memory", *bytes);
  if (const auto bytes = exploration.judge.limits.file_bytes)
    text += fmt::format(", with files of at most {} bytes", *bytes);
  return text;
}

// While the log is read for the first time.
std::function<void(ByteOffset, ByteCount)> index_progress() {
  const auto progress = std::make_shared<Progress>("indexing", 0, Progress::Unit::kBytes);
  return [progress](ByteOffset done, ByteCount total) {
    progress->set_total(total);
    progress->update(done);
    if (done == total) progress->clear();
  };
}

}  // namespace

Result<std::unique_ptr<check::Checker>> prepare_checker(Exploration& exploration) {
  exploration.request.is_of_file_system =
      !exploration.file_system.empty() || !exploration.mount.empty();
  exploration.request.wants_acknowledgements = exploration.compares_acknowledgements;
  exploration.request.progress = index_progress();
  exploration.options.reproduce = reproducing_command(exploration);
  return make_checker(exploration);
}

explore::JudgeOptions judge_options(const Exploration& exploration, const explore::Plan& plan,
                                    const check::Interrupt& interrupt) {
  explore::JudgeOptions options = exploration.judge;
  options.jobs = plan.facts.jobs;
  options.first_base = plan.first_base;
  options.acknowledgements = plan.acknowledgements;
  options.interrupt = &interrupt;
  return options;
}

Result<PreparedExploration> PreparedExploration::make(Exploration exploration) {
  auto checker = POWERCUT_TRY(prepare_checker(exploration));
  POWERCUT_TRY_STATUS(make_keep_directory(exploration.options.keep_directory));
  // The one that is gone on with may have been killed, and still be about to end.
  check::DiskFolder::clean_up_behind_the_killed();
  auto findings = POWERCUT_TRY(FindingsOutput::open(exploration.findings));
  return PreparedExploration(std::move(exploration), std::move(checker), std::move(findings));
}

Status PreparedExploration::begin(const explore::Plan& plan, explore::CauseCollector& causes) {
  if (exploration_.findings.is_kept) {
    explore::EarlierResults& earlier = exploration_.options.earlier;
    const auto add = [&](const findings::Record& record) -> Status {
      POWERCUT_TRY_STATUS(findings_.add_earlier(record));
      const auto* result = std::get_if<findings::StateResult>(&record);
      if (result == nullptr || result->passed()) return {};
      const state::StateId id = POWERCUT_TRY(state::parse_state_id(result->state));
      causes.on_result(*result, POWERCUT_TRY(plan.timeline->crash_state(id)));
      return {};
    };
    earlier = POWERCUT_TRY(explore::read_earlier(exploration_.findings.json, plan.facts, add));
    POWERCUT_TRY_STATUS(findings_.cut(earlier.kept_bytes));
    // What was explored stands there.
    if (earlier.kept_bytes > 0) return {};
  }
  findings_.write(plan.facts);
  return {};
}

Result<ExplorationOutcome> PreparedExploration::run() {
  explore::Plan plan = POWERCUT_TRY(explore::make_plan(exploration_.request));
  plan.facts.checker = description_of(*checker_, exploration_);
  plan.facts.jobs = explore::effective_jobs(*checker_, exploration_.options.jobs);
  exploration_.options.jobs = plan.facts.jobs;
  exploration_.options.sees_marks = checker_->sees_marks();
  explore::CauseCollector causes(*plan.timeline);
  POWERCUT_TRY_STATUS(begin(plan, causes));

  const check::Interrupt interrupt = POWERCUT_TRY(check::Interrupt::make());
  const auto signals = POWERCUT_TRY(SignalInterrupt::make([&interrupt] { interrupt.raise(); }));

  const Terminal terminal(exploration_.findings.json == "-");
  terminal.print(report::run_text(plan.facts) + "\n");
  Reporter reporter(terminal, findings_, exploration_.options, causes);
  explore::JudgeOptions options = judge_options(exploration_, plan, interrupt);
  options.on_disagreement = [&reporter](const auto& found) { reporter.on_disagreement(found); };
  const auto judge =
      POWERCUT_TRY(explore::PruningJudge::make(*plan.timeline, *checker_, std::move(options)));
  auto summary =
      explore::explore(plan, judge->marks(), *judge, exploration_.options, reporter, interrupt);
  reporter.clear();
  if (!summary) return tl::unexpected(summary.error());
  summary->audited += judge->counts().audited;
  summary->disagreements += judge->counts().disagreements;
  explore::DevicePlaces places(*plan.timeline);
  const auto explained =
      POWERCUT_TRY(causes.finish(exploration_.explains ? judge.get() : nullptr,
                                 {.reproduce = exploration_.options.reproduce, .places = &places}));
  POWERCUT_TRY_STATUS(judge->close());
  summary->causes = explained.size();
  reporter.end(explained, *summary);
  POWERCUT_TRY_STATUS(findings_.close());
  const int status = summary->interrupted && signals->received() != 0 ? signals->exit_status()
                     : summary->succeeded()                           ? 0
                                                                      : 1;
  return ExplorationOutcome{*summary, status};
}

}  // namespace powercut::apps
