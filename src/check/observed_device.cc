// SPDX-License-Identifier: Apache-2.0
// A read is noted before it is carried out and a write behind that: a block that is read while it is
// being written counts as read.
#include "check/observed_device.h"

#include <algorithm>

namespace powercut::check {

void ObservedDevice::note_read(ByteRange range) {
  if (range.size() == 0) return;
  const std::uint64_t end = (range.end - 1) / kObservedBlockBytes + 1;
  const MutexLock lock(mutex_);
  for (std::uint64_t block = range.begin / kObservedBlockBytes; block < end;) {
    const std::uint64_t stop = known_.run_end(block, end);
    if (!known_.contains(block)) {
      for (std::uint64_t fresh = block; fresh < stop; ++fresh) observed_.push_back(fresh);
    }
    block = stop;
  }
  known_.insert(range.begin / kObservedBlockBytes, end);
}

void ObservedDevice::note_write(ByteRange range) {
  const std::uint64_t begin = (range.begin + kObservedBlockBytes - 1) / kObservedBlockBytes;
  const bool reaches_end = range.end == size_bytes();
  const std::uint64_t end =
      (range.end + (reaches_end ? kObservedBlockBytes - 1 : 0)) / kObservedBlockBytes;
  if (begin >= end) return;
  const MutexLock lock(mutex_);
  known_.insert(begin, end);
}

Status ObservedDevice::read(ByteOffset offset, MutableBytes buffer) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
  note_read({offset, offset + buffer.size()});
  return device_->read(offset, buffer);
}

Status ObservedDevice::write(ByteOffset offset, ConstBytes bytes, Fua fua) {
  POWERCUT_TRY_STATUS(device_->write(offset, bytes, fua));
  note_write({offset, offset + bytes.size()});
  return {};
}

Status ObservedDevice::write_zeroes(ByteRange range, Unmap unmap, Fua fua) {
  POWERCUT_TRY_STATUS(device_->write_zeroes(range, unmap, fua));
  note_write(range);
  return {};
}

Status ObservedDevice::discard(ByteRange range, Fua fua) {
  POWERCUT_TRY_STATUS(device_->discard(range, fua));
  // Where it leaves anything, it may leave what was there.
  if (discard_zeroes()) note_write(range);
  return {};
}

std::vector<std::uint64_t> ObservedDevice::observed() const {
  const MutexLock lock(mutex_);
  return observed_;
}

void ObservedDevice::renew(std::shared_ptr<BlockDevice> device) {
  const MutexLock lock(mutex_);
  device_ = std::move(device);
  known_.clear();
  for (const std::uint64_t block : observed_) known_.insert(block, block + 1);
}

}  // namespace powercut::check
