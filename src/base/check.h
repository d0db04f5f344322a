// SPDX-License-Identifier: Apache-2.0
// CHECK: an assertion about our own code that also stands in release builds. Never for input.
#pragma once

#include <string_view>

namespace powercut {
[[noreturn]] void check_failed(const char* file, int line, std::string_view condition);
}

#define POWERCUT_CHECK(condition)                               \
  do {                                                          \
    if (!(condition)) [[unlikely]]                              \
      ::powercut::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)
