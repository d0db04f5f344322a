// SPDX-License-Identifier: Apache-2.0
// The commands of `powercut`.
//
// To add one, NAME:
//   1. write cmd_NAME.cc here: a run() that takes flags::Arguments and gives the exit status or an
//      Error, and a `const flags::Command& NAME_command()` with a function-local static table;
//   2. declare it below, and put it into the list in program.cc, where users would look for it;
//   3. add cmd_NAME.cc, and what it links, to CMakeLists.txt here.
// --help, the man page and the completion follow from the table. What to keep in mind:
//   - run() prints facts through Output::standard(), messages and progress to standard error, and
//     never an Error that it returns: main does, once.
//   - SIGPIPE is ignored, and a child inherits that: give it SIG_DFL between fork and exec.
//   - Long work shows a Progress (apps/support/progress.h), which is silent unless on a terminal.
#pragma once

#include "apps/flags/arguments.h"

namespace powercut::apps {

[[nodiscard]] const flags::Command& blame_command();
[[nodiscard]] const flags::Command& diff_command();
[[nodiscard]] const flags::Command& explain_command();
[[nodiscard]] const flags::Command& explore_command();
[[nodiscard]] const flags::Command& info_command();
[[nodiscard]] const flags::Command& log_command();
[[nodiscard]] const flags::Command& mark_command();
[[nodiscard]] const flags::Command& mount_command();
[[nodiscard]] const flags::Command& record_command();
[[nodiscard]] const flags::Command& repair_command();
[[nodiscard]] const flags::Command& replay_command();
[[nodiscard]] const flags::Command& report_command();
[[nodiscard]] const flags::Command& serve_command();
[[nodiscard]] const flags::Command& status_command();
[[nodiscard]] const flags::Command& test_command();
[[nodiscard]] const flags::Command& verify_command();

}  // namespace powercut::apps
