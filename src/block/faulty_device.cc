// SPDX-License-Identifier: Apache-2.0
#include "block/faulty_device.h"

namespace powercut {

template <typename Body>
Status FaultyDevice::guarded(Request::Kind kind, ByteRange range, Body body) {
  const std::uint64_t number = requests_.fetch_add(1);
  if (before_) POWERCUT_TRY_STATUS(before_(kind, range, number));
  POWERCUT_TRY_STATUS(body());
  return after_ ? after_(kind, range, number) : Status{};
}

Status FaultyDevice::read(ByteOffset offset, MutableBytes buffer) {
  return guarded(Request::Kind::kRead, {offset, offset + buffer.size()},
                 [&] { return inner_->read(offset, buffer); });
}

Status FaultyDevice::write(ByteOffset offset, ConstBytes bytes, Fua fua) {
  return guarded(Request::Kind::kWrite, {offset, offset + bytes.size()},
                 [&] { return inner_->write(offset, bytes, fua); });
}

Status FaultyDevice::write_zeroes(ByteRange range, Unmap unmap, Fua fua) {
  return guarded(Request::Kind::kZeroes, range,
                 [&] { return inner_->write_zeroes(range, unmap, fua); });
}

Status FaultyDevice::discard(ByteRange range, Fua fua) {
  return guarded(Request::Kind::kDiscard, range, [&] { return inner_->discard(range, fua); });
}

Status FaultyDevice::flush() {
  return guarded(Request::Kind::kFlush, {}, [&] { return inner_->flush(); });
}

}  // namespace powercut
