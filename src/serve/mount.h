// SPDX-License-Identifier: Apache-2.0
// Mounting file systems and, above all, getting them unmounted again.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace powercut::serve {

// Told what a user should know although nothing failed: a mount that had to be detached while busy.
using Notice = std::function<void(const std::string& message)>;

// A line of /proc/self/mountinfo (proc(5)).
struct MountedAt {
  std::string mount_point;
  std::string file_system;  // "ext4", "fuse.powercut"
  std::string source;       // "/dev/loop0", "powercut"
};
// In the order in which they were mounted.
[[nodiscard]] Result<std::vector<MountedAt>> list_mounts();
// `path` is absolute and has no symbolic links.
[[nodiscard]] Result<bool> is_mount_point(const std::string& path);

// One attempt; where umount(2) is not allowed, by fusermount3, which may take down a user's own
// FUSE mounts. Gives 0 or an errno: EBUSY, EINVAL (nothing is mounted there).
[[nodiscard]] int try_unmount(const std::string& path);
// The mount leaves the tree at once. With `cut_off` root breaks a FUSE connection too, so that
// users that are left get errors.
[[nodiscard]] int detach_mount(const std::string& path, bool cut_off);

inline constexpr std::chrono::milliseconds kUnmountPatience{5000};

// Unmounts what is mounted last at `path`. While it is busy it tries again until `patience` is
// over; then it detaches the mount (it leaves the tree at once, and goes when its last user does),
// tells `notice` who the users are, and gives EBUSY. Nothing mounted there is success.
[[nodiscard]] Status unmount(const std::string& path, std::chrono::milliseconds patience,
                             const Notice& notice);

// The processes that have a file, directory or mapping open below `path`, as "name (pid), ...";
// empty if none is seen. `path` is absolute.
[[nodiscard]] std::string users_of(const std::string& path);

// A mounted file system. The destructor unmounts it, if unmount() has not been called.
class Mount {
 public:
  // `options` is as after mount -o: "noatime,nobarrier". EPERM without root.
  [[nodiscard]] static Result<Mount> make(const std::string& source, const std::string& path,
                                          const std::string& file_system,
                                          const std::string& options, Notice notice);
  Mount(Mount&& other) noexcept;
  Mount& operator=(Mount&&) = delete;
  ~Mount();

  [[nodiscard]] Status unmount(std::chrono::milliseconds patience = kUnmountPatience);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Mount(std::string path, Notice notice) : path_(std::move(path)), notice_(std::move(notice)) {}

  std::string path_;  // empty: unmounted
  Notice notice_;
};

}  // namespace powercut::serve
