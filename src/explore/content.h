// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/units.h"

namespace powercut::explore {

// So many bytes of a write are enough to tell.
inline constexpr ByteCount kContentBytes = 64 * kKiB;

// What the bytes of a write are, for people: "zeroes", `text "row 7"` with its beginning, "data", or
// what they are known by their first bytes to be: "ext4 journal commit block".
[[nodiscard]] std::string content_class(ConstBytes bytes);

}  // namespace powercut::explore
