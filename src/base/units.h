// SPDX-License-Identifier: Apache-2.0
// Names for the quantities that are easily mixed up, and the arithmetic that must not overflow.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace powercut {

using Sector = std::uint64_t;      // in units of the log's sector size, never of 512 bytes
using EntryIndex = std::uint64_t;  // the first entry of a log is 0
using ByteOffset = std::uint64_t;
using ByteCount = std::uint64_t;
using Tick = std::uint64_t;  // of the recorder's submission and completion counter, from 1

using ConstBytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline constexpr ByteCount kKiB = 1024;
inline constexpr ByteCount kMiB = 1024 * kKiB;
inline constexpr ByteCount kGiB = 1024 * kMiB;

[[nodiscard]] constexpr bool is_power_of_two(std::uint64_t value) {
  return std::has_single_bit(value);
}

// `alignment` is a power of two.
[[nodiscard]] constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) {
  return value & ~(alignment - 1);
}
// The caller has made sure that value + alignment does not overflow.
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return align_down(value + alignment - 1, alignment);
}
[[nodiscard]] constexpr bool is_aligned(std::uint64_t value, std::uint64_t alignment) {
  return (value & (alignment - 1)) == 0;
}

// Nothing where the sum or product does not fit: for numbers that come from outside.
[[nodiscard]] constexpr std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}
[[nodiscard]] constexpr std::optional<std::uint64_t> checked_multiply(std::uint64_t a,
                                                                      std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

}  // namespace powercut
