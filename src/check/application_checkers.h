// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/mount_checker.h"

namespace powercut::check {

// What an application's own programs say of its data in a mounted state. `what` is "sqlite:PATH" or
// "postgresql:PATH", PATH from the file system's root. kUsage if it is not, kEnvironment if programs are missing;
// docs/checkers.md says what each does.
[[nodiscard]] Result<MountedCommand> make_application_command(const std::string& what);

}  // namespace powercut::check
