// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/checker.h"

namespace powercut::check {

// A checker for each file system that powercut knows; docs/checkers.md says what each does, and why.

// The names that make_file_system_checker takes.
[[nodiscard]] std::vector<std::string> ready_file_systems();
// kUsage if there is none for it.
[[nodiscard]] Result<std::unique_ptr<Checker>> make_file_system_checker(
    const std::string& file_system);

}  // namespace powercut::check
