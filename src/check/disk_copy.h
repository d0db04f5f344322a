// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "block/file_device.h"

namespace powercut::check {

// What a device holds, as a file in memory: one after the other of devices of the same size. A program that works on
// it asks nobody for a block, as it does of a file in a DiskFolder; so nobody learns what it reads or writes
// either. The file's size is fixed. It is gone with this, and with this process. Not thread-safe.
class DiskCopy {
 public:
  DiskCopy() = default;
  DiskCopy(const DiskCopy&) = delete;
  DiskCopy& operator=(const DiskCopy&) = delete;

  // More data than that is not copied: to serve what a check of ext4 reads of it takes as long.
  static constexpr ByteCount kMaxBytes = 8 * kMiB;

  // Makes the file hold what the device does, whatever has been written to it meanwhile; nobody has it open. False if
  // that would be too much; then it holds no device.
  [[nodiscard]] Result<bool> load(BlockDevice& device);
  // For programs that this process starts. After load().
  [[nodiscard]] std::string path() const;

 private:
  [[nodiscard]] Status make(ByteCount size);
  [[nodiscard]] Status clear(ByteRange range);
  [[nodiscard]] Status fill(ByteRange range, BlockDevice& device);

  std::unique_ptr<FileDevice> file_;  // none before the first load()
  std::vector<std::byte> buffer_;
};

}  // namespace powercut::check
