// SPDX-License-Identifier: Apache-2.0
// What the commands that talk to a running recorder have in common.
#pragma once

#include <string>

#include "apps/flags/arguments.h"

namespace powercut::apps {

[[nodiscard]] flags::Flag control_flag();
// --control, else $POWERCUT_CONTROL; kUsage if there is neither.
[[nodiscard]] Result<std::string> control_path(const flags::Arguments& arguments);

}  // namespace powercut::apps
