// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "io/file.h"

namespace powercut::test {

// A file that outlives the one who was given it: a test looks at what a writer made of it.
class SharedFile : public File {
 public:
  explicit SharedFile(std::shared_ptr<File> file) : file_(std::move(file)) {}

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  [[nodiscard]] Result<ByteCount> size() const override { return file_->size(); }
  [[nodiscard]] Result<std::size_t> read_at(ByteOffset offset, MutableBytes buffer) const override {
    return file_->read_at(offset, buffer);
  }
  using File::write_at;
  [[nodiscard]] Status write_at(ByteOffset offset, std::span<const ConstBytes> pieces) override {
    return file_->write_at(offset, pieces);
  }
  [[nodiscard]] Status write_zeroes(ByteRange range) override { return file_->write_zeroes(range); }
  [[nodiscard]] Status sync() override { return file_->sync(); }
  [[nodiscard]] Status truncate(ByteCount size) override { return file_->truncate(size); }
  void preallocate(ByteRange range) override { file_->preallocate(range); }
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) const override {
    return file_->next_data(offset);
  }

 private:
  const std::shared_ptr<File> file_;
};

// As a block device: its size is what it is, and what does not fit is refused.
class FixedSizeFile final : public SharedFile {
 public:
  explicit FixedSizeFile(std::shared_ptr<File> file) : SharedFile(std::move(file)) {}

  using SharedFile::write_at;
  [[nodiscard]] Status write_at(ByteOffset offset, std::span<const ConstBytes> pieces) override {
    ByteOffset end = offset;
    for (const ConstBytes& piece : pieces) end += piece.size();
    if (end > POWERCUT_TRY(size())) return os_error("write behind the end", ENOSPC);
    return SharedFile::write_at(offset, pieces);
  }
  [[nodiscard]] Status write_zeroes(ByteRange range) override {
    if (range.end > POWERCUT_TRY(size())) return os_error("zero behind the end", ENOSPC);
    return SharedFile::write_zeroes(range);
  }
  [[nodiscard]] Status truncate(ByteCount) override {
    return os_error("truncate a block device", EINVAL);
  }
};

}  // namespace powercut::test
