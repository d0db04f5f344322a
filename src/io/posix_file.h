// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/unique_fd.h"
#include "io/file.h"

namespace powercut {

struct OpenOptions {
  bool writable = false;
  enum class Create {
    kNever,
    kIfAbsent,
    kMustBeNew,  // an existing file is an error
  } create = Create::kNever;
  bool truncate = false;  // of a regular file; a block device keeps its content
  // O_DIRECT: past the page cache, through aligned bounce buffers. Offsets and lengths must then be
  // multiples of the storage's logical block size.
  bool direct = false;
};

// A regular file or a block device of the operating system.
class PosixFile final : public File {
 public:
  [[nodiscard]] static Result<std::unique_ptr<PosixFile>> open(const std::string& path,
                                                               const OpenOptions& options);
  // A nameless sparse file in $TMPDIR (or /tmp) that vanishes when it is closed.
  [[nodiscard]] static Result<std::unique_ptr<PosixFile>> open_temporary();
  // A file in this directory that has no name yet (O_TMPFILE). Not every file system can
  // (EOPNOTSUPP).
  [[nodiscard]] static Result<std::unique_ptr<PosixFile>> open_nameless_in(
      const std::string& directory);

  [[nodiscard]] const std::string& name() const override { return path_; }
  [[nodiscard]] Result<ByteCount> size() const override;
  [[nodiscard]] Result<std::size_t> read_at(ByteOffset offset, MutableBytes buffer) const override;
  using File::write_at;
  [[nodiscard]] Status write_at(ByteOffset offset, std::span<const ConstBytes> pieces) override;
  [[nodiscard]] Status write_zeroes(ByteRange range) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Status truncate(ByteCount size) override;
  void preallocate(ByteRange range) override;
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) const override;
  [[nodiscard]] Result<bool> is_hole(ByteRange range) const override;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_block_device() const { return is_block_device_; }
  // In bytes: of a block device its own, of a regular file 1.
  [[nodiscard]] std::uint32_t logical_block_size() const { return logical_block_size_; }

  // As write_at, and durable when it returns (RWF_DSYNC).
  [[nodiscard]] Status write_durably(ByteOffset offset, ConstBytes bytes);

 private:
  PosixFile(std::string path, UniqueFd fd, bool is_block_device, std::uint32_t logical_block_size,
            bool direct);
  [[nodiscard]] Status write_bytes(ByteOffset offset, ConstBytes bytes, int flags);
  [[nodiscard]] Status zero_by_writing(ByteRange range);
  [[nodiscard]] std::string where(const char* what, ByteOffset offset) const;

  const std::string path_;
  const UniqueFd fd_;
  const bool is_block_device_;
  const std::uint32_t logical_block_size_;
  const bool direct_;
};

}  // namespace powercut
