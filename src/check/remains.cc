// SPDX-License-Identifier: Apache-2.0
// An owner's directory appears under its name only when its lock is held already, by a rename; so whoever
// finds one whose lock is free has found that of a dead owner, or of one that is about to remove it.
// The lock names its owner's process.
#include "check/remains.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "serve/loop_device.h"
#include "serve/mount.h"

namespace powercut::check {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr const char* kNewPrefix = "powercut-new-";
constexpr milliseconds kUnmountingPatience{3000};

struct Loop {
  std::string device;
  std::string file;
};

// Of which the file's path begins with `prefix`.
std::vector<Loop> loops_over(const std::string& prefix) {
  std::vector<Loop> loops;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/sys/block", error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("loop")) continue;
    const std::string device = "/dev/" + name;
    std::string file = serve::loop_backing_file(device);
    if (file.starts_with(prefix)) loops.push_back({device, std::move(file)});
  }
  return loops;
}

// The last ones first, as they may stand on each other.
template <typename Predicate>
void unmount_where(const Predicate& is_wanted) {
  auto mounts = serve::list_mounts();
  if (!mounts) return;
  std::reverse(mounts->begin(), mounts->end());
  for (const auto& mount : *mounts) {
    // One that is busy is detached, and goes with its last user.
    if (is_wanted(mount))
      static_cast<void>(serve::unmount(mount.mount_point, kUnmountingPatience, {}));
  }
}

void release_loops(const std::vector<Loop>& loops) {
  if (loops.empty()) return;
  unmount_where([&](const serve::MountedAt& mount) {
    return std::any_of(loops.begin(), loops.end(),
                       [&](const Loop& loop) { return loop.device == mount.source; });
  });
  for (const auto& loop : loops) serve::detach_loop_devices_of(loop.file);
}

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> processes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = static_cast<pid_t>(std::strtol(entry.path().filename().c_str(), nullptr, 10));
    if (pid <= 1 || pid == ::getpid()) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    std::string environment(1, '\0');
    environment.append(std::istreambuf_iterator<char>(file), {});
    if (environment.find('\0' + text) != std::string::npos) processes.push_back(pid);
  }
  return processes;
}

void kill_processes_with(const std::string& text) {
  for (int round = 0; round < 300; ++round) {
    const auto processes = processes_with(text);
    if (processes.empty()) return;
    for (const pid_t pid : processes) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(milliseconds(10));
  }
}

void clean_up(const std::string& directory) {
  kill_processes_with(fmt::format("POWERCUT_DISK={}/", directory));
  const std::string disks = directory + "/disks";
  release_loops(loops_over(disks + "/"));
  unmount_where([&](const serve::MountedAt& mount) {
    return mount.mount_point.starts_with(directory + "/");
  });
  std::error_code ignored;
  // Should something be mounted there still, it must not be emptied.
  if (::rmdir(disks.c_str()) == 0 || errno == ENOENT) fs::remove_all(directory, ignored);
}

// Whether a thread of it waits to be killed.
bool is_being_killed(pid_t pid) {
  std::error_code error;
  for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      if (word != "SigPnd:") continue;
      status >> word;
      const std::uint64_t pending = std::strtoull(word.c_str(), nullptr, 16);
      if ((pending >> (SIGKILL - 1) & 1) != 0) return true;
    }
  }
  return false;
}

// An owner that was killed does not end while one of its threads waits for a mount or a loop device
// over a file of its own, which nobody serves any more: for ever. Whoever waits for such a file gets
// an error when its mount is cut off.
bool cut_off_dying_owner(const std::string& directory) {
  pid_t pid = 0;
  std::ifstream(directory + "/lock") >> pid;
  if (pid <= 1 || !is_being_killed(pid)) return false;
  static_cast<void>(serve::detach_mount(directory + "/disks", true));
  return true;
}

// The lock, if nobody holds it.
UniqueFd take_lock(const std::string& directory) {
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) ||
      info.st_uid != ::geteuid()) {
    return {};
  }
  UniqueFd lock(::open((directory + "/lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!lock.valid() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return lock;
}

// The same, when it has taken its owner some time to end.
UniqueFd take_lock_of_dead(const std::string& directory) {
  UniqueFd lock = take_lock(directory);
  if (lock.valid() || !cut_off_dying_owner(directory)) return lock;
  for (int round = 0; !lock.valid() && round < 1000; ++round) {
    std::this_thread::sleep_for(milliseconds(10));
    lock = take_lock(directory);
  }
  return lock;
}

}  // namespace

void release_file(const std::string& path) {
  release_loops(loops_over(path));
}

Result<OwnedDirectory> make_owned_directory(const std::string& parent) {
  std::string path = fmt::format("{}/{}XXXXXX", parent, kNewPrefix);
  if (::mkdtemp(path.data()) == nullptr) {
    return os_error(fmt::format("cannot make a directory in '{}'", parent));
  }
  UniqueFd lock(::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const std::string name =
      fmt::format("{}/{}{}", parent, kOwnedDirectoryPrefix, path.substr(path.size() - 6));
  const std::string pid = std::to_string(::getpid());
  // A checker may do its work as another user, who goes through this folder to what is mounted.
  if (!lock.valid() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 ||
      ::chmod(path.c_str(), 0711) != 0 ||
      ::write(lock.get(), pid.data(), pid.size()) != static_cast<ssize_t>(pid.size()) ||
      ::rename(path.c_str(), name.c_str()) != 0) {
    const int error = errno;
    std::error_code ignored;
    fs::remove_all(path, ignored);
    return os_error(fmt::format("cannot make directory '{}'", name), error);
  }
  return OwnedDirectory{name, std::move(lock)};
}

void clean_up_behind_the_dead(const std::string& parent) {
  std::vector<std::string> candidates;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    if (entry.path().filename().string().starts_with(kOwnedDirectoryPrefix))
      candidates.push_back(entry.path());
  }
  for (const auto& candidate : candidates) {
    if (const UniqueFd lock = take_lock_of_dead(candidate); lock.valid()) clean_up(candidate);
  }
}

}  // namespace powercut::check
