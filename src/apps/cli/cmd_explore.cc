// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/commands.h"
#include "apps/cli/exploration.h"

namespace powercut::apps {
namespace {

Result<int> run_explore(const flags::Arguments& arguments) {
  return run_exploration(arguments, arguments.text("LOG"));
}

}  // namespace

const flags::Command& explore_command() {
  static const flags::Command command = {
      .name = "explore",
      .summary = "run a checker on the states that a power cut could have left",
      .description = {"Cuts the power at many places of LOG, and gives the device, as it would "
                      "have been left, to a checker. "
                      "Each failure is printed with the one command that shows it again.",
                      "The states are made while the log is read and cost no copy of the device: "
                      "what a checker writes is "
                      "laid over it and thrown away."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."}},
      .flags = exploration_flags(),
      .sections = {checker_section()},
      .examples = {{"Is ext4 whole after a cut at any flush or mark?",
                    "powercut explore run.log --fs ext4 --at flush,mark"},
                   {"Is a database, on ext4?",
                    "powercut explore run.log --mount ext4 --at flush \\\n"
                    "    --check 'test \"$(sqlite3 $POWERCUT_MNT/app.db \"PRAGMA "
                    "integrity_check\")\" = ok'"},
                   {"Once more for the state that failed, and keep it:",
                    "powercut explore run.log --fs ext4 --at entry:412 --keep failed"}},
      .exit_statuses = exploration_exit_statuses(),
      .see_also = {"powercut-record(1)", "powercut-test(1)", "powercut-replay(1)"},
      .run = run_explore,
  };
  return command;
}

}  // namespace powercut::apps
