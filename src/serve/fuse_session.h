// SPDX-License-Identifier: Apache-2.0
// A FUSE mount and the threads that answer it. Private to this folder; see fuse_folder.h.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "serve/fuse_folder.h"
#include "serve/fuse_operations.h"
#include "serve/mount.h"

namespace powercut::serve {

enum class MountPoint { kDirectory, kFile };
// That `path` is one.
[[nodiscard]] Status check_mount_point(const std::string& path, MountPoint wanted);

// Thread-safe, but for unmount() and the destructor.
class FuseSession {
 public:
  // Mounts on `path`, which is a directory or a regular file as `tree` has it, and serves it at
  // once.
  [[nodiscard]] static Result<std::unique_ptr<FuseSession>> mount(const std::string& path,
                                                                  std::shared_ptr<FuseTree> tree,
                                                                  FuseMountOptions options);
  FuseSession(const FuseSession&) = delete;
  FuseSession& operator=(const FuseSession&) = delete;
  ~FuseSession();

  // See FuseFolder::unmount.
  [[nodiscard]] Status unmount(std::chrono::milliseconds patience);
  // Readable once the mount has gone by somebody else's doing (fusermount3 -u, umount).
  [[nodiscard]] int ended_fd() const { return ended_.get(); }
  // Makes the kernel forget a name of the root directory, and what it has kept of the file.
  void forget(const std::string& name, InodeNumber inode);

 private:
  FuseSession(std::string path, std::shared_ptr<FuseTree> tree, FuseMountOptions options);
  [[nodiscard]] Status start();
  void serve();
  [[nodiscard]] Status take_down(std::chrono::milliseconds patience);

  struct SessionDeleter {
    void operator()(fuse_session* session) const { ::fuse_session_destroy(session); }
  };

  const std::string path_;
  const std::shared_ptr<FuseTree> tree_;
  const FuseMountOptions options_;
  std::unique_ptr<fuse_session, SessionDeleter> session_;
  UniqueFd stop_;   // an eventfd: threads, end
  UniqueFd ended_;  // an eventfd
  std::vector<std::thread> threads_;
};

}  // namespace powercut::serve
