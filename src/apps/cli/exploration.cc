// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/exploration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "apps/cli/findings_file.h"
#include "apps/support/output.h"
#include "apps/support/progress.h"
#include "apps/support/signal_interrupt.h"
#include "check/command_checker.h"
#include "check/disk_folder.h"
#include "check/mount_checker.h"
#include "explore/explorer.h"
#include "report/text.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;

// More than these make a list that nobody reads; --json has them all.
constexpr std::uint64_t kFailuresShown = 10;

// Text goes to standard error where the findings themselves go to standard output.
class Terminal {
 public:
  explicit Terminal(bool use_error_output)
      : stream_(use_error_output ? stderr : stdout), style_{wants_colour(stream_)} {}

  void print(const std::string& text) const {
    if (stream_ == stderr) {
      std::fputs(text.c_str(), stderr);
      return;
    }
    Output::standard().write(text);
    Output::standard().flush();
  }
  [[nodiscard]] const report::Style& style() const { return style_; }

 private:
  std::FILE* const stream_;
  const report::Style style_;
};

class Reporter final : public explore::Listener {
 public:
  Reporter(const Terminal& terminal, FindingsFile& findings, std::uint64_t cuts)
      : terminal_(terminal), findings_(findings), progress_("checking", cuts) {}

  void on_result(const findings::StateResult& result) override {
    findings_.write(result);
    ++checked_;
    if (!result.passed() && ++failed_ <= kFailuresShown) {
      progress_.clear();
      terminal_.print(report::failure_text(result, terminal_.style()) + "\n");
    }
    progress_.update(checked_, fmt::format("{} failed", failed_));
  }

  void end(const findings::Summary& summary) {
    progress_.clear();
    findings_.write(summary);
    terminal_.print(
        report::summary_text(summary, std::min(failed_, kFailuresShown), terminal_.style()));
  }
  void clear() { progress_.clear(); }

 private:
  const Terminal& terminal_;
  FindingsFile& findings_;
  Progress progress_;
  std::uint64_t checked_ = 0;
  std::uint64_t failed_ = 0;
};

explore::Request make_request(const Arguments& arguments, const std::string& log) {
  explore::Request request;
  request.log = log;
  request.at = arguments.texts("at");
  request.from = arguments.optional_text("from").value_or("");
  request.to = arguments.optional_text("to").value_or("");
  request.wants_file_system = arguments.given("fs") || arguments.given("mount");
  request.base = arguments.optional_text("base").value_or("");
  request.size_bytes = arguments.optional_integer("size");
  return request;
}

// This program as the user called it, so that the command can be pasted.
std::string program_name() {
  const std::string name = program_invocation_name;
  return name.find('/') == std::string::npos ? "powercut" : name;
}

std::vector<std::string> reproducing_command(const Arguments& arguments, const std::string& log) {
  std::vector<std::string> words = {program_name(), "explore", log};
  for (const char* name :
       {"model", "base", "size", "fs", "mount", "mount-options", "check", "timeout"}) {
    if (!arguments.given(name)) continue;
    const bool is_number = std::string_view(name) == "size" || std::string_view(name) == "timeout";
    words.insert(words.end(),
                 {fmt::format("--{}", name),
                  is_number ? std::to_string(arguments.integer(name)) : arguments.text(name)});
  }
  return words;
}

Status make_keep_directory(const std::string& path) {
  if (path.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return os_error(fmt::format("cannot make directory '{}'", path), error.value());
  return {};
}

explore::ExploreOptions make_options(const Arguments& arguments, const std::string& log) {
  explore::ExploreOptions options;
  options.jobs = static_cast<unsigned>(arguments.optional_integer("jobs").value_or(
      std::max(1U, std::thread::hardware_concurrency())));
  options.limits.timeout = std::chrono::seconds(arguments.integer("timeout"));
  options.max_failures = arguments.optional_integer("max-failures").value_or(0);
  options.keep_directory = arguments.optional_text("keep").value_or("");
  options.reproduce = reproducing_command(arguments, log);
  return options;
}

std::unique_ptr<check::Checker> make_mounted(const Arguments& arguments,
                                             const std::string& file_system) {
  check::MountPlan plan;
  plan.file_system = file_system;
  plan.options = arguments.optional_text("mount-options").value_or("");
  plan.command = arguments.optional_text("check").value_or("");
  plan.description = plan.command.empty()
                         ? fmt::format("mount {}", file_system)
                         : fmt::format("'{}' on mounted {}", plan.command, file_system);
  return check::make_mount_checker(std::move(plan));
}

}  // namespace

Result<std::unique_ptr<check::Checker>> make_checker(const Arguments& arguments) {
  std::vector<std::unique_ptr<check::Checker>> checkers;
  if (const auto file_system = arguments.optional_text("fs")) {
    checkers.push_back(POWERCUT_TRY(check::make_file_system_checker(*file_system)));
  }
  if (const auto file_system = arguments.optional_text("mount")) {
    checkers.push_back(make_mounted(arguments, *file_system));
  } else if (arguments.given("mount-options")) {
    return usage_error("--mount-options goes with --mount");
  } else if (const auto command = arguments.optional_text("check")) {
    checkers.push_back(check::make_command_checker(*command));
  }
  if (checkers.empty()) {
    return usage_error(
        "nothing to check with: give --fs, --check, or --mount (with or without --check)");
  }
  return check::make_sequence(std::move(checkers));
}

Result<int> run_exploration(const Arguments& arguments, const std::string& log) {
  const auto checker = POWERCUT_TRY(make_checker(arguments));
  POWERCUT_TRY_STATUS(checker->prepare());
  explore::Plan plan = POWERCUT_TRY(explore::make_plan(make_request(arguments, log)));
  const explore::ExploreOptions options = make_options(arguments, log);
  POWERCUT_TRY_STATUS(make_keep_directory(options.keep_directory));
  const std::string json = arguments.optional_text("json").value_or("");
  FindingsFile findings = POWERCUT_TRY(FindingsFile::open(json));
  plan.facts.checker = checker->description();
  plan.facts.jobs = explore::effective_jobs(plan, *checker, options.jobs);

  const check::Interrupt interrupt = POWERCUT_TRY(check::Interrupt::make());
  const auto signals = POWERCUT_TRY(SignalInterrupt::make([&interrupt] { interrupt.raise(); }));
  POWERCUT_TRY(check::enter_private_mounts());

  const Terminal terminal(json == "-");
  terminal.print(report::run_text(plan.facts) + "\n");
  findings.write(plan.facts);
  Reporter reporter(terminal, findings, plan.facts.cuts);
  const auto summary = explore::explore(plan, *checker, options, reporter, interrupt);
  reporter.clear();
  if (!summary) return tl::unexpected(summary.error());
  reporter.end(*summary);
  POWERCUT_TRY_STATUS(findings.close());
  if (summary->interrupted && signals->received() != 0) return signals->exit_status();
  return summary->succeeded() ? 0 : 1;
}

std::vector<flags::Flag> exploration_flags() {
  const std::string cuts = "Cuts";
  const std::string checkers = "Checkers";
  const std::string results = "Running and results";
  return {
      {.name = "model",
       .value_name = "MODEL",
       .help = "Which states a cut can leave. prefix: everything in front of the cut, nothing "
               "behind it.",
       .default_value = "prefix",
       .choices = {"prefix"},
       .group = cuts},
      {.name = "at",
       .value_name = "WHERE",
       .help = "Where to cut: behind each flush, each entry with FUA (fua), each mark, every N "
               "entries (every:N), each "
               "entry (all), or at an INSTANT (entry:N, flush:K, mark:NAME, start, end). Several, "
               "with commas between "
               "them or in several --at, add up.",
       .default_value = "flush",
       .repeated = true,
       .group = cuts},
      {.name = "from",
       .value_name = "INSTANT",
       .help = "Leave out what --at finds in front of it (but for instants).",
       .default_text = "with --fs or --mount the mark mkfs, that record puts when the file system "
                       "has been made, else start",
       .group = cuts},
      {.name = "to",
       .value_name = "INSTANT",
       .help = "Leave out what --at finds behind it (but for instants).",
       .default_text = "end",
       .group = cuts},
      {.name = "base",
       .value_name = "IMAGE",
       .help = "What the device held before the first entry: a file or block device, which is only "
               "read.",
       .default_text = "zeroes",
       .group = cuts},
      {.name = "size",
       .value_name = "SIZE",
       .help = "The size of the device, for logs that do not state it.",
       .kind = Kind::kSize,
       .group = cuts},
      {.name = "fs",
       .value_name = "FS",
       .help = "A ready checker. ext4: recover the journal (e2fsck -E journal_only), then e2fsck "
               "-fn has to find nothing. xfs, "
               "btrfs: mount, which recovers the log, unmount, then xfs_repair -n or btrfs check "
               "has to find nothing; "
               "these two need root.",
       .choices = check::ready_file_systems(),
       .group = checkers},
      {.name = "mount",
       .value_name = "FS",
       .help = "Mount each state as FS through a loop device, and run the command of --check with "
               "$POWERCUT_MNT. A state "
               "that cannot be mounted fails. Needs root. Behind --fs if both are given.",
       .group = checkers},
      {.name = "mount-options",
       .value_name = "OPTIONS",
       .help = "As behind mount -o.",
       .group = checkers},
      {.name = "check",
       .value_name = "COMMAND",
       .help = "Run by /bin/sh for each state; {} is the path of the device, a file that it may "
               "write. Any status but 0, "
               "death by a signal and running out of time are failures.",
       .group = checkers},
      {.name = "timeout",
       .value_name = "SECONDS",
       .help = "For the check of one state.",
       .kind = Kind::kInteger,
       .default_value = "120",
       .range = {1, 1'000'000},
       .group = checkers},
      {.name = "jobs",
       .short_name = 'j',
       .value_name = "N",
       .help = "How many states are checked at a time. btrfs is mounted one at a time.",
       .kind = Kind::kInteger,
       .default_text = "the number of processors",
       .range = {1, 1024},
       .group = results},
      {.name = "max-failures",
       .value_name = "N",
       .help = "Begin no further state after so many failures.",
       .kind = Kind::kInteger,
       .default_text = "no limit",
       .range = {1},
       .group = results},
      {.name = "json",
       .value_name = "FILE",
       .help = "Write what is found as lines of JSON, each as it comes: one for the run, one for "
               "each state, a summary "
               "last. - is standard output; the text then goes to standard error.",
       .group = results},
      {.name = "keep",
       .value_name = "DIR",
       .help = "Keep of each failing state its image (sparse, as it was before the check) and the "
               "checker's output, as "
               "DIR/STATE.img and DIR/STATE.out.",
       .group = results},
  };
}

flags::Section checker_section() {
  return {.title = "What a checker gets",
          .paragraphs = {
              "The device is a file of its own for each state. What a checker writes to it is seen "
              "by nobody else and is gone "
              "afterwards, as are its processes, also those in the background.",
              "POWERCUT_DISK: the path of the device, as {}.",
              "POWERCUT_MNT: with --mount, where it is mounted.",
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
