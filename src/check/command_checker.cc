// SPDX-License-Identifier: Apache-2.0
#include "check/command_checker.h"

#include <fmt/format.h>

#include "base/check.h"
#include "check/check_run.h"
#include "check/shell.h"
#include "check/stragglers.h"

namespace powercut::check {
namespace {

constexpr const char* kShell = "/bin/sh";

// The word that the shell takes for the name of a program, if that can be told without being a
// shell: nothing for assignments, quotes, expansions, groups.
std::optional<std::string> program_of(std::string_view command) {
  const std::size_t begin = command.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t end = std::min(command.find_first_of(" \t\n;&|<>", begin), command.size());
  const std::string word(command.substr(begin, end - begin));
  if (word.empty() || word.find('=') != std::string::npos || word.find("{}") != std::string::npos ||
      shell_quoted(word) != word) {
    return std::nullopt;
  }
  return word;
}

Result<SubprocessResult> ask_shell(std::vector<std::string> arguments) {
  SubprocessOptions options;
  options.argv = {kShell};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.output = SubprocessOptions::Output::kNull;
  options.error_output = SubprocessOptions::Output::kCapture;
  return run_subprocess(options, std::chrono::seconds(10));
}

class CommandChecker final : public Checker {
 public:
  explicit CommandChecker(std::string command) : command_(std::move(command)) {}

  std::string description() const override { return command_; }
  std::string identity() const override { return command_identity(command_); }

  Status prepare() override {
    POWERCUT_TRY_STATUS(check_shell_command(command_));
    return adopt_orphans();
  }

  Result<std::optional<Verdict>> check(const Offer& offer, const Limits& limits,
                                       const Interrupt& interrupt) override {
    CheckRun run(offer, limits, interrupt);
    const auto result = POWERCUT_TRY(run.run_shell(with_disk_path(command_, offer.disk_path)));
    if (!result) return std::optional<Verdict>();
    if (auto failure = run.failure_of_shell(*result, kUsersCommand)) return failure;
    return run.pass();
  }

 private:
  const std::string command_;
};

}  // namespace

std::string with_disk_path(const std::string& command, const std::string& disk_path) {
  // What stands within quotes of the user's must stay as it is, so the path may not need any.
  POWERCUT_CHECK(shell_quoted(disk_path) == disk_path);
  std::string result;
  std::size_t from = 0;
  for (std::size_t at = command.find("{}"); at != std::string::npos;
       at = command.find("{}", from)) {
    result += command.substr(from, at - from) + disk_path;
    from = at + 2;
  }
  return result + command.substr(from);
}

Status check_shell_command(const std::string& command) {
  if (command.find_first_not_of(" \t\n") == std::string::npos) {
    return usage_error("the checker is an empty command, which would pass everything");
  }
  const SubprocessResult grammar = POWERCUT_TRY(ask_shell({"-n", "-c", command}));
  if (!grammar.succeeded()) {
    const std::string& said = grammar.error_output;
    return usage_error(fmt::format("the checker '{}' is not a shell command: {}", command,
                                   said.substr(0, said.find('\n'))));
  }
  const auto program = program_of(command);
  if (!program) return {};
  const SubprocessResult lookup =
      POWERCUT_TRY(ask_shell({"-c", "command -v -- \"$1\"", "sh", *program}));
  if (!lookup.succeeded()) {
    return usage_error(
        fmt::format("checker '{}' not found (in $PATH, or as an executable file)", *program));
  }
  return {};
}

std::string command_identity(const std::string& command) {
  const auto program = program_of(command);
  if (!program) return command;
  const bool is_path = program->find('/') != std::string::npos;
  const auto found = is_path ? Result<std::string>(*program) : find_program(*program);
  return command + "\n" + (found ? program_identity(*found) : "built in");
}

std::unique_ptr<Checker> make_command_checker(std::string command) {
  return std::make_unique<CommandChecker>(std::move(command));
}

}  // namespace powercut::check
