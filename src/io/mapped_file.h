// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "io/posix_file.h"
#include "io/sigbus_guard.h"

namespace powercut {

// A piece of a file, mapped for reading; it stays when the file is closed or unlinked. Should
// somebody cut the file short meanwhile, there are zeroes where something was, and was_lost() says
// so.
class MappedFile {
 public:
  // `range` lies in the file and begins at a multiple of 64 KiB, the largest page there is.
  [[nodiscard]] static Result<MappedFile> map(const PosixFile& file, ByteRange range);
  MappedFile(MappedFile&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})), guard_(std::move(other.guard_)) {}
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] ConstBytes bytes() const { return bytes_; }
  // Some of what was read was not the file's. To be asked after reading.
  [[nodiscard]] bool was_lost() const { return guard_ != nullptr && guard_->was_lost(); }

 private:
  explicit MappedFile(ConstBytes bytes);
  ConstBytes bytes_;
  std::unique_ptr<SigbusGuard> guard_;  // none where there are no bytes
};

}  // namespace powercut
