// SPDX-License-Identifier: Apache-2.0
// `explore --list`: the crash states of a log as lines of JSON, without a checker.
#pragma once

#include <string>
#include <vector>

#include "apps/flags/arguments.h"

namespace powercut::apps {

inline constexpr const char* kListGroup = "Listing";

// --list, --sha256, --strategy, --torn, --discard, --max-states, --seed.
[[nodiscard]] std::vector<flags::Flag> state_listing_flags();
// kUsage if one of these, or a model other than prefix, was given without --list.
[[nodiscard]] Status check_listing_flags(const flags::Arguments& arguments);
// Prints to standard output, the totals to standard error. The exit status.
[[nodiscard]] Result<int> list_states(const flags::Arguments& arguments);

}  // namespace powercut::apps
