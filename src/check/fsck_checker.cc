// SPDX-License-Identifier: Apache-2.0
#include "check/fsck_checker.h"

#include "check/check_run.h"

namespace powercut::check {
namespace {

// What the program says of itself; empty if it does not run.
std::string version_of(const std::string& e2fsck) {
  SubprocessOptions options;
  options.argv = {e2fsck, "-V"};
  options.output = SubprocessOptions::Output::kNull;
  options.error_output = SubprocessOptions::Output::kCapture;
  const auto result = run_subprocess(options, std::chrono::seconds(30));
  return result && result->succeeded() ? result->error_output : "";
}

// Where the program is. Debian has e2fsck also without shared libraries (e2fsck-static): it is taken if it is of
// the same version, because it starts in half the time, which is most of what e2fsck takes on a small
// device.
Result<std::string> find_fsck(const std::string& program, const std::string& package) {
  std::string path = POWERCUT_TRY(find_program(program, package));
  if (program != "e2fsck") return path;
  const auto without_libraries = find_program("e2fsck.static");
  if (!without_libraries) return path;
  const std::string version = version_of(path);
  return !version.empty() && version_of(*without_libraries) == version ? *without_libraries : path;
}

class FsckChecker final : public Checker {
 public:
  explicit FsckChecker(FsckPlan plan) : plan_(std::move(plan)) {}

  std::string description() const override { return plan_.description; }
  std::string identity() const override {
    std::string text = plan_.description;
    for (std::size_t i = 0; i < programs_.size(); ++i) {
      const auto& step = plan_.steps[i];
      text += "\n" + name_of(step) + "\n" + program_identity(programs_[i]);
      if (step.is_good != nullptr) text += "\nand by what it prints";
    }
    return text;
  }
  bool sees_marks() const override { return false; }
  bool touches_only_the_disk() const override { return true; }

  Status prepare() override {
    programs_.clear();
    for (const auto& step : plan_.steps)
      programs_.push_back(POWERCUT_TRY(find_fsck(step.argv[0], plan_.package)));
    return {};
  }

  Result<std::optional<Verdict>> check(const Offer& offer, const Limits& limits,
                                       const Interrupt& interrupt) override {
    CheckRun run(offer, limits, interrupt);
    std::optional<Verdict> verdict;
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      verdict = POWERCUT_TRY(take(plan_.steps[i], programs_[i], offer, run));
      if (!verdict || !verdict->passed()) break;
    }
    return verdict;
  }

  bool has_shortcut() const override { return plan_.shortcut.has_value(); }
  Result<std::optional<Verdict>> take_shortcut(const Offer& offer, const Limits& limits,
                                               const Interrupt& interrupt) override {
    CheckRun run(offer, limits, interrupt);
    auto verdict = POWERCUT_TRY(take(*plan_.shortcut, programs_.back(), offer, run));
    if (verdict && !verdict->passed()) verdict.reset();
    return verdict;
  }

 private:
  static Result<std::optional<Verdict>> take(const FsckPlan::Step& step, const std::string& program,
                                             const Offer& offer, CheckRun& run) {
    std::vector<std::string> argv = step.argv;
    argv[0] = program;
    argv.push_back(offer.disk_path);
    run.set_environment("LC_ALL", "C");
    const auto result = POWERCUT_TRY(run.run(argv));
    if (!result) return std::optional<Verdict>();
    if (auto failure = run.failure_of(*result, name_of(step), step.good_statuses)) return failure;
    if (step.is_good != nullptr && !step.is_good(result->output))
      return run.fail(Outcome::kExitStatus, result->exit_status, name_of(step));
    return run.pass();
  }
  static std::string name_of(const FsckPlan::Step& step) {
    std::string name;
    for (const auto& word : step.argv) name += (name.empty() ? "" : " ") + word;
    return name;
  }

  const FsckPlan plan_;
  std::vector<std::string> programs_;  // of the steps
};

}  // namespace

std::unique_ptr<Checker> make_fsck_checker(FsckPlan plan) {
  return std::make_unique<FsckChecker>(std::move(plan));
}

}  // namespace powercut::check
