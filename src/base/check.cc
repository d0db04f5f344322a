// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace powercut {

void check_failed(const char* file, int line, std::string_view condition) {
  fmt::print(stderr, "powercut: internal error at {}:{}: {} does not hold\n", file, line,
             condition);
  std::abort();
}

}  // namespace powercut
