// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <xxhash.h>

#include <span>

namespace powercut {

Hash128 hash128(ConstBytes bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

Hash128 hash128(std::string_view text) {
  return hash128(std::as_bytes(std::span(text)));
}

}  // namespace powercut
