// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/commands.h"
#include "apps/programs.h"
#include "apps/support/run.h"

namespace powercut::apps {

const flags::Program& powercut_program() {
  static const flags::Program program = {
      .root =
          {.name = "powercut",
           .summary = "record a block device's writes and see what a power cut would leave",
           .description = {"Records every write, write-zeroes, discard and flush that a storage "
                           "stack makes to a "
                           "block device, in the log format of Linux's dm-log-writes, and shows, "
                           "checks and explains "
                           "what would be left on the device had the power gone at any instant.",
                           "An instant is the device after the first entries of a log. It is "
                           "written N or entry:N "
                           "(after N entries), flush:K (after the K-th flush), mark:NAME (after "
                           "the first mark of "
                           "that name), start or end.",
                           "A crash state is one content that the device could have had after a "
                           "power cut. It is written epoch:N (the power was cut behind N entries) "
                           "or exact:TICK (at a tick), with :lost:LIST for the writes that did not "
                           "survive or :kept:LIST for the only ones that did, and :torn:N:LIST for "
                           "the parts of a write that survived: epoch:412:lost:409-411.415. "
                           "'powercut explore --list' prints those of a log; replay, diff, blame, "
                           "mount and serve take them in the place of an instant."},
           .see_also = {"replay-log(1)", "nbdkit-logwrites-plugin(1)", "nbdkit-powercut-plugin(1)",
                        "nbdkit(1)"}},
      .version = POWERCUT_VERSION,
      // In the order in which --help lists them: that of their use.
      .commands = {&record_command(), &mark_command(), &status_command(), &info_command(),
                   &log_command(), &verify_command(), &repair_command(), &replay_command(),
                   &diff_command(), &blame_command(), &mount_command(), &serve_command(),
                   &explore_command(), &test_command(), &explain_command(), &report_command()},
      .environment = {{"NO_COLOR", "If set and not empty, no colour is used on a terminal."},
                      {"TMPDIR", "Where temporary files are made. Default: /tmp."}},
      .exit_statuses = standard_exit_statuses(),
  };
  return program;
}

}  // namespace powercut::apps
