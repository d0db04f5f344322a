// SPDX-License-Identifier: Apache-2.0
// Acknowledgement marks: "this file, with this content, has been promised to survive". The text of
// such a mark is described in docs/marks.md, which is changed together with this.
#pragma once

#include <string>

#include "base/result.h"

namespace powercut::apps {

// The mark's text for the file at `path`, as it reads now: compact JSON with path, size and
// SHA-256. The path is relative to `mount_point`, if that is not empty and the file is inside it;
// else it is as given.
[[nodiscard]] Result<std::string> acknowledgement_mark(const std::string& path,
                                                       const std::string& mount_point);

}  // namespace powercut::apps
