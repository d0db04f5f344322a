// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/check_run.h"

namespace powercut::check {

// Compares the files of the file system that is mounted at `root` with what the offer's
// acknowledgements demand, up to the run's time limit. Files that no mark names are not looked at.
// The tree may be anything: no link is followed, no other mount is entered, and nothing but regular
// files is opened. Nothing if it was interrupted.
[[nodiscard]] Result<std::optional<Verdict>> compare_acknowledged_files(const Offer& offer,
                                                                        const std::string& root,
                                                                        CheckRun& run);

}  // namespace powercut::check
