// SPDX-License-Identifier: Apache-2.0
#include "apps/programs.h"

namespace powercut::apps {

namespace {

using flags::Flag;
using flags::Kind;

constexpr const char* kChoose = "What to do";
constexpr const char* kStart = "Where to start";
constexpr const char* kStop = "Where to stop";
constexpr const char* kCheck = "Checking on the way";

// getopt_long chooses the first of several that a shortened option may mean: the order counts.
std::vector<Flag> replay_log_flags() {
  return {
      {.name = "log",
       .value_name = "LOG",
       .help = "A log: a file or block device.",
       .required = true},
      {.name = "replay",
       .value_name = "DEVICE",
       .help = "Replay onto DEVICE, a block device or file, which must exist. A file that is too "
               "small grows.",
       .group = kChoose},
      {.name = "limit",
       .value_name = "N",
       .help = "Behind N entries, counted from the start point; 0 is no limit.",
       .kind = Kind::kInteger,
       .default_value = "0",
       .group = kStop},
      {.name = "next-flush", .help = "Behind the next flush.", .kind = Kind::kBool, .group = kStop},
      {.name = "next-fua",
       .help = "Behind the next write with FUA; with --next-flush, whichever comes first.",
       .kind = Kind::kBool,
       .group = kStop},
      {.name = "start-entry",
       .value_name = "N",
       .help = "With entry N; the first entry of a log is 0.",
       .kind = Kind::kInteger,
       .default_value = "0",
       .group = kStart},
      {.name = "start-mark",
       .value_name = "MARK",
       .help = "With the entry behind the first mark of that name. Wins over --start-entry.",
       .group = kStart},
      {.name = "end-mark",
       .value_name = "MARK",
       .help = "Behind the first mark of that name that follows the start point. Wins over "
               "--next-flush and --next-fua.",
       .group = kStop},
      {.name = "find",
       .help = "Only say where one would stop, as ENTRY@OFFSET: the number of the last entry, and "
               "how far into the log it reaches, in sectors. Without such an entry the exit "
               "status is 1.",
       .kind = Kind::kBool,
       .group = kChoose},
      {.name = "num-entries",
       .help = "Print the number of entries.",
       .kind = Kind::kBool,
       .group = kChoose},
      {.name = "no-discard", .help = "Leave discards out.", .kind = Kind::kBool},
      {.name = "fsck",
       .value_name = "COMMAND",
       .help = "A command for the shell that checks DEVICE. The replay ends at the first that "
               "fails. Needs --check.",
       .group = kCheck},
      {.name = "check",
       .value_name = "WHEN",
       .help = "When to check: behind each entry of a kind, \"flush\", \"fua\" or \"discard\", or "
               "behind each N entries. Needs --fsck.",
       .group = kCheck},
      {.name = "start-sector",
       .value_name = "S",
       .help = "Replay only what touches the device from sector S on, in sectors of the log. An "
               "entry that touches it is replayed whole.",
       .kind = Kind::kInteger},
      {.name = "end-sector",
       .value_name = "S",
       .help = "Replay only what touches the device up to sector S, S included.",
       .kind = Kind::kInteger},
      {.name = "verbose",
       .short_name = 'v',
       .help = "Print each entry that is replayed; given twice, also those that are passed over.",
       .kind = Kind::kBool,
       .repeated = true},
      {.name = "find-format",
       .value_name = "FORMAT",
       .help = "What --find prints: ENTRY@OFFSET, or with \"plain\" ENTRY alone, as the original "
               "program does.",
       .default_value = "offset",
       .choices = {"offset", "plain"}},
  };
}

std::vector<flags::Section> replay_log_sections() {
  return {
      {"Differences",
       // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): long texts, one behind the other
       {"Options, output and exit status are those of the program of the same name in xfstests, "
        "with these exceptions.",
        "A command given by --fsck that is killed by a signal has failed. There it passes.",
        "When the mark of --end-mark does not exist, nothing is replayed and the exit status is 1. "
        "There everything is replayed, with exit status 0.",
        "A discard becomes zeroes whatever its length, on files and block devices. There one of "
        "more than 128 MiB is left out on a file, and on a block device the range is discarded, "
        "which promises no content.",
        "A discard that --start-sector or --end-sector passes over is left out. There it is "
        "carried out all the same.",
        "A log that is torn, or has entries with unknown flags, is refused where the damage "
        "begins, with a message that says where and what can be done. An entry past the end of a "
        "block device is named.",
        "With -v, a file is said not to support discards, as there; of a block device, which is "
        "zeroed in any case, nothing is said.",
        "The text that a wrong command line is answered with is another one. --find-format, --help "
        "and --version are new."}},
  };
}

}  // namespace

const flags::Program& replay_log_program() {
  static const flags::Program program = {
      .root =
          {.name = "replay-log",
           .summary = "replay a log of writes onto a device, or find a place in it",
           .description =
               {"Replays a log in the format of Linux's dm-log-writes, whoever made it, onto a "
                "device or file, in whole or in part, and may run a command on it on the way. A "
                "drop-in for the program that xfstests and other scripts use. powercut-replay(1) "
                "does the same for people, and powercut-explore(1) checks what a power cut leaves.",
                "Without --replay, --find and --num-entries one line says what the log's super "
                "block holds. DEVICE is durable when the program ends, and before each check.",
                "Options may be shortened as long as they can be told apart. Numbers may be given "
                "in hexadecimal."},
           .flags = replay_log_flags(),
           .sections = replay_log_sections(),
           .examples = {{"The device as it was at the mark \"mkfs\":",
                         "replay-log --log run.log --replay disk.img --end-mark mkfs"},
                        {"The next flush from entry 100 on:",
                         "replay-log --log run.log --find --next-flush --start-entry 100"},
                        {"Check the file system at each flush:",
                         "replay-log --log run.log --replay disk.img --check flush \\\n"
                         "    --fsck 'e2fsck -fn disk.img'"}},
           .exit_statuses = {{"0", "Done, found, or all checks passed."},
                             {"1", "Not found, a check failed, or an error."},
                             {"255", "--find came upon damage in the log."}},
           .see_also = {"powercut(1)", "powercut-replay(1)", "powercut-explore(1)"}},
      .version = POWERCUT_VERSION,
  };
  return program;
}

}  // namespace powercut::apps
