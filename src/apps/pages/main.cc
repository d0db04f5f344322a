// SPDX-License-Identifier: Apache-2.0
// Used by the build only: writes the man pages and shell completions of all programs under a
// folder.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "apps/flags/documents.h"
#include "apps/nbdkit-logwrites/parameters.h"
#include "apps/nbdkit-powercut/parameters.h"
#include "apps/programs.h"
#include "apps/support/run.h"

namespace powercut::apps {

namespace {

Status write_completion(const flags::Program& program, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return os_error("cannot make the folder " + folder.string(), error.value());
  const auto path = folder / std::string(program.root.name);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << flags::bash_completion(program);
  file.close();
  if (!file) return os_error("cannot write " + path.string());
  return {};
}

Status write_all(const std::filesystem::path& share) {
  // A program that is added is added here.
  for (const flags::Program* program : {&powercut_program(), &replay_log_program(),
                                        &logwrites_program(), &nbdkit_powercut_program()}) {
    POWERCUT_TRY_STATUS(flags::write_man_pages(*program, share / "man" / "man1"));
    if (!program->is_nbdkit_plugin)
      POWERCUT_TRY_STATUS(write_completion(*program, share / "bash-completion" / "completions"));
  }
  return {};
}

Result<int> run(const flags::Arguments& arguments) {
  POWERCUT_TRY_STATUS(write_all(arguments.text("FOLDER")));
  return 0;
}

const flags::Program& pages_program() {
  static const flags::Program program = {
      .root = {.name = "powercut-pages",
               .summary = "write man pages and shell completions",
               .positionals = {{.name = "FOLDER",
                                .help = "Where man/ and bash-completion/ are made."}},
               .run = run},
      .version = POWERCUT_VERSION,
      .exit_statuses = standard_exit_statuses(),
  };
  return program;
}

}  // namespace

}  // namespace powercut::apps

int main(int argc, char** argv) {
  return powercut::apps::run_program(powercut::apps::pages_program(), argc, argv);
}
