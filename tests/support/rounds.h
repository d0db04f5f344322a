// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace powercut::test {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kIsThreadSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kIsThreadSanitized = __has_feature(thread_sanitizer);
#else
inline constexpr bool kIsThreadSanitized = false;
#endif

// How often a test with random input goes round. ThreadSanitizer makes it ten to twenty times as slow, and
// is there for what threads do to one another, not for rare inputs: a tenth is enough.
constexpr std::uint64_t rounds(std::uint64_t normally) {
  return kIsThreadSanitized ? std::max<std::uint64_t>(1, normally / 10) : normally;
}

}  // namespace powercut::test
