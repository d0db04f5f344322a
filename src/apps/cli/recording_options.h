// SPDX-License-Identifier: Apache-2.0
// The options of a recording, for `record` and `test`.
#pragma once

#include <string>
#include <vector>

#include "apps/flags/arguments.h"
#include "apps/recording/recording.h"

namespace powercut::apps {

[[nodiscard]] std::vector<flags::Flag> recording_flags();
// With the trailing words as the command, and notices to standard error. kUsage errors.
[[nodiscard]] Result<RecordingPlan> recording_plan_from(const flags::Arguments& arguments);
// "powercut: MESSAGE", to standard error.
void print_notice(const std::string& message);

}  // namespace powercut::apps
