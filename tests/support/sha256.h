// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/units.h"
#include "io/file.h"

namespace powercut::test {

// In lower-case hexadecimal digits. Throws on a read error.
[[nodiscard]] std::string sha256(ConstBytes bytes);
[[nodiscard]] std::string sha256(const File& file);
[[nodiscard]] std::string sha256_of_path(const std::string& path);

}  // namespace powercut::test
