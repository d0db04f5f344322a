// SPDX-License-Identifier: Apache-2.0
// Two file systems mind that all states of one log bear the same UUID. xfs refuses to mount a
// second one unless it is told not to look (nouuid). btrfs takes devices of one UUID for parts of
// one file system, and would read one state's blocks for another's: of btrfs there is one mount at
// a time on the whole machine, as far as powercut makes them, and the kernel is made to forget the
// device before its loop device gets another state.
#include "check/mount_checker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/btrfs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/unique_fd.h"
#include "check/acknowledged_files.h"
#include "check/check_run.h"
#include "check/command_checker.h"
#include "check/stragglers.h"
#include "serve/loop_device.h"
#include "serve/mount.h"

namespace powercut::check {
namespace {

constexpr std::uint32_t kLeastBlockSize = 512;
constexpr std::uint32_t kGreatestBlockSize = 4096;

// What mount(2) says about this machine, not about the state.
bool is_about_environment(int error) {
  constexpr std::array kErrors = {EPERM,  EACCES, ENODEV, ENOTBLK, ENOMEM, EMFILE,
                                  ENFILE, ENXIO,  EBUSY,  ENOENT,  ENOTDIR};
  return std::find(kErrors.begin(), kErrors.end(), error) != kErrors.end();
}

bool kernel_knows(const std::string& file_system) {
  std::ifstream file("/proc/filesystems");
  for (std::string line; std::getline(file, line);) {
    if (line == "\t" + file_system) return true;
  }
  return false;
}

Status require_file_system(const std::string& file_system) {
  if (kernel_knows(file_system)) return {};
  SubprocessOptions options;
  options.argv = {"modprobe", "--", file_system};
  options.output = options.error_output = SubprocessOptions::Output::kNull;
  // Its failure shows in the kernel's not knowing the file system.
  if (find_program("modprobe"))
    static_cast<void>(run_subprocess(options, std::chrono::seconds(30)));
  if (kernel_knows(file_system)) return {};
  return environment_error(
      fmt::format("this kernel cannot mount {} (see /proc/filesystems)", file_system), ENODEV);
}

// One holder on the machine.
class MachineLock {
 public:
  // Nothing if interrupted.
  static Result<std::optional<MachineLock>> take(const std::string& name,
                                                 const Interrupt& interrupt) {
    const std::string path = fmt::format(
        "{}/powercut-{}.lock", ::access("/run/lock", W_OK) == 0 ? "/run/lock" : "/tmp", name);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return os_error(fmt::format("cannot open '{}'", path));
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR)
        return os_error(fmt::format("cannot lock '{}'", path));
      if (interrupt.is_raised()) return std::optional<MachineLock>();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return std::optional<MachineLock>(MachineLock(std::move(fd)));
  }

 private:
  explicit MachineLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// The kernel keeps what it has learnt of a btrfs device after the unmount.
void make_btrfs_forget(const std::string& device) {
  const UniqueFd control(::open("/dev/btrfs-control", O_RDWR | O_CLOEXEC));
  btrfs_ioctl_vol_args arguments{};
  std::strncpy(arguments.name, device.c_str(), sizeof(arguments.name) - 1);
  // ENOENT where it has not learnt anything: the mount failed early.
  if (control.valid()) ::ioctl(control.get(), BTRFS_IOC_FORGET_DEV, &arguments);
}

std::string identity_of(const MountedCommand& command) {
  if (command.is_users) return command_identity(command.command);
  std::string text = command.command;
  for (const auto& program : command.programs) text += "\n" + program_identity(program);
  return text;
}

class MountChecker final : public Checker {
 public:
  explicit MountChecker(MountPlan plan)
      : plan_(std::move(plan)), is_btrfs_(plan_.file_system == "btrfs") {
    if (plan_.file_system == "xfs") plan_.options += plan_.options.empty() ? "nouuid" : ",nouuid";
  }

  std::string description() const override { return plan_.description; }
  unsigned max_jobs() const override { return is_btrfs_ ? 1 : Checker::max_jobs(); }
  std::string identity() const override {
    struct utsname kernel {};
    ::uname(&kernel);
    std::string text =
        fmt::format("{}\n{}\n{}\nLinux {} {}\n", plan_.description, plan_.file_system,
                    plan_.options, kernel.release, kernel.version);
    for (const auto& command : plan_.commands) text += identity_of(command);
    if (!plan_.afterwards.empty()) text += program_identity(plan_.afterwards[0]);
    return text;
  }
  bool sees_marks() const override {
    return plan_.compares_acknowledgements ||
           std::any_of(plan_.commands.begin(), plan_.commands.end(),
                       [](const MountedCommand& command) { return command.is_users; });
  }

  Status prepare() override {
    if (::geteuid() != 0) {
      return environment_error(
          fmt::format("checker '{}' mounts a file system, which only root may do",
                      plan_.description),
          EPERM);
    }
    POWERCUT_TRY_STATUS(require_file_system(plan_.file_system));
    for (const auto& command : plan_.commands) {
      if (command.is_users) POWERCUT_TRY_STATUS(check_shell_command(command.command));
    }
    if (!plan_.afterwards.empty()) {
      plan_.afterwards[0] =
          POWERCUT_TRY(find_program(plan_.afterwards[0], plan_.afterwards_package));
    }
    return adopt_orphans();
  }

  Result<std::optional<Verdict>> check(const Offer& offer, const Limits& limits,
                                       const Interrupt& interrupt) override {
    std::optional<MachineLock> lock;
    if (is_btrfs_) {
      lock = POWERCUT_TRY(MachineLock::take("btrfs", interrupt));
      if (!lock) return std::optional<Verdict>();
    }
    CheckRun run(offer, limits, interrupt);
    auto verdict = POWERCUT_TRY(check_mounted(offer, run));
    if (!verdict || !verdict->passed() || plan_.afterwards.empty()) return verdict;
    return check_afterwards(offer, run);
  }

 private:
  Result<std::optional<Verdict>> check_mounted(const Offer& offer, CheckRun& run) {
    const std::uint32_t block_size =
        std::clamp(offer.sector_size, kLeastBlockSize, kGreatestBlockSize);
    serve::LoopDevice loop = POWERCUT_TRY(
        serve::LoopDevice::attach(offer.disk_path, block_size, serve::LoopIo::kCached));
    auto verdict = check_device(offer, loop.path(), run);
    if (is_btrfs_) make_btrfs_forget(loop.path());
    POWERCUT_TRY_STATUS(loop.detach());
    return verdict;
  }

  Result<std::optional<Verdict>> check_device(const Offer& offer, const std::string& device,
                                              CheckRun& run) {
    const std::string path = offer.directory + "/mnt";
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      return os_error(fmt::format("cannot make '{}'", path));
    auto mount = serve::Mount::make(device, path, plan_.file_system, plan_.options, {});
    if (!mount) {
      if (is_about_environment(mount.error().os_errno)) return tl::unexpected(mount.error());
      run.add_output(mount.error().message + "\n");
      return run.fail(Outcome::kMount, mount.error().os_errno,
                      fmt::format("mount -t {}", plan_.file_system));
    }
    auto verdict = check_tree(offer, path, run);
    POWERCUT_TRY_STATUS(mount->unmount());
    return verdict;
  }

  Result<std::optional<Verdict>> check_tree(const Offer& offer, const std::string& path,
                                            CheckRun& run) {
    if (plan_.compares_acknowledgements) {
      auto verdict = POWERCUT_TRY(compare_acknowledged_files(offer, path, run));
      if (!verdict || !verdict->passed()) return verdict;
    }
    run.set_environment("POWERCUT_MNT", path);
    for (const auto& command : plan_.commands) {
      const auto result = POWERCUT_TRY(run.run_shell(
          command.is_users ? with_disk_path(command.command, offer.disk_path) : command.command));
      if (!result) return std::optional<Verdict>();
      if (auto failure = run.failure_of_shell(*result, command.step)) return failure;
    }
    return run.pass();
  }

  Result<std::optional<Verdict>> check_afterwards(const Offer& offer, CheckRun& run) const {
    std::vector<std::string> argv = plan_.afterwards;
    argv.push_back(offer.disk_path);
    const auto result = POWERCUT_TRY(run.run(argv));
    if (!result) return std::optional<Verdict>();
    const std::string& program = plan_.afterwards[0];
    std::string step = program.substr(program.rfind('/') + 1);
    for (std::size_t i = 1; i < plan_.afterwards.size(); ++i) step += " " + plan_.afterwards[i];
    if (auto failure = run.failure_of(*result, step)) return failure;
    return run.pass();
  }

  MountPlan plan_;
  const bool is_btrfs_;
};

}  // namespace

std::unique_ptr<Checker> make_mount_checker(MountPlan plan) {
  return std::make_unique<MountChecker>(std::move(plan));
}

}  // namespace powercut::check
