// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace powercut::serve {

// Past the page cache of the file where that is possible, or through it.
enum class LoopIo { kDirect, kCached };

// A kernel block device over a file (loop(4)). Needs root.
//
// It is set to clear itself when its last user closes it, so that it goes away with this process
// even if that is killed, as soon as nothing is mounted on it. Not thread-safe.
class LoopDevice {
 public:
  // `logical_block_size` in bytes: 512 to the page size, a power of two.
  [[nodiscard]] static Result<LoopDevice> attach(const std::string& file,
                                                 std::uint32_t logical_block_size,
                                                 LoopIo io = LoopIo::kDirect);
  LoopDevice(LoopDevice&&) = default;
  LoopDevice& operator=(LoopDevice&&) = delete;
  // Detaches without waiting.
  ~LoopDevice();

  [[nodiscard]] const std::string& path() const { return path_; }  // "/dev/loop0"
  // Whether the kernel agreed to pass the file's page cache by.
  [[nodiscard]] bool is_direct() const { return is_direct_; }

  // Writes what the kernel holds back of writes to the device itself (not of a file system on it),
  // and flushes it.
  [[nodiscard]] Status sync();
  // Lets go of the file, and waits until the kernel has done so. EBUSY if somebody still has the
  // device open after `patience`; the kernel then lets go when they close it.
  [[nodiscard]] Status detach(std::chrono::milliseconds patience = std::chrono::seconds(30));

 private:
  LoopDevice(std::string path, std::string file, UniqueFd fd, bool is_direct)
      : path_(std::move(path)), file_(std::move(file)), fd_(std::move(fd)), is_direct_(is_direct) {}

  std::string path_;
  std::string file_;
  UniqueFd fd_;
  bool is_direct_;
};

// The file behind a loop device; empty if there is none. `path` is "/dev/loopN".
[[nodiscard]] std::string loop_backing_file(const std::string& path);

// Detaches, without waiting, all loop devices over a file; gives their paths. For what others have
// left: a LoopDevice detaches itself.
std::vector<std::string> detach_loop_devices_of(const std::string& file);

}  // namespace powercut::serve
