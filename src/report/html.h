// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "findings/digest.h"

namespace powercut::report {

// One page of HTML that needs nothing else: no script, no file, no network.
[[nodiscard]] std::string report_html(const findings::Digest& digest);

}  // namespace powercut::report
