// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"

namespace powercut {

// Tells contents apart that nobody has made to be alike: XXH3, 128 bits. It may be kept in files.
struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

[[nodiscard]] Hash128 hash128(ConstBytes bytes);
[[nodiscard]] Hash128 hash128(std::string_view text);

// For unordered containers.
struct HashOfHash128 {
  std::size_t operator()(const Hash128& hash) const { return static_cast<std::size_t>(hash.low); }
};

}  // namespace powercut
