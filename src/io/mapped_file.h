// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "io/posix_file.h"

namespace powercut {

// A piece of a file, mapped for reading; it stays when the file is closed or unlinked. Should
// somebody cut the file short meanwhile, reading what is gone ends the process (SIGBUS): only for
// files that nobody writes once they have their name.
class MappedFile {
 public:
  // `range` lies in the file and begins at a multiple of 64 KiB, the largest page there is.
  [[nodiscard]] static Result<MappedFile> map(const PosixFile& file, ByteRange range);
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] ConstBytes bytes() const { return bytes_; }

 private:
  explicit MappedFile(ConstBytes bytes) : bytes_(bytes) {}
  ConstBytes bytes_;
};

}  // namespace powercut
