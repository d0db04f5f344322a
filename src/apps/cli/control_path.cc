// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/control_path.h"

#include <cstdlib>

namespace powercut::apps {

flags::Flag control_flag() {
  return {.name = "control",
          .value_name = "SOCKET",
          .help = "The recorder's control socket.",
          .kind = flags::Kind::kText,
          .default_text = "$POWERCUT_CONTROL"};
}

Result<std::string> control_path(const flags::Arguments& arguments) {
  if (auto path = arguments.optional_text("control")) return *path;
  const char* path = std::getenv("POWERCUT_CONTROL");
  if (path != nullptr && *path != 0) return std::string(path);
  return usage_error(
      "which recorder? Give its --control SOCKET, or run this under 'powercut record', which sets "
      "$POWERCUT_CONTROL");
}

}  // namespace powercut::apps
