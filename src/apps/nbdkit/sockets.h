// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace powercut::apps {

// Whether somebody listens on the Unix socket at `path`. In doubt (no permission) true.
[[nodiscard]] bool is_listened_on(const std::string& path);

}  // namespace powercut::apps
