// SPDX-License-Identifier: Apache-2.0
#include "block/memory_device.h"

#include <algorithm>
#include <cstring>

namespace powercut {

MemoryDevice::MemoryDevice(ByteCount size_bytes, std::uint32_t alignment, std::string name)
    : name_(std::move(name)),
      size_bytes_(size_bytes),
      alignment_(alignment),
      content_(size_bytes) {}

Status MemoryDevice::read(ByteOffset offset, MutableBytes buffer) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
  const MutexLock lock(mutex_);
  if (!buffer.empty()) std::memcpy(buffer.data(), content_.data() + offset, buffer.size());
  return {};
}

Status MemoryDevice::write(ByteOffset offset, ConstBytes bytes, Fua) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, bytes.size()));
  const MutexLock lock(mutex_);
  if (!bytes.empty()) std::memcpy(content_.data() + offset, bytes.data(), bytes.size());
  return {};
}

Status MemoryDevice::write_zeroes(ByteRange range, Unmap, Fua) {
  POWERCUT_TRY_STATUS(check_request(*this, range.begin, range.size()));
  const MutexLock lock(mutex_);
  std::fill_n(content_.begin() + static_cast<std::ptrdiff_t>(range.begin), range.size(),
              std::byte{0});
  return {};
}

std::vector<std::byte> MemoryDevice::content() const {
  const MutexLock lock(mutex_);
  return content_;
}

}  // namespace powercut
