// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace powercut {

// Wall-clock time in nanoseconds since the epoch. A function, so that tests can set the time.
using Clock = std::function<std::uint64_t()>;
[[nodiscard]] std::uint64_t wall_clock_ns();

}  // namespace powercut
