// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace powercut::check {

// A checker's process group is killed at its end, but a daemon leaves its group. As a "child
// subreaper" (prctl(2)) this process inherits such orphans, and they are known by their
// environment.

// From now on.
[[nodiscard]] Status adopt_orphans();

// Kills and reaps every adopted process whose environment holds `variable` ("NAME=value"), and
// reaps what is left of the process group of `leader`, which has been killed and reaped already.
// Processes older than it are not looked at. One that has cleared its environment and left its
// group is missed. Gives the number killed.
int kill_stragglers(const std::string& variable, pid_t leader);

}  // namespace powercut::check
