// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/exploration_options.h"

#include <fmt/format.h>

#include <charconv>
#include <thread>

#include "apps/cli/timeline_options.h"
#include "check/command_checker.h"
#include "check/ready_checkers.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Flag;
using flags::Kind;

constexpr const char* kCuts = "Cuts";
constexpr const char* kStates = "States";
constexpr const char* kCheckers = "Checkers";
constexpr const char* kRunning = "Running";
constexpr const char* kResults = "Results";

// "2/8"
Status parse_shard(const std::string& text, explore::Request& request) {
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, request.shard);
  const bool has_both = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  if (has_both) {
    const auto second = std::from_chars(first.ptr + 1, end, request.shards);
    const bool is_number = second.ec == std::errc() && second.ptr == end;
    if (is_number && request.shard >= 1 && request.shard <= request.shards) return {};
  }
  return usage_error(fmt::format("--shard takes I/N, part I of N: 1/8, ..., 8/8; not '{}'", text));
}

struct Pruning {
  bool by_content = true;
  bool by_reads = true;
};

Result<Pruning> parse_pruning(const std::string& text) {
  if (text == "content,reads" || text == "reads,content") return Pruning{};
  if (text == "content") return Pruning{true, false};
  if (text == "reads") return Pruning{false, true};
  if (text == "off") return Pruning{false, false};
  return usage_error(
      fmt::format("--prune takes content, reads, content,reads or off; not '{}'", text));
}

Status read_limits(const Arguments& arguments, check::Limits& limits) {
  limits.timeout = std::chrono::seconds(arguments.integer("timeout"));
  limits.memory_bytes = arguments.optional_integer("memory-limit");
  limits.file_bytes = arguments.optional_integer("file-limit");
  for (const char* name : {"memory-limit", "file-limit"}) {
    if (arguments.given(name) && !arguments.given("check") && !arguments.given("app"))
      return usage_error(fmt::format("--{} is of what --check or --app runs: it needs one", name));
  }
  return {};
}

// The part of read_checker that `test` has as well.
Status read_command(const Arguments& arguments, Exploration& exploration) {
  exploration.has_command = arguments.given("check");
  exploration.command = arguments.optional_text("check").value_or("");
  exploration.file_system = arguments.optional_text("fs").value_or("");
  exploration.mount_options = arguments.optional_text("mount-options").value_or("");
  exploration.compares_acknowledgements = arguments.is_set("acks");
  exploration.applications = arguments.texts("app");
  POWERCUT_TRY_STATUS(read_limits(arguments, exploration.judge.limits));
  if (arguments.is_set("nested")) {
    exploration.judge.nested =
        explore::NestedOptions{.depth = static_cast<unsigned>(arguments.integer("depth")),
                               .choices = {.seed = exploration.request.seed}};
  } else if (arguments.given("depth")) {
    return usage_error("--depth is of cuts inside recoveries: it needs --nested");
  }
  if (exploration.has_command) POWERCUT_TRY_STATUS(check::check_shell_command(exploration.command));
  return {};
}

Status read_running(const Arguments& arguments, Exploration& exploration) {
  explore::ExploreOptions& options = exploration.options;
  options.jobs = static_cast<unsigned>(arguments.optional_integer("jobs").value_or(
      std::max(1U, std::thread::hardware_concurrency())));
  options.max_failures = arguments.optional_integer("max-failures").value_or(0);
  if (const auto seconds = arguments.optional_integer("time"))
    options.time_limit = std::chrono::seconds(*seconds);
  options.keep_directory = arguments.optional_text("keep").value_or("");
  exploration.judge.audit = static_cast<double>(arguments.integer("audit")) / 100;
  exploration.judge.cache_path = arguments.optional_text("cache").value_or("");
  exploration.judge.prune = POWERCUT_TRY(parse_pruning(arguments.text("prune"))).by_reads;
  exploration.judge.seed = exploration.request.seed;
  if (!exploration.judge.prune && !exploration.judge.cache_path.empty()) {
    return usage_error("--cache remembers what checkers read, which --prune leaves aside");
  }
  return {};
}

Status read_results(const Arguments& arguments, Exploration& exploration) {
  exploration.explains = !arguments.is_set("no-minimise");
  FindingsOutput::Paths& paths = exploration.findings;
  paths.json = arguments.optional_text("json").value_or("");
  paths.junit = arguments.optional_text("junit").value_or("");
  paths.html = arguments.optional_text("html").value_or("");
  paths.is_kept = arguments.is_set("resume");
  const bool has_file = !paths.json.empty() && paths.json != "-";
  if (paths.is_kept && !has_file)
    return usage_error("--resume goes on with the findings in a file: give --json FILE");
  return {};
}

std::vector<Flag> cut_flags() {
  return {
      {.name = "model",
       .value_name = "MODEL",
       .help = "Which states a cut can leave. exact: by the ticks of submission and completion "
               "that powercut records. epoch: by position, for logs without. prefix: everything in "
               "front of the cut, nothing behind it.",
       .default_text = "exact; epoch if the log has no ticks",
       .choices = {"prefix", "epoch", "exact"},
       .group = kCuts},
      {.name = "at",
       .value_name = "WHERE",
       .help =
           "Where to cut: behind each flush, each entry with FUA (fua), each mark, every N "
           "entries (every:N), each entry (all), or at an INSTANT (entry:N, flush:K, mark:NAME, "
           "start, end). Several, with commas between them or in several --at, add up. Or which "
           "crash states, by their names, to check these alone.",
       .default_value = "flush,mark",
       .repeated = true,
       .group = kCuts},
      {.name = "from",
       .value_name = "INSTANT",
       .help = "Leave out what --at finds in front of it (but for instants).",
       .default_text = "with --fs or --mount the mark mkfs, that record puts when the file system "
                       "has been made, else start",
       .group = kCuts},
      {.name = "to",
       .value_name = "INSTANT",
       .help = "Leave out what --at finds behind it (but for instants).",
       .default_text = "end",
       .group = kCuts},
      {.name = "base",
       .value_name = "IMAGE",
       .help = "What the device held before the first entry: a file, block device or NBD URI, "
               "which is only read.",
       .default_text = "zeroes",
       .group = kCuts},
      index_flag(),
  };
}

std::vector<Flag> state_flags() {
  return {
      {.name = "strategy",
       .value_name = "NAME[,NAME...]",
       .help =
           "Which of the states of a cut. prefix: of the writes that may be lost the first 0, 1, "
           "... survive. exhaustive: all states. pairwise: for any two of these writes all four "
           "combinations. one: one is lost, one survives. random:N: so many at random. auto: "
           "exhaustive for no more than 128 states, else pairwise, prefix, one, and 128 at random; "
           "nothing lost and all lost first. The cuts take turns: of each the first 2, then up to "
           "16, up to 256, then the rest.",
       .default_value = "auto",
       .group = kStates},
      {.name = "torn",
       .value_name = "off|sector|BYTES",
       .help = "Whether writes that may be lost may also be torn, and the atomic unit. exhaustive "
               "and random tear a write of up to 8 units in all ways, a longer one at one place; "
               "one leaves out or keeps its first or last unit; prefix and pairwise tear none.",
       .default_text =
           "with --fs or --mount 4096, as file systems rely on it; else sector: that of "
           "the log",
       .group = kStates},
      {.name = "discard",
       .value_name = "POLICY",
       .help = "What discarded ranges read as. zeroes; stale: as before; random or random:SEED: "
               "noise.",
       .default_value = "zeroes",
       .group = kStates},
      {.name = "seed",
       .value_name = "N",
       .help = "Of what is random. The same seed gives the same states in the same order.",
       .kind = Kind::kInteger,
       .default_value = "0",
       .group = kStates},
      {.name = "max-states",
       .value_name = "N",
       .help = "No more than so many distinct states.",
       .kind = Kind::kInteger,
       .default_text = "no limit",
       .range = {1},
       .group = kStates},
      {.name = "shard",
       .value_name = "I/N",
       .help = "Of all states those of part I of N, I from 1: for N processes or machines that "
               "share the work. Each state is in one part.",
       .default_text = "1/1, all",
       .group = kStates},
      {.name = "prune",
       .value_name = "HOW",
       .help =
           "Which states need no run of the checker, as it is known what it would say. content: "
           "of those with the same content (and the same marks, if it sees them) one is enough. "
           "reads: those that have the same in all blocks that it read in another one. Both "
           "are exact for checkers that are deterministic. content, reads, content,reads, "
           "or off.",
       .default_value = "content,reads",
       .group = kStates},
  };
}

std::vector<Flag> running_flags() {
  return {
      {.name = "jobs",
       .short_name = 'j',
       .value_name = "N",
       .help = "How many states are checked at a time. btrfs is mounted one at a time. With as "
               "many as there are processors, or more, each check stays on one of them, with what "
               "serves its disk.",
       .kind = Kind::kInteger,
       .default_text = "the number of processors",
       .range = {1, 1024},
       .group = kRunning},
      {.name = "max-failures",
       .value_name = "N",
       .help = "Begin no further state after so many failures.",
       .kind = Kind::kInteger,
       .default_text = "no limit",
       .range = {1},
       .group = kRunning},
      {.name = "time",
       .value_name = "SECONDS",
       .help = "Begin no further state after so long.",
       .kind = Kind::kInteger,
       .default_text = "no limit",
       .range = {1, 100'000'000},
       .group = kRunning},
      {.name = "audit",
       .value_name = "PERCENT",
       .help = "Run so many of the states that --prune reads leaves out all the same, and fail if "
               "one has another verdict than it was taken to have.",
       .kind = Kind::kInteger,
       .default_value = "0",
       .range = {0, 100},
       .group = kRunning},
      {.name = "cache",
       .value_name = "FILE",
       .help = "Remember what checkers read, and said, for later runs with the same checker; made "
               "if absent.",
       .group = kRunning},
  };
}

std::vector<Flag> result_flags() {
  return {
      {.name = "json",
       .value_name = "FILE",
       .help = "Write what is found as lines of JSON, each as it comes: one for the run, one for "
               "each state, a summary last. - is standard output; the text then goes to standard "
               "error.",
       .group = kResults},
      {.name = "junit",
       .value_name = "FILE",
       .help = "Write a report as JUnit XML at the end, for CI systems. powercut-report(1) makes "
               "one of the lines of --json, too.",
       .group = kResults},
      {.name = "html",
       .value_name = "FILE",
       .help = "Write a report as one page of HTML at the end.",
       .group = kResults},
      {.name = "resume",
       .help =
           "Go on where the run ended that wrote FILE of --json, with the same question: "
           "states that have a verdict there are not checked again. Without such a FILE, begin.",
       .kind = Kind::kBool,
       .group = kResults},
      {.name = "no-minimise",
       .help =
           "Do not look for the smallest failure and the missing flush behind each cause; group "
           "failures only. Saves up to 2000 checks.",
       .kind = Kind::kBool,
       .group = kResults},
      {.name = "keep",
       .value_name = "DIR",
       .help = "Keep of each failing state its image (sparse, as it was before the check) and the "
               "checker's output, as DIR/STATE.img and DIR/STATE.out.",
       .group = kResults},
  };
}

}  // namespace

Result<explore::Request> request_from(const Arguments& arguments) {
  explore::Request request;
  request.at = arguments.texts("at");
  request.from = arguments.optional_text("from").value_or("");
  request.to = arguments.optional_text("to").value_or("");
  request.base = arguments.optional_text("base").value_or("");
  if (const auto index = arguments.optional_text("index"))
    request.sidecar = *index == "none" ? "" : *index;
  if (const auto model = arguments.optional_text("model"))
    request.model = state::parse_model(*model);
  request.strategy = arguments.text("strategy");
  request.torn = arguments.optional_text("torn").value_or("");
  request.discard = arguments.text("discard");
  request.seed = arguments.integer("seed");
  request.max_states = arguments.optional_integer("max-states").value_or(0);
  request.gives_equals = !POWERCUT_TRY(parse_pruning(arguments.text("prune"))).by_content;
  if (const auto shard = arguments.optional_text("shard"))
    POWERCUT_TRY_STATUS(parse_shard(*shard, request));
  return request;
}

Result<Exploration> exploration_from(const Arguments& arguments) {
  Exploration exploration;
  exploration.request = POWERCUT_TRY(request_from(arguments));
  POWERCUT_TRY_STATUS(read_running(arguments, exploration));
  POWERCUT_TRY_STATUS(read_results(arguments, exploration));
  POWERCUT_TRY_STATUS(read_command(arguments, exploration));
  return exploration;
}

std::vector<Flag> command_flags() {
  return {
      {.name = "check",
       .value_name = "COMMAND",
       .help = "Run by /bin/sh for each state; {} is the path of the device, a file that it may "
               "write. Any status but 0, "
               "death by a signal and running out of time are failures.",
       .group = kCheckers},
      {.name = "acks",
       .help = "Mount each state, and compare its files with what the log's acknowledgement marks "
               "(powercut mark --file) promise: files that are missing, that have another content, "
               "or that are back although they had been removed are failures. Ahead of the "
               "command of --check. Needs root.",
       .kind = Kind::kBool,
       .group = kCheckers},
      {.name = "app",
       .value_name = "KIND:PATH",
       .help = "Mount each state, and let an application look at its own data at PATH, from the "
               "file system's root; several one behind the other, and ahead of the command of "
               "--check. sqlite: PRAGMA integrity_check, which recovers the database, has to say "
               "ok. postgresql: the server has to start and recover the cluster, pg_amcheck to "
               "find nothing in any database, and pg_checksums neither, if pages have checksums. "
               "It is a failure if there is no such database or cluster. Needs root.",
       .repeated = true,
       .group = kCheckers},
      {.name = "nested",
       .help =
           "Cut the power again while a state that passes is recovered: what the checker writes, "
           "or its mount, is recorded, and the crash states of that (at its flushes and FUA "
           "writes, and at its end; each content once, up to 256 of one recovery) have to pass "
           "as well, or the state fails. Finds a recovery that may not begin again.",
       .kind = Kind::kBool,
       .group = kCheckers},
      {.name = "depth",
       .value_name = "N",
       .help = "With --nested: how many cuts inside one another.",
       .kind = Kind::kInteger,
       .default_value = "1",
       .range = {1, 8},
       .group = kCheckers},
      {.name = "timeout",
       .value_name = "SECONDS",
       .help = "For the check of one state.",
       .kind = Kind::kInteger,
       .default_value = "120",
       .range = {1, 1'000'000},
       .group = kCheckers},
      {.name = "memory-limit",
       .value_name = "SIZE",
       .help = "How much address space each process of the command of --check and of --app may "
               "have; an allocation beyond it fails.",
       .kind = Kind::kSize,
       .default_text = "no limit",
       .range = {kMiB},
       .group = kCheckers},
      {.name = "file-limit",
       .value_name = "SIZE",
       .help = "How large a file each of these processes may make, in units of 512 bytes; writing "
               "beyond it kills the process with SIGXFSZ, or fails.",
       .kind = Kind::kSize,
       .default_text = "no limit",
       .range = {512},
       .group = kCheckers},
  };
}

std::vector<Flag> exploration_flags() {
  std::vector<Flag> all;
  for (const auto& some :
       {cut_flags(), state_flags(), command_flags(), running_flags(), result_flags()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

std::vector<Flag> ready_checker_flags() {
  return {
      {.name = "fs",
       .value_name = "FS",
       .help = "A ready checker. ext2: put right what a boot would (e2fsck -p), as there is no "
               "journal, then e2fsck -fn has to find nothing. ext3, ext4: recover the journal "
               "(e2fsck -E journal_only), which may not take a repair, then e2fsck -fn has to "
               "find nothing. xfs, btrfs: mount, "
               "which recovers the log, unmount, then xfs_repair -n or btrfs check has to find "
               "nothing; these two need root. vfat: repair it (fsck.vfat -a), as it has no journal "
               "either, then fsck.vfat -n has to find nothing. f2fs: fsck.f2fs -f --dry-run has to "
               "find nothing; its log is not recovered.",
       .choices = check::ready_file_systems(),
       .group = kCheckers},
      {.name = "mount",
       .value_name = "FS",
       .help = "Mount each state as FS through a loop device, and run the command of --check with "
               "$POWERCUT_MNT. A state that cannot be mounted fails. Needs root. Behind --fs if "
               "both are given.",
       .group = kCheckers},
      {.name = "mount-options",
       .value_name = "OPTIONS",
       .help = "As behind mount -o.",
       .group = kCheckers},
  };
}

Unexpected no_file_system(const Exploration& exploration, const char* choices) {
  return usage_error(fmt::format(
      "{} of a file system: give {}",
      exploration.compares_acknowledgements ? "--acks compares files" : "--app looks at files",
      choices));
}

Status read_checker(const Arguments& arguments, Exploration& exploration) {
  POWERCUT_TRY_STATUS(read_command(arguments, exploration));
  exploration.mount = arguments.optional_text("mount").value_or("");
  if (exploration.looks_at_files() && exploration.mount.empty()) {
    exploration.mount = exploration.file_system;
    if (exploration.mount.empty()) {
      return no_file_system(exploration, "--mount FS or --fs FS");
    }
  }
  if (exploration.mount.empty() && !exploration.mount_options.empty()) {
    return usage_error("--mount-options goes with --mount");
  }
  if (exploration.file_system.empty() && exploration.mount.empty() && !exploration.has_command) {
    return usage_error(
        "nothing to check with: give --fs, --check, or --mount (with or without --check)");
  }
  return {};
}

flags::Section checker_section() {
  return {.title = "What a checker gets",
          .paragraphs = {
              // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): long texts, one behind the other
              "The device is a file of its own for each state. What a checker writes to it is seen "
              "by nobody else and is gone afterwards, as are its processes, also those in the "
              "background.",
              "POWERCUT_DISK: the path of the device, as {}.",
              "POWERCUT_MNT: where it is mounted, with --mount, --acks and --app.",
              "POWERCUT_STATE: the state's name; commands take it in the place of an instant.",
              "POWERCUT_ENTRY: how many entries of the log stand in front of the cut.",
              "POWERCUT_MARK: the last mark in front of the cut; empty if there is none.",
              "POWERCUT_MARKS: a file with all marks in front of the cut, in order, one line of "
              "JSON for each: "
              "{\"entry\":17,\"mark\":\"committed 4\"}. What they acknowledge has to be in the "
              "state."}};
}

std::vector<flags::Item> exploration_exit_statuses() {
  return {{"0", "States were checked, and all of them passed."},
          {"1", "A state failed, or there was none to check."},
          {"2", "The command line is wrong, or the checker was not found."},
          {"3", "The log is bad."},
          {"4", "The environment failed: an I/O error, no FUSE, no permission."},
          {"129, 130, 143",
           "Ended by SIGHUP, SIGINT or SIGTERM; what was checked so far is reported."}};
}

}  // namespace powercut::apps
