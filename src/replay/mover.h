// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "block/device.h"
#include "io/posix_file.h"

namespace powercut::replay {

// Some of a log's bytes.
struct LogPart {
  ByteOffset offset = 0;
  ByteCount length = 0;
};

// Carries bytes from a log's file to a device, through a buffer that stays in a core's cache. Not
// thread-safe: each thread has its own. The ranges have been checked to lie in the device and to be
// multiples of alignment(). Log and device outlive the mover.
class Mover {
 public:
  Mover(const File& log, BlockDevice& device);
  // In bytes, of offsets and lengths on the device.
  [[nodiscard]] std::uint32_t alignment() const;
  // The device takes one write at a time: more than two threads would only wait for each other.
  [[nodiscard]] bool is_serial() const;
  // `length` bytes at `from` in the log to `to` on the device.
  [[nodiscard]] Status copy(ByteOffset from, ByteOffset to, ByteCount length);
  // Small parts, kGatherBytes in all at most, one behind the other to `to` on the device, in one
  // write.
  static constexpr ByteCount kGatherBytes = 256 * kKiB;
  [[nodiscard]] Status gather(std::span<const LogPart> parts, ByteOffset to);
  [[nodiscard]] Status zero(ByteRange range);

 private:
  [[nodiscard]] Result<std::size_t> read_together(std::span<const LogPart> parts,
                                                  std::size_t filled);
  [[nodiscard]] Status write(ByteOffset to, ConstBytes bytes);

  const File& log_;
  BlockDevice& device_;
  PosixFile* const file_;  // the device's, if it is one
  std::vector<std::byte> buffer_;
  std::vector<std::byte> span_;  // parts of the log and what stands between them
};

// Recorders leave zeroes as holes of the log's file. The part of `bytes`, some of a payload, that
// is known to be one; empty, at their end, if there is none or asking costs more than copying. It
// begins and ends a multiple of `alignment` behind their beginning.
[[nodiscard]] Result<ByteRange> known_hole(const File& log, ByteRange bytes,
                                           std::uint32_t alignment);

}  // namespace powercut::replay
