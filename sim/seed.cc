// SPDX-License-Identifier: Apache-2.0
#include "sim/seed.h"

#include <cstdio>
#include <cstdlib>
#include <random>

namespace powercut::sim {

std::uint64_t seed() {
  static const std::uint64_t kSeed = [] {
    const char* given = std::getenv("POWERCUT_SEED");
    const std::uint64_t value = given != nullptr && *given != '\0'
                                    ? std::strtoull(given, nullptr, 0)
                                    : std::random_device()();
    std::printf("seed: %llu (to repeat: POWERCUT_SEED=%llu)\n",
                static_cast<unsigned long long>(value), static_cast<unsigned long long>(value));
    std::fflush(stdout);
    return value;
  }();
  return kSeed;
}

std::chrono::milliseconds time_to_spend() {
  const char* given = std::getenv("POWERCUT_SIM_SECONDS");
  return std::chrono::milliseconds(given != nullptr ? std::strtol(given, nullptr, 10) * 1000
                                                    : 3000);
}

}  // namespace powercut::sim
