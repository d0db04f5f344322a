// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "base/units.h"

namespace powercut::test {

// Of large pieces: operator== of vectors goes byte by byte, which takes minutes under a sanitizer.
inline bool same_bytes(ConstBytes a, ConstBytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace powercut::test
