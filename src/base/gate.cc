// SPDX-License-Identifier: Apache-2.0
#include "base/gate.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "base/check.h"

namespace powercut {
namespace {

constexpr int kSpins = 200;

void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// On one core the other thread cannot run while this one spins.
int spins() {
  static const int count = std::thread::hardware_concurrency() > 1 ? kSpins : 0;
  return count;
}

}  // namespace

std::uint32_t Gate::wait() {
  for (int i = spins(); i > 0; --i) {
    const std::uint32_t state = state_.load(std::memory_order_acquire);
    if (state != kClosed) return state;
    pause_core();
  }
  std::uint32_t expected = kClosed;
  if (!state_.compare_exchange_strong(expected, kSleeping, std::memory_order_acquire))
    return expected;
  for (;;) {
    ::syscall(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, kSleeping, nullptr, nullptr, 0);
    const std::uint32_t state = state_.load(std::memory_order_acquire);
    if (state != kSleeping) return state;
  }
}

void Gate::open(std::uint32_t value) {
  POWERCUT_CHECK(value != kClosed && value != kSleeping);
  // After the exchange the gate may be gone; the kernel looks only at its address.
  if (state_.exchange(value, std::memory_order_release) == kSleeping) {
    ::syscall(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
}

}  // namespace powercut
