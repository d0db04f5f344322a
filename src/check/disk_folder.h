// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "block/device.h"
#include "check/remains.h"

namespace powercut::serve {
class FuseFolder;
}

namespace powercut::check {

// What whoever publishes a device wants to know of its use.
struct DiskUse {
  // Which blocks are read: the kernel reads ahead but little, since each block that was read without need makes
  // devices differ that are the same to the checker.
  bool reads = false;
  bool flushes = false;
  // Loop devices may stand over the file when it is withdrawn.
  bool loop_devices = true;
};

// Devices as files for checkers, in a directory of its own that vanishes with it:
//   DIRECTORY/disks/NAME   the devices (FUSE)
//   DIRECTORY/check/       what a check has to put somewhere
//   DIRECTORY/lock         held as long as this process lives
// Thread-safe, but for close() and the destructor.
class DiskFolder {
 public:
  // In $TMPDIR, or /tmp, where it first cleans up behind owners that were killed. Its path needs no
  // quotes in a shell.
  [[nodiscard]] static Result<std::unique_ptr<DiskFolder>> make(DiskUse use = {});
  // Only cleans up.
  static void clean_up_behind_the_killed();
  ~DiskFolder();
  DiskFolder(const DiskFolder&) = delete;
  DiskFolder& operator=(const DiskFolder&) = delete;

  // Gives the path of the file. A name may be used again when it has been withdrawn; for the kernel
  // it is another file then, of which it has nothing in its caches.
  [[nodiscard]] Result<std::string> publish(const std::string& name,
                                            std::shared_ptr<BlockDevice> device);
  // Takes away loop devices over the file, if there may be any, and what is mounted from them. When it returns no request is in
  // the device; whoever still has the file open gets EIO.
  void withdraw(const std::string& name);

  // For one check at a time.
  [[nodiscard]] std::string check_directory() const { return directory_.path + "/check"; }

  // Unmounts and removes everything. Errors where somebody still uses it.
  [[nodiscard]] Status close();

 private:
  DiskFolder(OwnedDirectory directory, std::unique_ptr<serve::FuseFolder> folder, DiskUse use);

  const OwnedDirectory directory_;
  std::unique_ptr<serve::FuseFolder> folder_;
  const DiskUse use_;
};

}  // namespace powercut::check
