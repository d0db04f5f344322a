// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "findings/digest.h"
#include "report/html_template.h"

namespace powercut::report {

// A drawing of the log from its first entry to its last: how many states have their cut where, which
// of them fail, where the flushes are, and where the causes are. Empty if there is nothing to draw.
[[nodiscard]] Html html_timeline(const findings::Digest& digest);

}  // namespace powercut::report
