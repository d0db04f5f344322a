// SPDX-License-Identifier: Apache-2.0
// The stack, from below: image and log, recorder, FUSE file, loop device, file system, command. It
// is taken down from above, each part while the parts below it still serve. FUSE's threads are in
// this process; so nothing that waits for the loop device or the file system may run on one of
// them, and everything here runs on the main thread.
//
// Signals are blocked and read where this thread waits for a child process; what is between is
// short. A first signal is passed on to the command, which may end in its own way; a second one, or
// ten seconds, kills it.
#include "apps/recording/recording.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "apps/nbdkit/server.h"
#include "apps/recording/file_system.h"
#include "apps/recording/image.h"
#include "apps/recording/processes.h"
#include "apps/recording/runtime_directory.h"
#include "apps/recording/signals.h"
#include "apps/support/output.h"
#include "record/control.h"
#include "serve/fuse_folder.h"
#include "serve/loop_device.h"

namespace powercut::apps {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Way = RecordingPlan::Way;

constexpr milliseconds kCommandPatience{10'000};
constexpr milliseconds kStragglerPatience{2000};
constexpr milliseconds kBusyPatience{5000};
// Once something above has been cut off, waiting for what is below is in vain.
constexpr milliseconds kNoPatience{0};
constexpr std::uint32_t kMinLoopSectorSize = 512;

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

Status check_plan(const RecordingPlan& plan) {
  const bool is_served = plan.way == Way::kFuse || plan.way == Way::kNbd;
  if (plan.command.empty() && !is_served) {
    return usage_error("a command to record is missing: powercut record ... -- COMMAND");
  }
  if (plan.way == Way::kFileSystem && ::geteuid() != 0) {
    return environment_error(
        "mounting a file system needs root; without it there are --raw and --fuse PATH (the "
        "recorded disk as a file) and --nbd SOCKET",
        EPERM);
  }
  return {};
}

std::string absolute(const std::string& path) {
  std::error_code error;
  const fs::path result = fs::absolute(path, error);
  return error ? path : result.lexically_normal().string();
}

class Session {
 public:
  Session(const RecordingPlan& plan, Signals signals, std::unique_ptr<RuntimeDirectory> runtime)
      : plan_(plan), signals_(std::move(signals)), runtime_(std::move(runtime)) {}

  Result<RecordingOutcome> run() {
    Status status = prepare();
    if (status) status = plan_.way == Way::kNbd ? run_nbd() : run_local();
    end_command();
    const Status closed = close();
    if (status) status = closed;
    if (interrupted_by_) outcome_.exit_status = 128 + *interrupted_by_;
    if (status) return std::move(outcome_);
    if (outcome_.exit_status == 0) return tl::unexpected(status.error());
    // Of an interrupted recording nobody asks why it did not come to its end.
    if (!interrupted_by_) tell(status.error().message);
    return std::move(outcome_);
  }

 private:
  void tell(const std::string& message) const {
    if (plan_.notice) plan_.notice(message);
  }

  // The image, and a note of everything that will stand outside of the runtime directory.
  Status prepare() {
    recording_ = plan_.recording;
    image_.emplace(POWERCUT_TRY(
        Image::prepare({.file = recording_.file,
                        .size_bytes = plan_.size_bytes,
                        .must_be_blank = plan_.way == Way::kFileSystem && plan_.make_file_system,
                        .overwrite = recording_.overwrite})));
    recording_.file = image_->path();
    control_path_ = plan_.control.empty() ? *runtime_ / "control" : absolute(plan_.control);
    fuse_path_ = plan_.fuse_path.empty() ? *runtime_ / "disk" : absolute(plan_.fuse_path);
    OutsideTraces traces;
    if (!plan_.control.empty()) traces.sockets.push_back(control_path_);
    if (!plan_.nbd_socket.empty()) traces.sockets.push_back(absolute(plan_.nbd_socket));
    if (image_->is_temporary()) traces.files.push_back(image_->path());
    const bool is_fuse_here = plan_.way != Way::kNbd;
    if (is_fuse_here && !fs::exists(fuse_path_)) {
      made_fuse_place_ = true;
      if (!plan_.fuse_path.empty()) traces.files.push_back(fuse_path_);
    }
    if (is_fuse_here && !plan_.fuse_path.empty()) traces.fuse_path = fuse_path_;
    return runtime_->write_down(traces);
  }

  // --- FUSE, in this process ---

  Status run_local() {
    POWERCUT_TRY_STATUS(open_recorder());
    POWERCUT_TRY_STATUS(mount_fuse());
    if (plan_.way == Way::kFileSystem || (plan_.way == Way::kRaw && ::geteuid() == 0)) {
      loop_.emplace(POWERCUT_TRY(serve::LoopDevice::attach(
          fuse_path_, std::max(device_->sector_size(), kMinLoopSectorSize))));
    }
    if (plan_.way == Way::kFileSystem) POWERCUT_TRY_STATUS(make_and_mount());
    POWERCUT_TRY_STATUS(check_interrupt());
    if (plan_.command.empty()) return serve_until_told();
    return run_command(loop_ ? loop_->path() : fuse_path_);
  }

  Status open_recorder() {
    device_ = POWERCUT_TRY(
        record::open_recording(recording_, [this](const std::string& text) { tell(text); }));
    image_->keep();
    control_ = POWERCUT_TRY(record::ControlServer::start(control_path_, *device_));
    return {};
  }

  Status mount_fuse() {
    if (made_fuse_place_) {
      const UniqueFd place(
          ::open(fuse_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!place.valid()) return os_error(fmt::format("cannot make '{}'", fuse_path_));
    }
    fuse_ = POWERCUT_TRY(
        serve::FuseFile::mount(fuse_path_, device_,
                               {.is_below_file_system = plan_.way != Way::kFuse,
                                .notice = [this](const std::string& text) { tell(text); }}));
    return {};
  }

  Status make_and_mount() {
    if (plan_.make_file_system) {
      POWERCUT_TRY_STATUS(make_file_system());
      // Not every mkfs waits until the kernel has written what it left in the page cache.
      POWERCUT_TRY_STATUS(loop_->sync());
      POWERCUT_TRY_STATUS(mark(kMarkMkfs));
    }
    POWERCUT_TRY_STATUS(check_interrupt());
    mount_point_ = *runtime_ / "mnt";
    std::error_code error;
    fs::create_directory(mount_point_, error);
    if (error) return os_error(fmt::format("cannot make '{}'", mount_point_), error.value());
    mount_.emplace(POWERCUT_TRY(
        serve::Mount::make(loop_->path(), mount_point_, plan_.file_system, plan_.mount_options,
                           [this](const std::string& text) { tell(text); })));
    return mark(kMarkMounted);
  }

  Status make_file_system() {
    SubprocessOptions command;
    command.argv =
        mkfs_command(plan_.file_system, plan_.mkfs_options, device_->sector_size(), loop_->path());
    command.output = SubprocessOptions::Output::kCapture;
    command.error_output = SubprocessOptions::Output::kWithOutput;
    auto process = Subprocess::start(command);
    if (!process && process.error().os_errno == ENOENT) {
      const std::string package = package_of_mkfs(plan_.file_system);
      return environment_error(
          fmt::format("there is no {}{}", command.argv[0],
                      package.empty() ? "" : fmt::format(" (Debian: apt-get install {})", package)),
          ENOENT);
    }
    Subprocess running(POWERCUT_TRY(std::move(process)));
    const auto result = POWERCUT_TRY(running.wait(std::nullopt, signals_.fd()));
    if (!result) return check_interrupt();
    if (result->succeeded()) return {};
    return environment_error(fmt::format("{} {}:\n{}", fmt::join(command.argv, " "),
                                         result->describe(), result->output));
  }

  Status mark(const char* name) {
    const auto entry = device_->mark(name);
    return entry ? Status() : mark_failed(name, entry.error());
  }

  // Who wants to go on without recording (on-log-error=stop) has been told when it ended.
  [[nodiscard]] Status mark_failed(const char* name, const Error& error) const {
    if (recording_.on_log_error == record::OnLogError::kStop) return {};
    return with_context(error, fmt::format("cannot put mark '{}'", name));
  }

  // --- NBD, in nbdkit ---

  Status run_nbd() {
    recording_.log = absolute(recording_.log);
    const std::string socket = absolute(plan_.nbd_socket);
    auto server = POWERCUT_TRY(NbdkitServer::start({.plugin = "logwrites",
                                                    .parameters = plugin_parameters(),
                                                    .socket = socket,
                                                    .pid_file = *runtime_ / "nbdkit.pid"},
                                                   signals_.fd()));
    if (!server) return check_interrupt();
    nbd_.emplace(std::move(*server));
    image_->keep();
    if (!plan_.command.empty()) return run_command(nbd_uri(socket));
    tell(fmt::format("recording at {}; control socket '{}'; SIGINT or SIGTERM ends it",
                     nbd_uri(socket), control_path_));
    POWERCUT_TRY_STATUS(nbd_->wait(signals_.fd()));
    (void)signals_.take();
    return {};
  }

  std::vector<std::string> plugin_parameters() const {
    const auto on_off = [](bool value) { return value ? "on" : "off"; };
    std::vector<std::string> words{
        "file=" + recording_.file, "log=" + recording_.log,
        fmt::format("log-super-update-interval={}", recording_.log_super_update_interval),
        "control=" + control_path_};
    if (recording_.log_append) words.emplace_back("log-append=on");
    if (recording_.overwrite) words.emplace_back("overwrite=on");
    if (recording_.log_direct) words.emplace_back("log-direct=on");
    if (recording_.log_sector_size)
      words.push_back(fmt::format("log-sector-size={}", *recording_.log_sector_size));
    if (recording_.log_extensions)
      words.push_back(fmt::format("log-extensions={}", on_off(*recording_.log_extensions)));
    if (recording_.on_log_error == record::OnLogError::kStop)
      words.emplace_back("on-log-error=stop");
    return words;
  }

  // --- the command ---

  Status run_command(const std::string& disk) {
    SubprocessOptions options;
    options.argv = plan_.command;
    options.input = SubprocessOptions::Input::kInherit;
    options.take_terminal = true;
    options.environment = {{"POWERCUT_DISK", disk},
                           {"POWERCUT_CONTROL", control_path_},
                           {RuntimeDirectory::variable_name(), runtime_->path()}};
    if (mount_) options.environment.emplace_back("POWERCUT_MNT", mount_point_);
    Subprocess process = POWERCUT_TRY(Subprocess::start(options));
    command_was_started_ = true;
    outcome_.command = POWERCUT_TRY(wait_for(process));
    outcome_.exit_status = outcome_.command->shell_status();
    const auto marked = record::control_request(control_path_, fmt::format("mark {}", kMarkExited));
    return marked ? Status() : mark_failed(kMarkExited, marked.error());
  }

  Result<SubprocessResult> wait_for(Subprocess& process) {
    std::optional<milliseconds> patience;
    while (true) {
      if (auto result = POWERCUT_TRY(process.wait(patience, signals_.fd()))) return *result;
      const auto signal = signals_.take();
      if (signal && !patience) {
        tell(fmt::format("{}: passed on to the command", signal_name(*signal)));
        process.signal_group(*signal);
        patience = kCommandPatience;
      } else {
        tell("the command does not end: killed");
        process.signal_group(SIGKILL);
        patience = kCommandPatience;
      }
    }
  }

  // What the command has left running would keep the file system busy.
  void end_command() {
    if (!command_was_started_) return;
    const std::string variable = RuntimeDirectory::variable_name() + "=" + runtime_->path();
    const int count = end_stragglers(variable, nbd_ ? nbd_->pid() : 0, kStragglerPatience);
    if (count > 0) tell(fmt::format("ended {} processes that the command had left running", count));
  }

  Status serve_until_told() {
    tell(
        fmt::format("recording at '{}'; control socket '{}'; SIGINT, SIGTERM or 'fusermount3 -u' "
                    "ends it",
                    fuse_path_, control_path_));
    std::array<pollfd, 2> fds{{{signals_.fd(), POLLIN, 0}, {fuse_->ended_fd(), POLLIN, 0}}};
    while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
    }
    (void)signals_.take();
    return {};
  }

  Status check_interrupt() {
    if (const auto signal = signals_.take()) interrupted_by_ = signal;
    if (!interrupted_by_) return {};
    return environment_error(fmt::format("interrupted by {}", signal_name(*interrupted_by_)),
                             EINTR);
  }

  // --- the end ---

  // Goes on after an error, so that nothing stays; gives the first one.
  Status close() {
    Status first;
    const auto note = [&](Status status) {
      if (!status && first) first = std::move(status);
    };
    milliseconds patience = kBusyPatience;
    if (mount_) {
      const Status status = unmount_file_system();
      if (!status) patience = kNoPatience;
      note(status);
    }
    if (loop_) {
      const Status status = loop_->detach(patience);
      if (!status) patience = kNoPatience;
      note(status);
    }
    if (fuse_ != nullptr) note(fuse_->unmount(patience));
    if (made_fuse_place_) ::unlink(fuse_path_.c_str());
    if (nbd_) {
      summarise_nbd();
      note(nbd_->stop());
    }
    control_.reset();
    fuse_.reset();
    if (device_ != nullptr) note(close_recorder());
    return first;
  }

  Status unmount_file_system() {
    // Whatever comes then, what has been written is in the log.
    {
      const UniqueFd root(::open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (root.valid()) ::syncfs(root.get());
    }
    POWERCUT_TRY_STATUS(mount_->unmount(kBusyPatience));
    mount_.reset();
    return device_->status().recording ? mark(kMarkUnmounted) : Status();
  }

  Status close_recorder() {
    // Without a file system above nobody else may have flushed.
    if (plan_.way != Way::kFileSystem && device_->status().recording) {
      POWERCUT_TRY_STATUS(device_->flush());
    }
    Status closed = device_->close();
    const record::RecorderStatus status = device_->status();
    outcome_.summary = summary(status);
    if (status.recording) return closed;
    // Who wants to go on without recording has been told, and the summary says it again.
    if (recording_.on_log_error == record::OnLogError::kStop) return {};
    return environment_error(fmt::format("recording ended early: {}", status.log_error));
  }

  static std::string summary(const record::RecorderStatus& status) {
    return fmt::format(
        "{} entries in '{}' ({}): {} writes, {} zeroes, {} discards, {} flushes, {} marks{}",
        with_commas(status.log_counters.entries), status.log,
        human_bytes(status.log_counters.end_offset), with_commas(status.writes),
        with_commas(status.zeroes), with_commas(status.discards), with_commas(status.flushes),
        with_commas(status.marks), status.recording ? "" : "; RECORDING ENDED EARLY");
  }

  void summarise_nbd() {
    auto status = record::request_status(control_path_);
    if (!status) return;
    status->log = recording_.log;
    outcome_.summary = summary(*status);
  }

  const RecordingPlan& plan_;
  Signals signals_;
  // Declared from below to above: what is left at an error is taken down in the reverse order.
  std::unique_ptr<RuntimeDirectory> runtime_;
  std::optional<Image> image_;
  record::RecordingOptions recording_;
  std::string control_path_;
  std::string fuse_path_;
  std::string mount_point_;
  std::shared_ptr<record::RecordingDevice> device_;
  std::unique_ptr<record::ControlServer> control_;
  std::optional<NbdkitServer> nbd_;
  std::unique_ptr<serve::FuseFile> fuse_;
  std::optional<serve::LoopDevice> loop_;
  std::optional<serve::Mount> mount_;

  bool made_fuse_place_ = false;
  bool command_was_started_ = false;
  std::optional<int> interrupted_by_;  // before the command was started
  RecordingOutcome outcome_;
};

}  // namespace

Result<RecordingOutcome> run_recording(const RecordingPlan& plan) {
  POWERCUT_TRY_STATUS(check_plan(plan));
  // Before any thread is started.
  Signals signals = POWERCUT_TRY(Signals::block());
  POWERCUT_TRY_STATUS(adopt_orphans());
  auto runtime = POWERCUT_TRY(RuntimeDirectory::make(plan.notice));
  Session session(plan, std::move(signals), std::move(runtime));
  return session.run();
}

}  // namespace powercut::apps
