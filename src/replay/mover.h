// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "block/device.h"
#include "io/file.h"

namespace powercut::replay {

// Some of a log's bytes.
struct LogPart {
  ByteOffset offset = 0;
  ByteCount length = 0;
};

// Carries bytes from a log's file to a device. Not thread-safe: each thread has its own. The ranges
// have been checked to lie in the device and to be multiples of alignment().
class Mover {
 public:
  virtual ~Mover() = default;
  // In bytes, of offsets and lengths on the device.
  [[nodiscard]] virtual std::uint32_t alignment() const = 0;
  // The device takes one write at a time: more than two threads would only wait for each other.
  [[nodiscard]] virtual bool is_serial() const = 0;
  // `length` bytes at `from` in the log to `to` on the device.
  [[nodiscard]] virtual Status copy(ByteOffset from, ByteOffset to, ByteCount length) = 0;
  // Small parts, kGatherBytes in all at most, one behind the other to `to` on the device, in one write.
  static constexpr ByteCount kGatherBytes = 256 * kKiB;
  [[nodiscard]] virtual Status gather(std::span<const LogPart> parts, ByteOffset to) = 0;
  [[nodiscard]] virtual Status zero(ByteRange range) = 0;
};

// The fastest that suits: from file to file by splice(2), which spares one of the two copies, else
// through a buffer. Both outlive the mover.
[[nodiscard]] std::unique_ptr<Mover> make_mover(const File& log, BlockDevice& device);
// Always through a buffer.
[[nodiscard]] std::unique_ptr<Mover> make_buffer_mover(const File& log, BlockDevice& device);

// Recorders leave zeroes as holes of the log's file. The part of `bytes`, some of a payload, that is known
// to be one; empty, at their end, if there is none or asking costs more than copying. It begins and ends
// a multiple of `alignment` behind their beginning.
[[nodiscard]] Result<ByteRange> known_hole(const File& log, ByteRange bytes,
                                           std::uint32_t alignment);

}  // namespace powercut::replay
