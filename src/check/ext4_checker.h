// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/checker.h"

namespace powercut::check {

// ext2, ext3, ext4: the journal is recovered (e2fsck -E journal_only), then e2fsck -fn must find
// nothing to complain of. Needs neither root nor a mount.
[[nodiscard]] std::unique_ptr<Checker> make_ext4_checker();

}  // namespace powercut::check
