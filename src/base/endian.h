// SPDX-License-Identifier: Apache-2.0
// An integer stored little-endian in a disk structure, whatever the host's order.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace powercut {

// Byte-aligned, so that structs of them have no padding.
template <std::unsigned_integral T>
class LittleEndian {
 public:
  constexpr LittleEndian() = default;
  constexpr LittleEndian(T value) { *this = value; }  // NOLINT(google-explicit-constructor)

  constexpr LittleEndian& operator=(T value) {
    for (auto& byte : bytes_) {
      byte = static_cast<std::uint8_t>(value & 0xff);
      // Shifting a one-byte T by 8 would be undefined.
      if constexpr (sizeof(T) > 1) value = static_cast<T>(value >> 8);
    }
    return *this;
  }

  constexpr operator T() const {  // NOLINT(google-explicit-constructor)
    T value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) {
      if constexpr (sizeof(T) > 1) value = static_cast<T>(value << 8);
      value = static_cast<T>(value | bytes_[i]);
    }
    return value;
  }

  [[nodiscard]] constexpr T value() const { return *this; }

 private:
  std::uint8_t bytes_[sizeof(T)] = {};
};

using Le16 = LittleEndian<std::uint16_t>;
using Le32 = LittleEndian<std::uint32_t>;
using Le64 = LittleEndian<std::uint64_t>;

static_assert(sizeof(Le64) == 8 && alignof(Le64) == 1);

}  // namespace powercut
