// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace powercut::sim {

// The seed of this run: $POWERCUT_SEED, or one that is new each time. Printed when it is first asked
// for, with how to repeat the run.
[[nodiscard]] std::uint64_t seed();

// How long a test of random cases goes on: $POWERCUT_SIM_SECONDS, or a few seconds.
[[nodiscard]] std::chrono::milliseconds time_to_spend();

// Random cases, one seed each, until the time is up; at least one.
class Cases {
 public:
  Cases() : end_(std::chrono::steady_clock::now() + time_to_spend()), next_(seed()) {}
  [[nodiscard]] bool is_over() const {
    return count_ > 0 && std::chrono::steady_clock::now() >= end_;
  }
  [[nodiscard]] std::uint64_t next() {
    ++count_;
    return next_++;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  const std::chrono::steady_clock::time_point end_;
  std::uint64_t next_;
  std::uint64_t count_ = 0;
};

}  // namespace powercut::sim
