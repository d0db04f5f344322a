// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "base/check.h"

namespace powercut {

// A small seeded generator (SplitMix64; Steele, Lea and Flood 2014) whose sequence is the same on
// every platform, so that one seed repeats a run. Satisfies UniformRandomBitGenerator. Not for
// secrets.
class Prng {
 public:
  using result_type = std::uint64_t;
  explicit Prng(std::uint64_t seed) : state_(seed) {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  result_type operator()() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // In [0, bound); bound > 0. The bias of the modulo is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound) {
    POWERCUT_CHECK(bound > 0);
    return (*this)() % bound;
  }
  // In [low, high].
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  // True once in `n` calls on average.
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  void fill(std::span<std::byte> bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i % 8 == 0) word = (*this)();
      bytes[i] = static_cast<std::byte>(word >> (8 * (i % 8)));
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace powercut
