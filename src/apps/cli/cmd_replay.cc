// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "apps/cli/commands.h"
#include "apps/cli/image_keeper.h"
#include "apps/cli/log_show.h"
#include "apps/cli/replay_destination.h"
#include "apps/cli/replay_task.h"
#include "apps/cli/timeline_options.h"
#include "apps/support/progress.h"
#include "block/open.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using flags::Kind;

constexpr std::uint32_t kLargestCompareBlock = 64 * kKiB;

Status compare_devices(const Destination& destination, BlockDevice& compared,
                       std::uint32_t sector_size, ReplayTask& task, ReplayOutcome& outcome) {
  outcome.compared_name = compared.name();
  outcome.compared_size_bytes = compared.size_bytes();
  outcome.block_size = std::min(sector_size, kLargestCompareBlock);
  const ByteCount size = std::min(destination.size_bytes, compared.size_bytes());
  Progress progress("comparing", size, Progress::Unit::kBytes);
  outcome.comparison =
      POWERCUT_TRY(replay::compare(*destination.device, compared, size,
                                   {.block_size = outcome.block_size,
                                    .progress = [&](ByteOffset done) { progress.update(done); }}));
  return task.find_last_writers(outcome.comparison.differences);
}

Result<int> run_replay(const Arguments& arguments) {
  if (!arguments.given("DEST") && !arguments.given("compare")) {
    return usage_error("DEST is missing (only with --compare can it be left out)");
  }
  auto [log, reader] = POWERCUT_TRY(open_log(arguments.text("LOG"), {.read_ahead = true}));
  const ReplayRange range = POWERCUT_TRY(replay_range(arguments, reader));
  std::shared_ptr<BlockDevice> compared;
  if (const auto path = arguments.optional_text("compare")) {
    if (arguments.given("DEST") && *path == arguments.text("DEST")) {
      return usage_error("DEST and the device to --compare with are the same");
    }
    compared = POWERCUT_TRY(open_read_only_device(*path));
  }
  std::optional<ByteCount> size_hint;
  if (compared) size_hint = compared->size_bytes();
  if (const auto base = arguments.optional_text("base"); base && !size_hint) {
    size_hint = POWERCUT_TRY(open_read_only_device(*base))->size_bytes();
  }
  const auto destination =
      POWERCUT_TRY(open_destination(arguments, *log, reader, range.from, range.to, size_hint));
  auto keeper = POWERCUT_TRY(ImageKeeper::open(arguments, destination, *log, reader.super_block()));
  ReplayTask task(arguments, range, destination, reader, keeper);

  ReplayOutcome outcome;
  outcome.log_name = arguments.text("LOG");
  outcome.dest_name = destination.name;
  outcome.device_size_bytes = destination.size_bytes;
  if (!POWERCUT_TRY(task.run(outcome))) return 1;
  if (compared) {
    POWERCUT_TRY_STATUS(
        compare_devices(destination, *compared, reader.sector_size(), task, outcome));
  }
  print_outcome(outcome, arguments.is_set("json"));
  return !compared || outcome.is_identical() ? 0 : 1;
}

std::vector<flags::Flag> replay_flags() {
  return {
      {.name = "to",
       .value_name = "INSTANT",
       .help =
           "Where to go: the device as it was after these entries, or a crash state. It may lie "
           "before the instant that DEST holds.",
       .default_value = "end"},
      {.name = "from",
       .value_name = "INSTANT",
       .help = "The instant that DEST holds already: only what differs from there is written.",
       .default_text = "what the state file of DEST says; without one, start"},
      {.name = "base",
       .value_name = "IMAGE",
       .help =
           "What the device held before the first entry: a file, block device or NBD URI. Places "
           "that no entry had written yet get their content from it; without it they become "
           "zeroes. A DEST of which it is not known where it is, a new one among them, is "
           "written as a whole."},
      index_flag(),
      {.name = "check",
       .help = "Before anything is written, make sure that DEST holds what it should in all places "
               "that are going to be written; if not, say where, and end with status 1.",
       .kind = Kind::kBool},
      {.name = "state",
       .value_name = "PATH",
       .help = "The state file of DEST.",
       .default_text = "DEST.powercut if DEST is a regular file; none if it is a block device or "
                       "an NBD export",
       .excludes = {"no-state"}},
      {.name = "no-state",
       .help = "Neither use nor write a state file; one that is there is removed, as it would "
               "not be true any longer.",
       .kind = Kind::kBool},
      {.name = "compare",
       .value_name = "DEVICE",
       .help = "Compare the result with DEVICE (a file, block device or NBD URI), byte for byte; "
               "where they differ, say which entry wrote there last. Without DEST the replay goes "
               "to a temporary file."},
      {.name = "no-discard",
       .help = "Leave discards out. Otherwise a discarded range is made zeroes, however large it "
               "is. The result is no instant of the log: there is no state file of it, and no way "
               "back.",
       .kind = Kind::kBool,
       .excludes = {"base", "check"}},
      {.name = "size",
       .value_name = "SIZE",
       .help = "The size of the recorded device, for logs that do not state it.",
       .kind = Kind::kSize,
       .default_text = "what the log states, else the size of the device to compare with, of "
                       "IMAGE or of an existing DEST, else the least that holds every entry",
       .range = {.least = 1}},
      {.name = "jobs",
       .short_name = 'j',
       .value_name = "N",
       .help = "Threads that write.",
       .kind = Kind::kInteger,
       .default_text = "2 where DEST is a file: one reads the log while the other writes; else "
                       "as many as there are processors, from 2 to 8",
       .range = {.least = 1, .greatest = 256}},
      {.name = "json", .help = "What was done as one JSON object.", .kind = Kind::kBool}};
}

}  // namespace

const flags::Command& replay_command() {
  static const flags::Command command = {
      .name = "replay",
      .summary = "write an instant or crash state of a log onto a file or device",
      .description =
          {"Writes to DEST what the recorded device held at an instant: all that LOG records up to "
           "there, with nothing lost. A DEST that does not exist is made at the device's size. An "
           "existing one is written over; it must not be smaller, and what the log does not write "
           "keeps its content.",
           "Forwards the log is read from there on, and a place that is written again and again is "
           "written once. If there is an index of the log, or on the way back, only "
           "the places that entries between the two instants wrote are touched, each once, with "
           "the content that it had; the index is made if need be. A crash state is always written "
           "that way.",
           "Payloads go from file to file without a detour through the program where the system "
           "allows it, onto devices and NBD exports by several threads. Zeroes, and holes of the "
           "log's file, become "
           "holes of DEST. DEST is durable when the command ends."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."},
                      {.name = "DEST",
                       .help = "A file, block device or NBD URI.",
                       .required = false}},
      .flags = replay_flags(),
      .sections =
          {{.title = "The state file",
            .paragraphs =
                {"Beside a DEST that is a regular file, DEST.powercut says at which instant, or in "
                 "which crash state, of which log it is, so that the next replay can go on from "
                 "there. It is believed "
                 "only if the log is the same one and DEST has not been written since, by its "
                 "inode, size and time of modification; otherwise a note says so, and DEST is "
                 "taken for what the device held at first, as if there were none.",
                 "While DEST is being written the file says from where to where. A replay that "
                 "was killed is made up for by the next one, to wherever it goes. Between the "
                 "two nobody else must write DEST.",
                 "A block device or an NBD export has no place for such a file: give one with "
                 "--state. Nothing tells then whether the device has been written by others: "
                 "--check looks."}}},
      .examples = {{"The disk as it was when the mark \"mkfs\" was put:",
                    "powercut replay run.log disk.img --to mark:mkfs"},
                   {"From there on to the third flush:",
                    "powercut replay run.log disk.img --from mark:mkfs --to flush:3"},
                   {"Back to what it was before, making sure that nobody has written the image "
                    "since:",
                    "powercut replay run.log disk.img --to mark:mkfs --check"},
                   {"The disk as a power cut would have left it that lost some writes:",
                    "powercut replay run.log disk.img --to epoch:412:lost:409-411"},
                   {"Is the log complete? The replay must equal the recorded device:",
                    "powercut replay run.log --compare disk.img"}},
      .exit_statuses =
          {{"0", "DEST holds what was asked for; with --compare, so does DEVICE."},
           {"1",
            "DEVICE differs; or, with --check, DEST does not hold what it should, and "
            "nothing was written."},
           {"2", "The command line is wrong, or the log has no such instant or crash state."},
           {"3", "The log is damaged, or DEST too small."},
           {"4", "The environment failed: an I/O error, no permission, no space."}},
      .see_also = {"powercut-info(1)", "powercut-verify(1)", "replay-log(1)"},
      .run = run_replay,
  };
  return command;
}

}  // namespace powercut::apps
