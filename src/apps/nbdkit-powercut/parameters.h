// SPDX-License-Identifier: Apache-2.0
// The plugin's parameters: one table, by which it reads them and from which its --help and man page
// are made.
#pragma once

#include "apps/flags/arguments.h"
#include "base/units.h"

namespace powercut::apps {

[[nodiscard]] const flags::Program& nbdkit_powercut_program();

struct ServeParameters {
  std::string log;
  std::optional<std::string> base;
  std::optional<ByteCount> size_bytes;
  std::optional<std::string> index;  // where it is kept, "": nowhere; nothing: beside the log
  // What a client gets that names no export: an instant or a state.
  std::string default_export = "end";
};

// As nbdkit gave them, in order. kUsage errors, in words that need no other context.
[[nodiscard]] Result<ServeParameters> read_serve_parameters(const flags::Parameters& parameters);

}  // namespace powercut::apps
