// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace powercut::test {

// Of how many cases a build with sanitizers takes one: about as many as it is slower, twice. Rare inputs are for the
// build without them, which takes all; with them, the same tests look for what any input brings to light.
#if defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t kOneIn = 20;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr std::uint64_t kOneIn = 10;
#elif defined(__has_feature)
inline constexpr std::uint64_t kOneIn = __has_feature(thread_sanitizer)    ? 20
                                        : __has_feature(address_sanitizer) ? 10
                                                                           : 1;
#else
inline constexpr std::uint64_t kOneIn = 1;
#endif

// How often a test with random input goes round.
constexpr std::uint64_t rounds(std::uint64_t normally) {
  return std::max<std::uint64_t>(1, normally / kOneIn);
}

}  // namespace powercut::test
