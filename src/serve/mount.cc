// SPDX-License-Identifier: Apache-2.0
#include "serve/mount.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

#include "base/subprocess.h"
#include "serve/own_files.h"

namespace powercut::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kRetryInterval{20};
// Users that are named in a message, at most.
constexpr std::size_t kMaxNamedUsers = 5;

// The kernel writes blank, tab, newline and backslash as three octal digits.
std::string unescape(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::isdigit(static_cast<unsigned char>(text[i + 1])) != 0) {
      result.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)));
      i += 3;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

// Options that are flags of mount(2); all others are handed to the file system.
struct FlagOption {
  std::string_view name;
  unsigned long set;
  unsigned long clear;
};
constexpr std::array<FlagOption, 22> kFlagOptions{{{"defaults", 0, 0},
                                                   {"rw", 0, MS_RDONLY},
                                                   {"ro", MS_RDONLY, 0},
                                                   {"suid", 0, MS_NOSUID},
                                                   {"nosuid", MS_NOSUID, 0},
                                                   {"dev", 0, MS_NODEV},
                                                   {"nodev", MS_NODEV, 0},
                                                   {"exec", 0, MS_NOEXEC},
                                                   {"noexec", MS_NOEXEC, 0},
                                                   {"async", 0, MS_SYNCHRONOUS},
                                                   {"sync", MS_SYNCHRONOUS, 0},
                                                   {"dirsync", MS_DIRSYNC, 0},
                                                   {"atime", 0, MS_NOATIME},
                                                   {"noatime", MS_NOATIME, 0},
                                                   {"diratime", 0, MS_NODIRATIME},
                                                   {"nodiratime", MS_NODIRATIME, 0},
                                                   {"relatime", MS_RELATIME, 0},
                                                   {"norelatime", 0, MS_RELATIME},
                                                   {"strictatime", MS_STRICTATIME, 0},
                                                   {"nostrictatime", 0, MS_STRICTATIME},
                                                   {"lazytime", MS_LAZYTIME, 0},
                                                   {"nolazytime", 0, MS_LAZYTIME}}};

struct MountArguments {
  unsigned long flags = 0;
  std::string data;
};

MountArguments parse_options(const std::string& options) {
  MountArguments result;
  std::istringstream stream(options);
  for (std::string option; std::getline(stream, option, ',');) {
    const auto* flag = std::find_if(kFlagOptions.begin(), kFlagOptions.end(),
                                    [&](const FlagOption& known) { return known.name == option; });
    if (flag != kFlagOptions.end()) {
      result.flags = (result.flags | flag->set) & ~flag->clear;
    } else if (!option.empty()) {
      result.data += (result.data.empty() ? "" : ",") + option;
    }
  }
  return result;
}

Unexpected mount_error(const std::string& source, const std::string& path,
                       const std::string& file_system, const std::string& options, int error) {
  std::string hint;
  if (error == ENODEV) hint = fmt::format("; this kernel has no {}", file_system);
  if (error == EPERM) hint = "; mounting needs root";
  if (error == EINVAL)
    hint = "; an option that the file system does not know, or a damaged file system (see dmesg)";
  auto result = os_error(fmt::format("cannot mount {} '{}' on '{}'{}{}", file_system, source, path,
                                     options.empty() ? "" : " with options ", options),
                         error);
  result.value().message += hint;
  return result;
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.substr(0, folder.size()) == folder &&
         (path.size() == folder.size() || path[folder.size()] == '/');
}

bool link_leads_below(const std::string& link, const std::string& folder) {
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  return length > 0 && is_below({target.data(), static_cast<std::size_t>(length)}, folder);
}

std::vector<std::string> list_directory(const std::string& path) {
  std::vector<std::string> names;
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory)) names.emplace_back(entry->d_name);
  ::closedir(directory);
  return names;
}

bool process_uses(const std::string& proc, const std::string& folder) {
  for (const char* link : {"/cwd", "/root", "/exe"}) {
    if (link_leads_below(proc + link, folder)) return true;
  }
  for (const auto& fd : list_directory(proc + "/fd")) {
    if (link_leads_below(fmt::format("{}/fd/{}", proc, fd), folder)) return true;
  }
  std::ifstream maps(proc + "/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto slash = line.find('/');
    if (slash != std::string::npos && is_below(std::string_view(line).substr(slash), folder))
      return true;
  }
  return false;
}

// 0, or an errno, of a call that may wait for what this process serves.
int call_with_own_files(const std::function<int()>& call) {
  const Status status =
      with_own_files({}, [&]() -> Status { return call() == 0 ? Status() : os_error("", errno); });
  return status ? 0 : status.error().os_errno;
}

int unmount_with(const std::string& path, int flags, const char* helper_option) {
  const int error =
      call_with_own_files([&] { return ::umount2(path.c_str(), flags | UMOUNT_NOFOLLOW); });
  if (error != EPERM) return error;
  SubprocessOptions command;
  command.argv = {"fusermount3", "-q", helper_option, "--", path};
  command.output = SubprocessOptions::Output::kNull;
  command.error_output = SubprocessOptions::Output::kNull;
  const auto result = run_subprocess(command, milliseconds(10'000));
  if (!result) return EPERM;
  if (result->succeeded()) return 0;
  // fusermount3 does not say why; busy is the one reason that goes away by waiting.
  const auto mounted = is_mount_point(path);
  return mounted && !*mounted ? EINVAL : EBUSY;
}

}  // namespace

Result<std::vector<MountedAt>> list_mounts() {
  std::ifstream file("/proc/thread-self/mountinfo");
  if (!file) return os_error("cannot read /proc/thread-self/mountinfo");
  std::vector<MountedAt> mounts;
  for (std::string line; std::getline(file, line);) {
    // id parent major:minor root mount-point options [tag ...] - type source super-options
    std::istringstream fields(line);
    std::string word;
    MountedAt mount;
    for (int i = 0; i < 4; ++i) fields >> word;
    fields >> mount.mount_point;
    while (fields >> word && word != "-") {
    }
    fields >> mount.file_system >> mount.source;
    mount.mount_point = unescape(mount.mount_point);
    mount.source = unescape(mount.source);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

Result<bool> is_mount_point(const std::string& path) {
  const auto mounts = POWERCUT_TRY(list_mounts());
  return std::any_of(mounts.begin(), mounts.end(),
                     [&](const MountedAt& mount) { return mount.mount_point == path; });
}

std::string users_of(const std::string& path) {
  std::string users;
  std::size_t count = 0;
  for (const auto& name : list_directory("/proc")) {
    if (!std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; }))
      continue;
    const std::string proc = "/proc/" + name;
    if (!process_uses(proc, path)) continue;
    if (++count > kMaxNamedUsers) return users + ", ...";
    std::string command;
    std::getline(std::ifstream(proc + "/comm"), command);
    users += fmt::format("{}{} ({})", users.empty() ? "" : ", ", command, name);
  }
  return users;
}

int try_unmount(const std::string& path) {
  return unmount_with(path, 0, "-u");
}

int detach_mount(const std::string& path, bool cut_off) {
  return unmount_with(path, cut_off ? MNT_DETACH | MNT_FORCE : MNT_DETACH, "-uz");
}

Status unmount(const std::string& path, milliseconds patience, const Notice& notice) {
  const auto deadline = steady_clock::now() + patience;
  int error = try_unmount(path);
  while (error == EBUSY && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kRetryInterval);
    error = try_unmount(path);
  }
  // EINVAL: not a mount point; ENOENT: the place itself is gone.
  if (error == 0 || error == EINVAL || error == ENOENT) return {};
  if (error != EBUSY) return os_error(fmt::format("cannot unmount '{}'", path), error);

  const std::string users = users_of(path);
  const std::string message = fmt::format(
      "'{}' is still in use{}{} and has been detached; it is unmounted when "
      "its last user ends",
      path, users.empty() ? "" : " by ", users);
  if (const int detach_error = detach_mount(path, false); detach_error != 0) {
    return os_error(fmt::format("cannot detach '{}'", path), detach_error);
  }
  if (notice) notice(message);
  return environment_error(message, EBUSY);
}

Result<Mount> Mount::make(const std::string& source, const std::string& path,
                          const std::string& file_system, const std::string& options,
                          Notice notice) {
  const MountArguments arguments = parse_options(options);
  const int error = call_with_own_files([&] {
    return ::mount(source.c_str(), path.c_str(), file_system.c_str(), arguments.flags,
                   arguments.data.c_str());
  });
  if (error != 0) return mount_error(source, path, file_system, options, error);
  return Mount(path, std::move(notice));
}

Mount::Mount(Mount&& other) noexcept
    : path_(std::exchange(other.path_, {})), notice_(std::move(other.notice_)) {}

Mount::~Mount() {
  if (const Status status = unmount(); !status && notice_) notice_(status.error().message);
}

Status Mount::unmount(milliseconds patience) {
  if (path_.empty()) return {};
  const std::string path = std::exchange(path_, {});
  return serve::unmount(path, patience, notice_);
}

}  // namespace powercut::serve
