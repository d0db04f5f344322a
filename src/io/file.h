// SPDX-License-Identifier: Apache-2.0
// File: the seam between powercut and the operating system's files. Logs and sidecars are reached
// through it, so that tests run the real code over memory, and over files that fail, tear and
// forget.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/units.h"

namespace powercut {

// [begin, end) in bytes.
struct ByteRange {
  ByteOffset begin = 0;
  ByteOffset end = 0;
  [[nodiscard]] ByteCount size() const { return end - begin; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// A file or block device addressed by byte offset. Every call blocks. Calls on distinct ranges may
// run at the same time from several threads; write_zeroes and truncate, which can change the size,
// want to be the only call that grows the file. Error messages name the file and the byte offset.
class File {
 public:
  virtual ~File() = default;
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // For messages; usually the path.
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual Result<ByteCount> size() const = 0;

  // Reads into all of `buffer`; returns fewer bytes only where the file ends.
  [[nodiscard]] virtual Result<std::size_t> read_at(ByteOffset offset,
                                                    MutableBytes buffer) const = 0;

  // Writes the pieces one behind the other, wholly; on error an unknown part of them has been
  // written.
  [[nodiscard]] virtual Status write_at(ByteOffset offset, std::span<const ConstBytes> pieces) = 0;
  [[nodiscard]] Status write_at(ByteOffset offset, ConstBytes bytes) {
    return write_at(offset, std::span<const ConstBytes>(&bytes, 1));
  }

  // The range reads as zeroes afterwards; the file grows to its end if it was shorter. Takes no
  // space where the file can have holes.
  [[nodiscard]] virtual Status write_zeroes(ByteRange range) = 0;

  // What has been written survives a power cut of the host once this returns (fdatasync).
  [[nodiscard]] virtual Status sync() = 0;
  [[nodiscard]] virtual Status truncate(ByteCount size) = 0;

  // A hint that the range will be written soon. Never changes size or content, never fails.
  virtual void preallocate(ByteRange range) = 0;

  // The first range at or behind `offset` that may hold anything but zeroes (SEEK_DATA, SEEK_HOLE);
  // nothing if only a hole is left. Files without holes give all that is left.
  [[nodiscard]] virtual Result<std::optional<ByteRange>> next_data(ByteOffset offset) const = 0;

  // Whether the range, which lies in the file, is known to hold nothing but zeroes. Cheaper than
  // next_data, which may have to look for the end of a large extent.
  [[nodiscard]] virtual Result<bool> is_hole(ByteRange range) const;
};

// Reads exactly buffer.size() bytes; a file that ends before that is kBadInput.
[[nodiscard]] Status read_exactly(const File& file, ByteOffset offset, MutableBytes buffer);

}  // namespace powercut
