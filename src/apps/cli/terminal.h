// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>

#include "apps/support/output.h"
#include "report/text.h"

namespace powercut::apps {

// Text goes to standard error where the findings themselves go to standard output.
class Terminal {
 public:
  explicit Terminal(bool use_error_output)
      : stream_(use_error_output ? stderr : stdout), style_{wants_colour(stream_)} {}

  void print(const std::string& text) const {
    if (stream_ == stderr) {
      std::fputs(text.c_str(), stderr);
      return;
    }
    Output::standard().write(text);
    Output::standard().flush();
  }
  [[nodiscard]] const report::Style& style() const { return style_; }

 private:
  std::FILE* const stream_;
  const report::Style style_;
};

}  // namespace powercut::apps
