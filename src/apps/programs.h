// SPDX-License-Identifier: Apache-2.0
// The command lines of all programs, for whoever makes documents of them (pages/).
#pragma once

#include "apps/flags/flags.h"

namespace powercut::apps {

[[nodiscard]] const flags::Program& powercut_program();
[[nodiscard]] const flags::Program& replay_log_program();

}  // namespace powercut::apps
