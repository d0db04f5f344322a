// SPDX-License-Identifier: Apache-2.0
// What `powercut mark` says about a file: the texts of check/acknowledgement.h, for a file as it is
// now. Its path is told relative to `mount_point`, if that is not empty and the file is below it
// (symbolic links are resolved for that); else it is as given.
#pragma once

#include <string>

#include "base/result.h"

namespace powercut::apps {

// The file is durable as it reads now.
[[nodiscard]] Result<std::string> content_mark(const std::string& path,
                                               const std::string& mount_point);
// It is durably gone. kUsage if it is there.
[[nodiscard]] Result<std::string> removal_mark(const std::string& path,
                                               const std::string& mount_point);
// It is about to change.
[[nodiscard]] Result<std::string> change_mark(const std::string& path,
                                              const std::string& mount_point, bool is_in_place);

}  // namespace powercut::apps
