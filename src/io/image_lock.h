// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "io/posix_file.h"

namespace powercut {

// Makes this process the only writer of a file: other powercut recorders, and QEMU processes that
// write it, are refused, and refuse us. Readers are not hindered. The lock ends when `file` is
// closed.
//
// QEMU's protocol (docs: its "image locking"; block/file-posix): open-file-description read locks
// on byte 100 + p announce that permission p is used, on byte 200 + p that others must not use it;
// p is 0 consistent read, 1 write, 3 resize. We announce write and forbid write and resize. On top,
// byte 300 is write-locked by powercut alone, so that of two recorders that start at once one wins.
[[nodiscard]] Status lock_for_writing(const PosixFile& file);

// The files are one and the same (same device and inode, or the same block device).
[[nodiscard]] bool is_same_file(const PosixFile& a, const PosixFile& b);

}  // namespace powercut
