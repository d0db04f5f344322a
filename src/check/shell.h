// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace powercut::check {

// `word` so that a POSIX shell reads it back as it is; unchanged if it needs no quotes.
[[nodiscard]] std::string shell_quoted(std::string_view word);
// The words as one command line.
[[nodiscard]] std::string shell_joined(const std::vector<std::string>& words);

}  // namespace powercut::check
