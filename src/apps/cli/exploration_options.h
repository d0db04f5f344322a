// SPDX-License-Identifier: Apache-2.0
// The options that `explore` and `test` have in common: one table for both, and for the listing of
// states.
#pragma once

#include <vector>

#include "apps/cli/exploration.h"
#include "apps/flags/arguments.h"

namespace powercut::apps {

// Where to cut, which states, how to check them, what becomes of the findings. Not among them, but read by
// exploration_from: fs, mount-options.
[[nodiscard]] std::vector<flags::Flag> exploration_flags();
// Which states of which cuts: all but log, size_bytes and is_of_file_system. kUsage errors.
[[nodiscard]] Result<explore::Request> request_from(const flags::Arguments& arguments);
// All but these of the request, and mount. kUsage errors.
[[nodiscard]] Result<Exploration> exploration_from(const flags::Arguments& arguments);
// Of these how a state is checked: --check, --acks, --app, --nested, --depth, --timeout and the limits.
[[nodiscard]] std::vector<flags::Flag> command_flags();
// --fs, --mount and --mount-options, as a recorded log is checked with.
[[nodiscard]] std::vector<flags::Flag> ready_checker_flags();
// With what exploration_from() leaves out. kUsage if there is nothing to check with.
[[nodiscard]] Status read_checker(const flags::Arguments& arguments, Exploration& exploration);
// kUsage: files are to be looked at, and it is not known of which file system.
[[nodiscard]] Unexpected no_file_system(const Exploration& exploration, const char* choices);
// The environment that checkers get.
[[nodiscard]] flags::Section checker_section();
[[nodiscard]] std::vector<flags::Item> exploration_exit_statuses();

}  // namespace powercut::apps
