// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "findings/digest.h"

namespace powercut::report {

// JUnit XML, as CI systems read it: one test suite. Its cases are
//   "all crash states": fails if a state fails, is an error if none was checked or some were not
//     reached that should have been;
//   one for each cause, which fails: named after what fails and what is lost, not after states, so that
//     it has the same name in the next run;
//   "the same verdict each time", if verdicts were audited.
// Numbers are the suite's properties.
// The suite's name tells the cases of one run from those of another; empty: checker and log.
[[nodiscard]] std::string report_junit(const findings::Digest& digest, std::string_view suite_name);

}  // namespace powercut::report
