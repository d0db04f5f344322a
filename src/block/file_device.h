// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "block/device.h"
#include "io/posix_file.h"

namespace powercut {

// A regular file or a block device as a BlockDevice. Its size is the file's at the time of opening.
class FileDevice final : public BlockDevice {
 public:
  [[nodiscard]] static Result<std::unique_ptr<FileDevice>> make(std::unique_ptr<PosixFile> file);

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  [[nodiscard]] ByteCount size_bytes() const override { return size_bytes_; }
  [[nodiscard]] std::uint32_t alignment() const override { return file_->logical_block_size(); }
  [[nodiscard]] bool discard_zeroes() const override { return true; }

  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override;
  [[nodiscard]] Status write(ByteOffset offset, ConstBytes bytes, Fua fua) override;
  [[nodiscard]] Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) override;
  [[nodiscard]] Status discard(ByteRange range, Fua fua) override;
  [[nodiscard]] Status flush() override { return file_->sync(); }
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) override {
    return file_->next_data(offset);
  }

  [[nodiscard]] PosixFile& file() { return *file_; }

 private:
  FileDevice(std::unique_ptr<PosixFile> file, ByteCount size_bytes)
      : file_(std::move(file)), size_bytes_(size_bytes) {}

  const std::unique_ptr<PosixFile> file_;
  const ByteCount size_bytes_;
};

}  // namespace powercut
