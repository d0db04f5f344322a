// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/cli/exploration.h"

namespace powercut::apps {

// `explore --flushes`: prints, and writes to the exploration's file, which flushes and FUAs the workload
// needs. The exit status: that some are needed is no failure.
[[nodiscard]] Result<int> audit_flushes(Exploration exploration);

}  // namespace powercut::apps
