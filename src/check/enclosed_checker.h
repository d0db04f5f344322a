// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/checker.h"

namespace powercut::check {

// Runs each check of another checker for itself, so that none can leave anything for the next:
// - Root: in a mount namespace of its own. What is mounted in it nobody else sees, and it is gone
//   with the check's last process. And in an IPC namespace of its own.
// - $TMPDIR is a directory of its own (Offer::directory + "/tmp"), which is emptied afterwards.
// - It runs in a thread that can be killed with the process at any moment (serve/own_files.h).
// A checker that touches only the disk needs none of that, which takes a tenth of the time of e2fsck on a small
// disk, and is given back as it is.
[[nodiscard]] std::unique_ptr<Checker> make_enclosed(std::unique_ptr<Checker> checker);

}  // namespace powercut::check
