// SPDX-License-Identifier: Apache-2.0
// The plugin's parameters: one table, by which it reads them and from which its --help and man page
// are made.
#pragma once

#include "apps/flags/arguments.h"
#include "record/open.h"

namespace powercut::apps {

[[nodiscard]] const flags::Program& logwrites_program();

struct LogwritesParameters {
  record::RecordingOptions recording;
  std::optional<std::string> control;  // path of the control socket
};

// As nbdkit gave them, in order. kUsage errors, in words that need no other context.
[[nodiscard]] Result<LogwritesParameters> read_parameters(const flags::Parameters& parameters);

}  // namespace powercut::apps
