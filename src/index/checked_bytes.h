// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <string>

#include "base/units.h"

namespace powercut::index {

// Bytes, and a hash for each block of kBlockSize of them: a block is checked when it is first looked
// at, and once one is wrong is_damaged() says so for good. Thread-safe.
class CheckedBytes {
 public:
  // `hashes` holds one Le64 for each block. Both outlive this.
  CheckedBytes(ConstBytes bytes, ConstBytes hashes);

  // Copies a value out. Where it lies outside, or in a damaged block, it is zeroes, and the bytes
  // are damaged.
  template <typename T>
  [[nodiscard]] T load(std::uint64_t offset) const {
    T value{};
    if (is_right(offset, sizeof(T))) std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  [[nodiscard]] std::string text(std::uint64_t offset, std::uint64_t length) const;
  [[nodiscard]] bool is_damaged() const { return is_damaged_.load(std::memory_order_relaxed); }
  // What was read contradicts itself.
  void set_damaged() const { is_damaged_.store(true, std::memory_order_relaxed); }

 private:
  [[nodiscard]] bool is_right(std::uint64_t offset, std::uint64_t length) const;
  [[nodiscard]] bool check_block(std::size_t block) const;

  const ConstBytes bytes_;
  const ConstBytes hashes_;
  const std::unique_ptr<std::atomic<bool>[]> checked_;  // of each block, once it was found right
  mutable std::atomic<bool> is_damaged_ = false;
};

}  // namespace powercut::index
