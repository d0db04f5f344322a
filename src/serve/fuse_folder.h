// SPDX-License-Identifier: Apache-2.0
// Block devices as files, by FUSE. Works with root and without (by fusermount3).
//
// A published file is the device and nothing besides: the kernel caches none of it unless it is
// told to, fsync is a flush, a write through O_SYNC or O_DSYNC is FUA, fallocate(PUNCH_HOLE) writes zeroes that may
// unmap, fallocate(ZERO_RANGE) zeroes that may not; its size is fixed. Requests may have any
// alignment. Only the user who mounted it has access. A shared writable mapping is refused (ENODEV)
// as the kernel does not allow it together with direct I/O; a private one works.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "block/device.h"
#include "serve/mount.h"

namespace powercut::serve {

class FuseNodes;
class FuseSession;

// The kernel treats files as it does disks. It keeps what it has read of a file as long as that is published,
// and reads ahead; each page is still asked for before anybody can have it. It holds writes back until fsync or
// close, so that a write behind the end fails only then. There are no holes to be seen. Shared writable mappings
// work. Devices have to be writable.
struct FuseCaching {
  // How far it may read ahead. A check of an ext4 of 128 MiB takes 155 reads of 155 blocks without, 82 of 160 with
  // 16 KiB, 38 of 245 with 128 KiB, which is what the kernel does by itself.
  ByteCount readahead_bytes = 128 * kKiB;
  // Whether an fsync, behind the writes that were held back, is a flush of the device. Not: the device has no use
  // for it.
  bool passes_flushes = true;
};

struct FuseMountOptions {
  unsigned threads = 8;  // that answer requests
  // A file system of this machine will be mounted, through a loop device, on a published file: the
  // threads must not wait for memory that only they can free (PR_SET_IO_FLUSHER).
  bool is_below_file_system = false;
  // Of a FuseFolder.
  std::optional<FuseCaching> caching;
  // Told when an unmount had to be forced; may be called from unmount() and the destructor.
  Notice notice;
};

// A folder in which devices appear and vanish at run time. Thread-safe, but for unmount() and the
// destructor.
class FuseFolder {
 public:
  // `path` is an existing empty directory.
  [[nodiscard]] static Result<std::unique_ptr<FuseFolder>> mount(const std::string& path,
                                                                 FuseMountOptions options = {});
  // Unmounts, if that has not been done.
  ~FuseFolder();
  FuseFolder(const FuseFolder&) = delete;
  FuseFolder& operator=(const FuseFolder&) = delete;

  // Gives the path of the new file. EEXIST if the name is taken, EINVAL if it is not a file name.
  // The file is a new one for the kernel, also where a withdrawn one had the same name.
  [[nodiscard]] Result<std::string> publish(const std::string& name,
                                            std::shared_ptr<BlockDevice> device);
  // Waits for the requests that are in the device; when it returns none is, and the folder has let
  // go of the device. Whoever still has the file open gets EIO. False if there is no such file.
  bool withdraw(const std::string& name);

  // Withdraws everything and unmounts. Files that are still open are waited for until `patience` is
  // over; then the mount is cut off by force, the notice is given, and EBUSY returned.
  [[nodiscard]] Status unmount(std::chrono::milliseconds patience = kUnmountPatience);
  // Readable (poll) once the mount has ended without us: fusermount3 -u, umount.
  [[nodiscard]] int ended_fd() const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  FuseFolder(std::string path, std::shared_ptr<FuseNodes> nodes,
             std::unique_ptr<FuseSession> session);

  const std::string path_;
  const std::shared_ptr<FuseNodes> nodes_;
  const std::unique_ptr<FuseSession> session_;
};

// One device as one file: mounted over a regular file, which it hides as long as it is mounted.
class FuseFile {
 public:
  // `path` is an existing regular file, whose content does not matter.
  [[nodiscard]] static Result<std::unique_ptr<FuseFile>> mount(const std::string& path,
                                                               std::shared_ptr<BlockDevice> device,
                                                               FuseMountOptions options = {});
  ~FuseFile();
  FuseFile(const FuseFile&) = delete;
  FuseFile& operator=(const FuseFile&) = delete;

  // As FuseFolder's. When it returns the device has no user here.
  [[nodiscard]] Status unmount(std::chrono::milliseconds patience = kUnmountPatience);
  [[nodiscard]] int ended_fd() const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  FuseFile(std::string path, std::unique_ptr<FuseSession> session);

  const std::string path_;
  const std::unique_ptr<FuseSession> session_;
};

}  // namespace powercut::serve
