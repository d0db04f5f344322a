// SPDX-License-Identifier: Apache-2.0
#include "apps/support/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>

#include "apps/flags/documents.h"
#include "apps/support/output.h"
#include "base/nearest.h"

namespace powercut::apps {

namespace {

using flags::Command;
using flags::Program;

constexpr std::size_t kNarrowest = 80;
constexpr std::size_t kWidest = 100;

const Command* find_command(const Program& program, std::string_view name) {
  const auto found = std::ranges::find(program.commands, name,
                                       [](const Command* command) { return command->name; });
  return found == program.commands.end() ? nullptr : *found;
}

Unexpected unknown_command(const Program& program, const std::string& name) {
  std::vector<std::string> names;
  for (const Command* command : program.commands) {
    if (!command->hidden) names.push_back(command->name);
  }
  const auto near = nearest(name, names);
  return usage_error(fmt::format("unknown command '{}'{}", name,
                                 near
                                     ? fmt::format("; did you mean '{}'?", *near)
                                     : fmt::format("; '{} --help' lists them", program.root.name)));
}

int show_help(const Program& program, const Command& command) {
  Output::standard().write(
      flags::help_text(program, command, terminal_width(stdout, kNarrowest, kWidest)));
  return 0;
}

bool asks_for(std::span<const std::string> words, std::string_view long_name,
              std::string_view short_name) {
  const auto end = std::ranges::find(words, "--");
  return std::any_of(words.begin(), end, [&](const std::string& word) {
    return word == long_name || word == short_name;
  });
}

Result<int> run_command(const Program& program, const Command& command,
                        std::span<const std::string> words) {
  if (asks_for(words, "--help", "-h")) return show_help(program, command);
  const auto arguments = flags::parse(command, words);
  if (arguments && command.run == nullptr) {
    return usage_error(
        fmt::format("a command is missing; '{} --help' lists them", program.root.name));
  }
  if (!arguments) {
    Error error = arguments.error();
    const bool is_root = &command == &program.root;
    error.message +=
        fmt::format("\nSee '{}{} --help'.", program.root.name, is_root ? "" : " " + command.name);
    return Unexpected(std::move(error));
  }
  return command.run(*arguments);
}

int show_version(const Program& program) {
  Output::standard().print("{} {}\n", program.root.name, program.version);
  return 0;
}

Result<int> run_words(const Program& program, std::span<const std::string> words) {
  if (asks_for(words, "--version", "--version")) return show_version(program);
  if (program.root.run != nullptr) return run_command(program, program.root, words);
  if (words.empty()) return run_command(program, program.root, words);
  if (words[0] == "help" && words.size() > 1) {
    const Command* command = find_command(program, words[1]);
    return command != nullptr ? Result<int>(show_help(program, *command))
                              : unknown_command(program, words[1]);
  }
  if (words[0] == "help") return show_help(program, program.root);
  // Not a command: an option of the program itself, or a mistake.
  if (words[0].starts_with('-')) return run_command(program, program.root, words);
  const Command* command = find_command(program, words[0]);
  if (command == nullptr) return unknown_command(program, words[0]);
  return run_command(program, *command, words.subspan(1));
}

void print_error(const Program& program, const Error& error) {
  const std::string text = fmt::format("{}: {}\n", program.root.name, error.message);
  // Nothing is left to be done if even this cannot be written.
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

int exit_status(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kFinding:
      return 1;
    case ErrorKind::kUsage:
      return 2;
    case ErrorKind::kBadInput:
      return 3;
    case ErrorKind::kEnvironment:
      return 4;
  }
  return 4;
}

std::vector<flags::Item> standard_exit_statuses() {
  return {{"0", "All well."},
          {"1", "The check or comparison failed: a finding."},
          {"2", "The command line is wrong."},
          {"3", "The input is bad: not a log, damaged, of the wrong size."},
          {"4", "The environment failed: an I/O error, no FUSE, no permission."}};
}

int run_program(const Program& program, int argc, char** argv) {
  (void)std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  Result<int> result = 0;
  try {
    result = run_words(program, words);
  } catch (const std::exception& exception) {
    // Ours do not throw; a library's, or an allocation, may.
    result = environment_error(fmt::format("internal error: {}", exception.what()));
  }
  Output::standard().flush();
  if (result) {
    if (const Status status = Output::standard().status(); !status)
      result = tl::unexpected(status.error());
  }
  if (result) return *result;
  print_error(program, result.error());
  return exit_status(result.error());
}

}  // namespace powercut::apps
