// SPDX-License-Identifier: Apache-2.0
// BlockDevice: everything that takes I/O. A disk image, the recorder, an instant, a crash state and
// its copy-on-write overlay are block devices; they stack, and they are served by the same code.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "io/file.h"

namespace powercut {

// Force unit access: the request is durable when it completes.
enum class Fua : bool { kNo, kYes };
// Whether zeroes may be written by deallocating.
enum class Unmap : bool { kNo, kYes };

// Calls block, and may be made from many threads at once. A request lies wholly in the device and
// begins and ends on a multiple of alignment(); another is refused with EINVAL and changes nothing.
// Overlapping requests that are in flight together have no defined order, as on any disk. What has
// been written may be lost in a power cut until a flush that was submitted after its completion
// completes.
class BlockDevice {
 public:
  virtual ~BlockDevice() = default;
  BlockDevice() = default;
  BlockDevice(const BlockDevice&) = delete;
  BlockDevice& operator=(const BlockDevice&) = delete;

  // For messages.
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual ByteCount size_bytes() const = 0;
  // In bytes, a power of two.
  [[nodiscard]] virtual std::uint32_t alignment() const { return 1; }
  // Whether a successful discard leaves zeroes; otherwise it leaves anything.
  [[nodiscard]] virtual bool discard_zeroes() const { return false; }

  [[nodiscard]] virtual Status read(ByteOffset offset, MutableBytes buffer) = 0;
  [[nodiscard]] virtual Status write(ByteOffset offset, ConstBytes bytes, Fua fua) = 0;
  [[nodiscard]] virtual Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) = 0;
  [[nodiscard]] virtual Status discard(ByteRange range, Fua fua) = 0;
  [[nodiscard]] virtual Status flush() = 0;

  // The first range at or behind `offset` that may hold anything but zeroes; nothing if only zeroes
  // are left. More such may follow where it ends. The default knows no holes.
  [[nodiscard]] virtual Result<std::optional<ByteRange>> next_data(ByteOffset offset);
};

// EINVAL unless the range suits the device: what every implementation checks first.
[[nodiscard]] Status check_request(const BlockDevice& device, ByteOffset offset, ByteCount length);

// As device.read(), but takes any alignment: what is not aligned is read by way of a copy.
[[nodiscard]] Status read_unaligned(BlockDevice& device, ByteOffset offset, MutableBytes buffer);

// A request as data: for workloads that are generated, logged and repeated.
struct Request {
  enum class Kind { kRead, kWrite, kZeroes, kDiscard, kFlush };
  Kind kind = Kind::kFlush;
  ByteRange range = {};         // empty for a flush
  std::vector<std::byte> data;  // of a write: range.size() bytes; of a read: what was read
  Fua fua = Fua::kNo;
  Unmap unmap = Unmap::kNo;
};

// Carries the request out.
[[nodiscard]] Status execute(BlockDevice& device, Request& request);

}  // namespace powercut
