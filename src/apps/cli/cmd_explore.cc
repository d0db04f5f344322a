// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "apps/cli/commands.h"
#include "apps/cli/exploration.h"
#include "apps/cli/state_listing.h"
#include "check/mount_checker.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;

Result<int> run_explore(const Arguments& arguments) {
  POWERCUT_TRY_STATUS(check_listing_flags(arguments));
  if (arguments.is_set("list")) return list_states(arguments);
  Exploration exploration = POWERCUT_TRY(exploration_from(arguments));
  exploration.request.log = arguments.text("LOG");
  exploration.request.size_bytes = arguments.optional_integer("size");
  exploration.mount = arguments.optional_text("mount").value_or("");
  if (exploration.compares_acknowledgements && exploration.mount.empty()) {
    exploration.mount = exploration.file_system;
    if (exploration.mount.empty()) {
      return usage_error("--acks compares files of a file system: give --mount FS or --fs FS");
    }
  }
  if (exploration.mount.empty() && !exploration.mount_options.empty()) {
    return usage_error("--mount-options goes with --mount");
  }
  if (exploration.file_system.empty() && exploration.mount.empty() && !exploration.has_command) {
    return usage_error(
        "nothing to check with: give --fs, --check, or --mount (with or without --check); or "
        "--list");
  }
  PreparedExploration prepared = POWERCUT_TRY(PreparedExploration::make(std::move(exploration)));
  return POWERCUT_TRY(prepared.run()).exit_status;
}

std::vector<flags::Flag> explore_flags() {
  std::vector<flags::Flag> all = {
      {.name = "size",
       .value_name = "SIZE",
       .help = "The size of the device, for logs that do not state it.",
       .kind = Kind::kSize,
       .group = kCutsGroup},
      {.name = "fs",
       .value_name = "FS",
       .help = "A ready checker. ext4: recover the journal (e2fsck -E journal_only), then e2fsck "
               "-fn has to find nothing. xfs, btrfs: mount, which recovers the log, unmount, then "
               "xfs_repair -n or btrfs check has to find nothing; these two need root.",
       .choices = check::ready_file_systems(),
       .group = kCheckersGroup},
      {.name = "mount",
       .value_name = "FS",
       .help = "Mount each state as FS through a loop device, and run the command of --check with "
               "$POWERCUT_MNT. A state that cannot be mounted fails. Needs root. Behind --fs if "
               "both are given.",
       .group = kCheckersGroup},
      {.name = "mount-options",
       .value_name = "OPTIONS",
       .help = "As behind mount -o.",
       .group = kCheckersGroup}};
  auto shared = exploration_flags();
  const auto model = std::find_if(shared.begin(), shared.end(),
                                  [](const flags::Flag& flag) { return flag.name == "model"; });
  *model = {.name = "model",
            .value_name = "MODEL",
            .help =
                "Which states a cut can leave. prefix: everything in front of the cut, nothing "
                "behind it. With --list also: exact: by the ticks of submission and completion "
                "that powercut records; epoch: by position, for logs without.",
            .default_text = "prefix; with --list exact, and epoch for logs without ticks",
            .choices = {"prefix", "epoch", "exact"},
            .group = kCutsGroup};
  all.insert(all.end(), shared.begin(), shared.end());
  const auto listing = state_listing_flags();
  all.insert(all.end(), listing.begin(), listing.end());
  return all;
}

}  // namespace

const flags::Command& explore_command() {
  static const flags::Command command = {
      .name = "explore",
      .summary = "run a checker on the states that a power cut could have left",
      .description =
          {"Cuts the power at many places of LOG, and gives the device, as it would have "
           "been left, to a checker. Each failure is printed with the one command that "
           "shows it again.",
           "The states are made while the log is read and cost no copy of the device: "
           "what a checker writes is laid over it and thrown away."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."}},
      .flags = explore_flags(),
      .sections = {checker_section()},
      .examples =
          {{"Is ext4 whole after a cut at any flush or mark?",
            "powercut explore run.log --fs ext4 --at flush,mark"},
           {"Is a database on it?",
            "powercut explore run.log --mount ext4 --check \\\n"
            "    'test \"$(sqlite3 $POWERCUT_MNT/app.db \"PRAGMA integrity_check\")\" = ok'"},
           {"Are the files there that the recorded program acknowledged?",
            "powercut explore run.log --fs ext4 --acks"},
           {"Which states can a cut behind a flush have left, and what is different in them?",
            "powercut explore run.log --list --sha256 --at flush"},
           {"Once more for the state that failed, and keep it:",
            "powercut explore run.log --fs ext4 --at entry:412 --keep failed"}},
      .exit_statuses = exploration_exit_statuses(),
      .see_also = {"powercut-record(1)", "powercut-test(1)", "powercut-replay(1)"},
      .run = run_explore,
  };
  return command;
}

}  // namespace powercut::apps
