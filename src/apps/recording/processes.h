// SPDX-License-Identifier: Apache-2.0
// The processes that a workload leaves behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace powercut::apps {

// Processes whose parent ends become children of this one (child subreaper, prctl(2)).
[[nodiscard]] Status adopt_orphans();

// Children, their children and so on; zombies are not among them.
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t ancestor);
// Those whose environment holds `variable` ("NAME=value"), but for this process itself.
[[nodiscard]] std::vector<pid_t> processes_with(const std::string& variable);

// Ends what the workload has left: everything that descends from this process, or has `variable` in
// its environment, but for `spared` and its descendants. SIGTERM, and SIGKILL to those that are
// still there after `patience`. Gives how many there were. Zombies that were adopted are reaped.
int end_stragglers(const std::string& variable, pid_t spared, std::chrono::milliseconds patience);

}  // namespace powercut::apps
