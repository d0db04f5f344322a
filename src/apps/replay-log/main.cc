// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "apps/flags/documents.h"
#include "apps/programs.h"
#include "apps/replay-log/replay_log.h"
#include "apps/support/output.h"

namespace {

constexpr std::size_t kNarrowest = 80;
constexpr std::size_t kWidest = 100;

}  // namespace

int main(int argc, char** argv) {
  using powercut::apps::replay_log::Options;
  const auto& program = powercut::apps::replay_log_program();
  const auto options = powercut::apps::replay_log::parse_options(program.root, argc, argv);
  if (!options) return powercut::apps::replay_log::kFailure;
  int status = powercut::apps::replay_log::kSuccess;
  if (options->ask == Options::Ask::kHelp) {
    const std::size_t width = powercut::apps::terminal_width(stdout, kNarrowest, kWidest);
    std::fputs(powercut::flags::help_text(program, width).c_str(), stdout);
  } else if (options->ask == Options::Ask::kVersion) {
    std::printf("replay-log %s\n", program.version.c_str());
  } else {
    status = powercut::apps::replay_log::run(*options);
  }
  if (std::fflush(stdout) != 0) {
    std::perror("replay-log: cannot write the output");
    return powercut::apps::replay_log::kFailure;
  }
  return status;
}
