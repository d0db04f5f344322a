// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "block/device.h"

namespace powercut::serve {
class FuseFolder;
}

namespace powercut::check {

// Devices as files for checkers, in a directory of its own that vanishes with it:
//   DIRECTORY/disks/NAME   the devices (FUSE)
//   DIRECTORY/WORKER/      what belongs to one worker's checks
// Thread-safe, but for close() and the destructor.
class DiskFolder {
 public:
  // In $TMPDIR, or /tmp. Its path needs no quotes in a shell.
  [[nodiscard]] static Result<std::unique_ptr<DiskFolder>> make();
  ~DiskFolder();
  DiskFolder(const DiskFolder&) = delete;
  DiskFolder& operator=(const DiskFolder&) = delete;

  // Gives the path of the file. A name may be used again when it has been withdrawn; for the kernel
  // it is another file then, of which it has nothing in its caches.
  [[nodiscard]] Result<std::string> publish(const std::string& name,
                                            std::shared_ptr<BlockDevice> device);
  // When it returns no request is in the device. Whoever still has the file open gets EIO.
  void withdraw(const std::string& name);

  // Makes it if it is absent.
  [[nodiscard]] Result<std::string> worker_directory(unsigned worker);

  // Unmounts and removes everything. Errors where somebody still uses it.
  [[nodiscard]] Status close();

 private:
  DiskFolder(std::string directory, std::unique_ptr<serve::FuseFolder> folder);

  const std::string directory_;
  std::unique_ptr<serve::FuseFolder> folder_;
};

// Where root may: gives this process (the calling thread and those that it starts from now on)
// mounts of its own. What is mounted then is seen by nobody else, and is gone with the process,
// even if it is killed. Mounts made outside are still seen. False where it is not allowed.
[[nodiscard]] Result<bool> enter_private_mounts();

}  // namespace powercut::check
