// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "base/result.h"

namespace powercut::serve {

// Runs `work` in a thread of its own and waits for its end. The thread has a table of open files of its own, in
// which of this process's files there are only the three standard ones and `kept`; what it opens
// and leaves open is closed when this returns.
//
// For calls that wait, in the kernel, for something that this process itself serves through FUSE: mounting,
// unmounting, reading what is mounted. Killed in the middle of one, a process has lost the threads that
// would answer, and a thread that waits for the answer cannot be killed. The kernel gives up such a
// request when the last descriptor of the FUSE connection is closed; so the thread that waits may have none,
// or it waits for itself, for ever, and every sync(2) of the machine with it.
[[nodiscard]] Status with_own_files(const std::vector<int>& kept,
                                    const std::function<Status()>& work);

}  // namespace powercut::serve
