// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/mutex.h"
#include "block/block_set.h"
#include "block/device.h"

namespace powercut::check {

inline constexpr ByteCount kObservedBlockBytes = 4096;

// Passes everything on to another device, and remembers which of its blocks were read: what a checker can
// know of the state that it was given is in these blocks and nowhere else. So next_data() tells of no
// holes: they would be content that was learnt without a read. A block that has been written as a whole
// before it is read is the checker's own, and is not counted.
//
// The last block may be a shorter one. Thread-safe, but for renew(), which wants no request in flight.
class ObservedDevice final : public BlockDevice {
 public:
  explicit ObservedDevice(std::shared_ptr<BlockDevice> device) : device_(std::move(device)) {}

  [[nodiscard]] const std::string& name() const override { return device_->name(); }
  [[nodiscard]] ByteCount size_bytes() const override { return device_->size_bytes(); }
  [[nodiscard]] std::uint32_t alignment() const override { return device_->alignment(); }
  [[nodiscard]] bool discard_zeroes() const override { return device_->discard_zeroes(); }

  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override;
  [[nodiscard]] Status write(ByteOffset offset, ConstBytes bytes, Fua fua) override;
  [[nodiscard]] Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) override;
  [[nodiscard]] Status discard(ByteRange range, Fua fua) override;
  [[nodiscard]] Status flush() override { return device_->flush(); }

  // The numbers of the blocks that were read, in the order in which each was read first; requests that are in
  // flight together are in either order.
  [[nodiscard]] std::vector<std::uint64_t> observed() const;

  // Goes on over a device that holds what the first one held at first. What has been read stays observed, what
  // has been written is the state's again.
  void renew(std::shared_ptr<BlockDevice> device);

 private:
  void note_read(ByteRange range);
  // Of a request that has been carried out.
  void note_write(ByteRange range);

  std::shared_ptr<BlockDevice> device_;  // not guarded: it changes when there is no request
  mutable Mutex mutex_;
  BlockSet known_ POWERCUT_GUARDED_BY(mutex_);  // read, or written before that
  std::vector<std::uint64_t> observed_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::check
