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
#include "check/shell.h"
#include "explore/explorer.h"
#include "report/text.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;

// More than these make a list that nobody reads; --json has them all.
constexpr std::uint64_t kFailuresInFull = 3;
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
  Reporter(const Terminal& terminal, FindingsFile& findings, std::uint64_t cuts,
           std::vector<std::string> reproduce)
      : terminal_(terminal),
        findings_(findings),
        reproduce_(std::move(reproduce)),
        progress_("checking", cuts) {}

  void on_result(const findings::StateResult& result) override {
    findings_.write(result);
    ++checked_;
    if (!result.passed()) show_failure(result);
    progress_.update(checked_, fmt::format("{} failed", failed_));
  }

  void end(const findings::Summary& summary) {
    progress_.clear();
    findings_.write(summary);
    if (failed_ > kFailuresInFull) {
      terminal_.print(fmt::format("each is shown again by: {} --at STATE\n\n",
                                  check::shell_joined(reproduce_)));
    }
    terminal_.print(
        report::summary_text(summary, std::min(failed_, kFailuresShown), terminal_.style()));
  }
  void clear() { progress_.clear(); }

 private:
  void show_failure(const findings::StateResult& result) {
    if (++failed_ > kFailuresShown) return;
    progress_.clear();
    terminal_.print(failed_ <= kFailuresInFull
                        ? report::failure_text(result, terminal_.style()) + "\n"
                        : report::brief_failure_text(result, terminal_.style()));
  }

  const Terminal& terminal_;
  FindingsFile& findings_;
  const std::vector<std::string> reproduce_;
  Progress progress_;
  std::uint64_t checked_ = 0;
  std::uint64_t failed_ = 0;
};

// This program as the user called it, so that the command can be pasted.
std::string program_name() {
  const std::string name = program_invocation_name;
  return name.find('/') == std::string::npos ? "powercut" : name;
}

std::vector<std::string> reproducing_command(const Exploration& exploration) {
  const auto& request = exploration.request;
  std::vector<std::string> words = {program_name(), "explore", request.log};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {name, value});
  };
  add("--base", request.base);
  if (request.size_bytes) add("--size", std::to_string(*request.size_bytes));
  add("--fs", exploration.file_system);
  add("--mount", exploration.mount);
  add("--mount-options", exploration.mount_options);
  if (exploration.compares_acknowledgements) words.emplace_back("--acks");
  add("--check", exploration.command);
  if (exploration.options.limits.timeout != check::Limits{}.timeout) {
    add("--timeout", std::to_string(exploration.options.limits.timeout / std::chrono::seconds(1)));
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

std::unique_ptr<check::Checker> make_mounted(const Exploration& exploration) {
  check::MountPlan plan;
  plan.file_system = exploration.mount;
  plan.options = exploration.mount_options;
  plan.command = exploration.command;
  plan.compares_acknowledgements = exploration.compares_acknowledgements;
  std::string tasks = plan.compares_acknowledgements ? "acknowledged files" : "";
  if (!plan.command.empty()) {
    tasks += fmt::format("{}'{}'", tasks.empty() ? "" : " and ", plan.command);
  }
  plan.description = tasks.empty() ? fmt::format("mount {}", plan.file_system)
                                   : fmt::format("{} on mounted {}", tasks, plan.file_system);
  return check::make_mount_checker(std::move(plan));
}

Result<std::unique_ptr<check::Checker>> make_checker(const Exploration& exploration) {
  std::vector<std::unique_ptr<check::Checker>> checkers;
  if (!exploration.file_system.empty()) {
    checkers.push_back(POWERCUT_TRY(check::make_file_system_checker(exploration.file_system)));
  }
  if (!exploration.mount.empty()) {
    checkers.push_back(make_mounted(exploration));
  } else if (exploration.has_command) {
    checkers.push_back(check::make_command_checker(exploration.command));
  }
  auto checker = check::make_sequence(std::move(checkers));
  POWERCUT_TRY_STATUS(checker->prepare());
  return checker;
}

void read_cuts(const Arguments& arguments, explore::Request& request) {
  request.at = arguments.texts("at");
  request.from = arguments.optional_text("from").value_or("");
  request.to = arguments.optional_text("to").value_or("");
  request.base = arguments.optional_text("base").value_or("");
}

void read_running(const Arguments& arguments, explore::ExploreOptions& options) {
  options.jobs = static_cast<unsigned>(arguments.optional_integer("jobs").value_or(
      std::max(1U, std::thread::hardware_concurrency())));
  options.limits.timeout = std::chrono::seconds(arguments.integer("timeout"));
  options.max_failures = arguments.optional_integer("max-failures").value_or(0);
  options.keep_directory = arguments.optional_text("keep").value_or("");
}

}  // namespace

Result<Exploration> exploration_from(const Arguments& arguments) {
  Exploration exploration;
  read_cuts(arguments, exploration.request);
  read_running(arguments, exploration.options);
  exploration.has_command = arguments.given("check");
  exploration.command = arguments.optional_text("check").value_or("");
  exploration.json = arguments.optional_text("json").value_or("");
  exploration.file_system = arguments.optional_text("fs").value_or("");
  exploration.mount_options = arguments.optional_text("mount-options").value_or("");
  exploration.compares_acknowledgements = arguments.is_set("acks");
  if (exploration.has_command) POWERCUT_TRY_STATUS(check::check_shell_command(exploration.command));
  return exploration;
}

Result<PreparedExploration> PreparedExploration::make(Exploration exploration) {
  exploration.request.wants_file_system =
      !exploration.file_system.empty() || !exploration.mount.empty();
  exploration.request.wants_acknowledgements = exploration.compares_acknowledgements;
  exploration.options.reproduce = reproducing_command(exploration);
  auto checker = POWERCUT_TRY(make_checker(exploration));
  POWERCUT_TRY_STATUS(make_keep_directory(exploration.options.keep_directory));
  auto findings = POWERCUT_TRY(FindingsFile::open(exploration.json));
  return PreparedExploration(std::move(exploration), std::move(checker), std::move(findings));
}

Result<ExplorationOutcome> PreparedExploration::run() {
  explore::Plan plan = POWERCUT_TRY(explore::make_plan(exploration_.request));
  plan.facts.checker = checker_->description();
  plan.facts.jobs = explore::effective_jobs(plan, *checker_, exploration_.options.jobs);

  const check::Interrupt interrupt = POWERCUT_TRY(check::Interrupt::make());
  const auto signals = POWERCUT_TRY(SignalInterrupt::make([&interrupt] { interrupt.raise(); }));

  const Terminal terminal(exploration_.json == "-");
  terminal.print(report::run_text(plan.facts) + "\n");
  findings_.write(plan.facts);
  Reporter reporter(terminal, findings_, plan.facts.cuts, exploration_.options.reproduce);
  auto summary = explore::explore(plan, *checker_, exploration_.options, reporter, interrupt);
  reporter.clear();
  if (!summary) return tl::unexpected(summary.error());
  reporter.end(*summary);
  POWERCUT_TRY_STATUS(findings_.close());
  const int status = summary->interrupted && signals->received() != 0 ? signals->exit_status()
                     : summary->succeeded()                           ? 0
                                                                      : 1;
  return ExplorationOutcome{*summary, status};
}

std::vector<flags::Flag> exploration_flags() {
  const std::string cuts = kCutsGroup;
  const std::string checkers = kCheckersGroup;
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
       .default_value = "flush,mark",
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
      {.name = "check",
       .value_name = "COMMAND",
       .help = "Run by /bin/sh for each state; {} is the path of the device, a file that it may "
               "write. Any status but 0, "
               "death by a signal and running out of time are failures.",
       .group = checkers},
      {.name = "acks",
       .help = "Mount each state, and compare its files with what the log's acknowledgement marks "
               "(powercut mark --file) promise: files that are missing, that have another content, "
               "or that are back although they had been removed are failures. Ahead of the "
               "command of --check. Needs root.",
       .kind = Kind::kBool,
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
