// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/commands.h"
#include "apps/cli/recording_options.h"

namespace powercut::apps {
namespace {

Result<int> run_record(const flags::Arguments& arguments) {
  const RecordingPlan plan = POWERCUT_TRY(recording_plan_from(arguments));
  const RecordingOutcome outcome = POWERCUT_TRY(run_recording(plan));
  if (!outcome.summary.empty()) print_notice(outcome.summary);
  return outcome.exit_status;
}

}  // namespace

const flags::Command& record_command() {
  static const flags::Command command = {
      .name = "record",
      .summary = "run a command on a recorded disk",
      .description =
          {"Makes a disk of which every write, write-zeroes, discard and flush is recorded in LOG, "
           "runs COMMAND against it, and takes the disk down again, whatever happens: when COMMAND "
           "ends, when a signal comes, when something fails. What a killed recorder left behind is "
           "cleaned up by the next one.",
           "COMMAND runs in the current directory with $POWERCUT_DISK (the disk), $POWERCUT_MNT "
           "(where the file system is mounted) and $POWERCUT_CONTROL set. When it ends, so do the "
           "processes that it has started and left running.",
           "With --fs the log gets the marks mkfs, mounted, exited (COMMAND has ended, nothing has "
           "been synced for it) and unmounted."},
      .trailing = flags::Trailing{.usage = "COMMAND [ARG...]",
                                  .help = "What to run against the disk.",
                                  .required = false},
      .flags = recording_flags(),
      .sections =
          {{"Signals",
            {"SIGINT, SIGTERM and SIGHUP are passed on to COMMAND; a second one, or ten seconds, "
             "kills it. COMMAND has the terminal, so that keys such as ^C go to it."}},
           {"Without root",
            {"--raw, --fuse and --nbd work without root; FUSE then needs fusermount3(1), and only "
             "the user who records has access to the disk. A loop device and mounting need "
             "root."}}},
      .examples = {{"Record a workload on ext4.",
                    "powercut record --size 1G --fs ext4 --log run.log -- ./workload"},
                   {"Record on an image that is kept, with sectors of 4096 bytes.",
                    "powercut record --file disk.img --size 2G --fs xfs --sector-size 4096 \\\n"
                    "    --log run.log -- sh -c 'cp -r src \"$POWERCUT_MNT\" && sync'"},
                   {"Serve a recorded disk to a virtual machine.",
                    "powercut record --file disk.img --log run.log --nbd /tmp/disk.sock"}},
      .exit_statuses = {{"*", "COMMAND's exit status, or 128 + N if signal N ended it."},
                        {"2", "The command line is wrong."},
                        {"3", "The input is bad: not a log, damaged, of the wrong size."},
                        {"4",
                         "The environment failed: an I/O error, no FUSE, no permission, a full "
                         "log."}},
      .see_also = {"powercut-mark(1)", "powercut-status(1)", "powercut-replay(1)",
                   "powercut-explore(1)", "nbdkit-logwrites-plugin(1)"},
      .run = run_record};
  return command;
}

}  // namespace powercut::apps
