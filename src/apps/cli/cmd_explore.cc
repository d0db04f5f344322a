// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/commands.h"
#include "apps/cli/exploration_options.h"
#include "apps/cli/flush_audit.h"
#include "apps/cli/state_listing.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;

Result<int> run_explore(const Arguments& arguments) {
  if (arguments.is_set("list")) return list_states(arguments);
  if (arguments.is_set("sha256")) return usage_error("--sha256 goes with --list");
  Exploration exploration = POWERCUT_TRY(exploration_from(arguments));
  exploration.request.log = arguments.text("LOG");
  exploration.request.size_bytes = arguments.optional_integer("size");
  POWERCUT_TRY_STATUS(read_checker(arguments, exploration));
  if (arguments.is_set("flushes")) return audit_flushes(std::move(exploration));
  PreparedExploration prepared = POWERCUT_TRY(PreparedExploration::make(std::move(exploration)));
  return POWERCUT_TRY(prepared.run()).exit_status;
}

std::vector<flags::Flag> explore_flags() {
  std::vector<flags::Flag> all = {{.name = "size",
                                   .value_name = "SIZE",
                                   .help = "The size of the device, for logs that do not state it.",
                                   .kind = Kind::kSize,
                                   .group = "Cuts"}};
  all.push_back({.name = "flushes",
                 .help =
                     "Check no states of the log, but find out of each flush, and of each FUA of "
                     "a write, between --from and --to whether it is needed: whether a state that "
                     "only it rules out fails. Needed ones are shown with such a state.",
                 .kind = Kind::kBool,
                 .excludes = {"list", "resume", "keep", "max-failures", "max-states", "time",
                              "shard", "no-minimise"},
                 .group = "Flushes"});
  for (const auto& some : {ready_checker_flags(), exploration_flags(), state_listing_flags()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace

const flags::Command& explore_command() {
  static const flags::Command command = {
      .name = "explore",
      .summary = "run a checker on the states that a power cut could have left",
      .description =
          {"Cuts the power at many places of LOG, and gives the device, as it could have "
           "been left, to a checker: with any of the writes lost, or torn, that no flush "
           "had made durable. Each failure is printed with the one command that shows it again.",
           "States cost no copy of the device: what a checker writes is laid over it and thrown "
           "away. A state is not checked if it is known what the checker would say (--prune). "
           "The last lines say how much of all that is possible has been looked at."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."}},
      .flags = explore_flags(),
      .sections = {checker_section()},
      .examples =
          {{"Is ext4 whole after a cut at any flush or mark?",
            "powercut explore run.log --fs ext4 --at flush,mark"},
           {"Is a database on it sound?",
            "powercut explore run.log --fs ext4 --app sqlite:app.db --from mark:ready"},
           {"The same, as a command of one's own:",
            "powercut explore run.log --mount ext4 --check \\\n"
            "    'test \"$(sqlite3 $POWERCUT_MNT/app.db \"PRAGMA integrity_check\")\" = ok'"},
           {"Are the files there that the recorded program acknowledged?",
            "powercut explore run.log --fs ext4 --acks"},
           {"Which states can a cut behind a flush have left, and what is different in them?",
            "powercut explore run.log --list --sha256 --at flush"},
           {"Once more for the state that failed, and keep it:",
            "powercut explore run.log --fs ext4 --at epoch:412:lost:409 --keep failed"},
           {"Which of the flushes are needed?", "powercut explore run.log --fs ext4 --flushes"},
           {"On four machines, each of which may be stopped and started again:",
            "powercut explore run.log --fs ext4 --shard 3/4 --json 3.jsonl --resume"}},
      .exit_statuses = exploration_exit_statuses(),
      .see_also = {"powercut-record(1)", "powercut-test(1)", "powercut-explain(1)",
                   "powercut-replay(1)"},
      .run = run_explore,
  };
  return command;
}

}  // namespace powercut::apps
