// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace powercut {

// One thread waits here until another lets it through with a value other than 0. The waiter spins
// for a few microseconds before it sleeps: what it waits for is most often a write that another
// core is about to finish, and a sleep and a wake-up would cost more than the write.
//
// The waiter may destroy the gate as soon as wait() returns, even while open() has not.
class Gate {
 public:
  // Returns the value that open() was given.
  [[nodiscard]] std::uint32_t wait();
  void open(std::uint32_t value);

 private:
  static constexpr std::uint32_t kClosed = 0;
  static constexpr std::uint32_t kSleeping = ~0u;
  std::atomic<std::uint32_t> state_ = kClosed;
};

}  // namespace powercut
