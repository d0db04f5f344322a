// SPDX-License-Identifier: Apache-2.0
// What `explore` and `test` have in common: options, the choice of the checker, the run, its
// report.
#pragma once

#include <cstdio>
#include <vector>

#include "apps/flags/arguments.h"
#include "check/checker.h"

namespace powercut::apps {

// Those that say what is checked, how, and what becomes of the findings.
[[nodiscard]] std::vector<flags::Flag> exploration_flags();
// The environment that checkers get, as a section.
[[nodiscard]] flags::Section checker_section();
[[nodiscard]] std::vector<flags::Item> exploration_exit_statuses();

// The checker that --fs, --mount and --check give together. kUsage errors.
[[nodiscard]] Result<std::unique_ptr<check::Checker>> make_checker(
    const flags::Arguments& arguments);

// Explores the log. Gives the exit status; errors are about anything but states.
[[nodiscard]] Result<int> run_exploration(const flags::Arguments& arguments,
                                          const std::string& log);

}  // namespace powercut::apps
