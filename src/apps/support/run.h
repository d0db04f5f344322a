// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/flags/arguments.h"

namespace powercut::apps {

// The whole of main(): --help, --version, the choice of the command, its run(), the one place where
// an error is printed ("powercut: MESSAGE"), and the exit status.
[[nodiscard]] int run_program(const flags::Program& program, int argc, char** argv);

// 1, 2, 3 or 4.
[[nodiscard]] int exit_status(const Error& error);
// What the numbers mean, for a Program's table.
[[nodiscard]] std::vector<flags::Item> standard_exit_statuses();

}  // namespace powercut::apps
