// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace powercut::test {

// How much slower the build is than one without sanitizers.
#if defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t kSlowness = 10;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr std::uint64_t kSlowness = 4;
#elif defined(__has_feature)
inline constexpr std::uint64_t kSlowness = __has_feature(thread_sanitizer)    ? 10
                                           : __has_feature(address_sanitizer) ? 4
                                                                              : 1;
#else
inline constexpr std::uint64_t kSlowness = 1;
#endif

// How often a test with random input goes round. Rare inputs are for the build without sanitizers: with them
// the same tests look for something else, and take as long.
constexpr std::uint64_t rounds(std::uint64_t normally) {
  return std::max<std::uint64_t>(1, normally / kSlowness);
}

}  // namespace powercut::test
