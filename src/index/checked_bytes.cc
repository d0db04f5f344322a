// SPDX-License-Identifier: Apache-2.0
#include "index/checked_bytes.h"

#include <algorithm>

#include "base/check.h"
#include "base/endian.h"
#include "index/format.h"
#include "log/codec.h"

namespace powercut::index {

CheckedBytes::CheckedBytes(ConstBytes bytes, ConstBytes hashes)
    : bytes_(bytes),
      hashes_(hashes),
      checked_(std::make_unique<std::atomic<bool>[]>(bytes.size() / kBlockSize + 1)) {
  POWERCUT_CHECK(hashes.size() == (bytes.size() + kBlockSize - 1) / kBlockSize * sizeof(Le64));
}

bool CheckedBytes::check_block(std::size_t block) const {
  if (checked_[block].load(std::memory_order_acquire)) return true;
  const std::size_t begin = block * kBlockSize;
  const ConstBytes bytes = bytes_.subspan(begin, std::min(kBlockSize, bytes_.size() - begin));
  Le64 expected;
  std::memcpy(&expected, hashes_.data() + block * sizeof expected, sizeof expected);
  if (log::payload_hash(bytes) != expected) return false;
  checked_[block].store(true, std::memory_order_release);
  return true;
}

bool CheckedBytes::is_right(std::uint64_t offset, std::uint64_t length) const {
  bool is_right = offset <= bytes_.size() && length <= bytes_.size() - offset;
  if (is_right && length > 0) {
    const std::size_t last = (offset + length - 1) / kBlockSize;
    for (std::size_t block = offset / kBlockSize; is_right && block <= last; ++block) {
      is_right = check_block(block);
    }
  }
  if (!is_right) set_damaged();
  return is_right;
}

std::string CheckedBytes::text(std::uint64_t offset, std::uint64_t length) const {
  if (!is_right(offset, length)) return {};
  return std::string(reinterpret_cast<const char*>(bytes_.data()) + offset, length);
}

}  // namespace powercut::index
