// SPDX-License-Identifier: Apache-2.0
// FUSE requests turned into requests to block devices. Private to this folder.
#pragma once

#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>

#include "serve/fuse_tree.h"

namespace powercut::serve {

// libfuse's callbacks; the session's user data is the FuseTree that they serve.
[[nodiscard]] const fuse_lowlevel_ops& fuse_operations();

}  // namespace powercut::serve
