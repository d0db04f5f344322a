// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "apps/cli/commands.h"
#include "apps/cli/exploration_options.h"
#include "apps/cli/recording_options.h"
#include "check/ready_checkers.h"
#include "io/posix_file.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Flag;

// The log: where the user wants it, or in a temporary place, where it stays only if a state failed.
class TestLog {
 public:
  [[nodiscard]] static Result<TestLog> make(const std::string& path) {
    if (!path.empty()) return TestLog(path, false);
    const char* parent = std::getenv("TMPDIR");
    if (parent == nullptr || *parent == '\0') parent = "/tmp";
    std::string name = fmt::format("{}/powercut-test-XXXXXX.log", parent);
    const UniqueFd fd(::mkostemps(name.data(), 4, O_CLOEXEC));
    if (!fd.valid()) return os_error(fmt::format("cannot make a log in '{}'; give --log", parent));
    return TestLog(std::move(name), true);
  }
  ~TestLog() {
    if (is_temporary_) ::unlink(path_.c_str());
  }
  TestLog(TestLog&& other) noexcept
      : path_(std::move(other.path_)), is_temporary_(std::exchange(other.is_temporary_, false)) {}
  TestLog& operator=(TestLog&&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_temporary() const { return is_temporary_; }
  void keep() {
    if (std::exchange(is_temporary_, false)) {
      print_notice(fmt::format("the log is kept as {}", path_));
    }
  }

 private:
  TestLog(std::string path, bool is_temporary)
      : path_(std::move(path)), is_temporary_(is_temporary) {}

  std::string path_;
  bool is_temporary_;
};

bool has_ready_checker(const std::string& file_system) {
  const auto ready = check::ready_file_systems();
  return std::find(ready.begin(), ready.end(), file_system) != ready.end();
}

// The file system that is made is the one that is checked, and mounted for the command.
Status choose_checker(Exploration& exploration) {
  if (exploration.file_system.empty()) {
    if (exploration.looks_at_files()) {
      return no_file_system(exploration, "--fs FS");
    }
    if (exploration.has_command) return {};
    return usage_error("nothing to check with: give --fs, --check, or both");
  }
  const bool is_ready = has_ready_checker(exploration.file_system);
  const bool looks_inside = exploration.has_command || exploration.looks_at_files();
  if (looks_inside || !is_ready) exploration.mount = exploration.file_system;
  if (!is_ready) exploration.file_system.clear();
  return {};
}

// A device that is recorded over what it held is explored over the same: before it is recorded.
Status require_base(const Arguments& arguments, const RecordingPlan& plan,
                    const Exploration& exploration) {
  const std::string& path = plan.recording.file;
  const bool is_blanked = plan.way == RecordingPlan::Way::kFileSystem && plan.make_file_system;
  if (!exploration.request.base.empty() || path.empty() || is_blanked ||
      ::access(path.c_str(), F_OK) != 0) {
    return {};
  }
  const auto file = POWERCUT_TRY(PosixFile::open(path, {}));
  if (!POWERCUT_TRY(file->next_data(0))) return {};
  return usage_error(fmt::format(
      "'{}' is not empty{}: give a copy of it as it is now with --base IMAGE, from which the "
      "states can be made",
      path, arguments.is_set("no-mkfs") ? ", as --no-mkfs wants it" : ""));
}

Result<int> explore_recorded(PreparedExploration& exploration, TestLog& log) {
  const auto outcome = exploration.run();
  if (!outcome || outcome->summary.failed > 0) log.keep();
  if (!outcome) return tl::unexpected(outcome.error());
  return outcome->exit_status;
}

Result<int> run_test(const Arguments& arguments) {
  RecordingPlan plan = POWERCUT_TRY(recording_plan_from(arguments));
  Exploration exploration = POWERCUT_TRY(exploration_from(arguments));
  POWERCUT_TRY_STATUS(choose_checker(exploration));
  POWERCUT_TRY_STATUS(require_base(arguments, plan, exploration));
  TestLog log = POWERCUT_TRY(TestLog::make(plan.recording.log));
  exploration.request.log = plan.recording.log = log.path();
  // Nothing is left beside a log that goes.
  if (log.is_temporary() && !exploration.request.sidecar) exploration.request.sidecar = "";
  PreparedExploration prepared = POWERCUT_TRY(PreparedExploration::make(std::move(exploration)));

  const RecordingOutcome recorded = POWERCUT_TRY(run_recording(plan));
  if (!recorded.summary.empty()) print_notice(recorded.summary);
  if (recorded.exit_status != 0) {
    print_notice(fmt::format("the workload ended with status {}, so no state was checked",
                             recorded.exit_status));
    // 128 and above: it, or we, got a signal.
    return recorded.exit_status > 128 ? recorded.exit_status : 1;
  }
  return explore_recorded(prepared, log);
}

std::vector<Flag> test_flags() {
  std::vector<Flag> all = recording_flags();
  for (Flag& flag : all) {
    if (flag.name == "log") {
      flag.required = false;
      flag.default_text = "a temporary file, which is kept if a state fails";
    } else if (flag.name == "fs") {
      flag.more_help =
          "Each state is judged by the ready checker for this type, which powercut-explore(1) "
          "describes (ext2, ext3, ext4, xfs, btrfs, vfat, f2fs; of others it is tried whether they "
          "can be mounted), and mounted for --app and the command of --check.";
    } else if (flag.name == "mount-options") {
      flag.more_help = "States are mounted with the same.";
    }
  }
  const auto shared = exploration_flags();
  all.insert(all.end(), shared.begin(), shared.end());
  return all;
}

}  // namespace

const flags::Command& test_command() {
  static const flags::Command command = {
      .name = "test",
      .summary = "record a command and check the states that a power cut could have left",
      .description = {"What powercut-record(1) and powercut-explore(1) do, in one go: runs COMMAND "
                      "on a recorded disk, cuts "
                      "the power at many places of what was recorded, and gives each state to a "
                      "checker. It succeeds only "
                      "if COMMAND did, if there were states to check, and if all of them passed.",
                      "That the checker can be run is seen to before COMMAND is started."},
      .trailing =
          flags::Trailing{.usage = "COMMAND [ARG...]", .help = "What to run against the disk."},
      .flags = test_flags(),
      .sections = {checker_section()},
      .examples = {{"A whole file system, whenever the power goes:",
                    "powercut test --size 1G --fs ext4 -- sh -c 'cp -r src \"$POWERCUT_MNT\"'"},
                   {"And the files that it acknowledged (powercut mark --file) are there:",
                    "powercut test --size 1G --fs ext4 --acks -- ./workload"},
                   {"And what the application promised is there:",
                    "powercut test --size 1G --fs ext4 --check './check \"$POWERCUT_MNT\"' \\\n"
                    "    --json findings.jsonl -- ./workload"}},
      .exit_statuses = exploration_exit_statuses(),
      .see_also = {"powercut-record(1)", "powercut-explore(1)"},
      .run = run_test,
  };
  return command;
}

}  // namespace powercut::apps
