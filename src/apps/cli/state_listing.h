// SPDX-License-Identifier: Apache-2.0
// `explore --list`: the crash states of a log as lines of JSON, without a checker.
#pragma once

#include <vector>

#include "apps/flags/arguments.h"

namespace powercut::apps {

// --list and --sha256; which states, exploration_flags() say.
[[nodiscard]] std::vector<flags::Flag> state_listing_flags();
// Prints to standard output, the totals to standard error. The exit status.
[[nodiscard]] Result<int> list_states(const flags::Arguments& arguments);

}  // namespace powercut::apps
