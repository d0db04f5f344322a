// SPDX-License-Identifier: Apache-2.0
#include "serve/own_files.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#if defined(__SANITIZE_THREAD__)
// ThreadSanitizer takes two descriptors of the same number for one, though they stand in different tables.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() {
  return "race:powercut::serve::with_own_files\n";
}
#endif

namespace powercut::serve {
namespace {

// [first, last]; glibc 2.36 has close_range, older ones only the kernel.
void close_all(unsigned first, unsigned last) {
  if (first <= last) ::syscall(SYS_close_range, first, last, 0U);
}

// Its folders are its own as well: a thread may enter another mount namespace only if it shares them with
// nobody, not even with one that is about to end.
Status leave_shared_files(std::vector<int> kept) {
  if (::unshare(CLONE_FILES | CLONE_FS) != 0) return os_error("cannot make a table of open files");
  std::sort(kept.begin(), kept.end());
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number < first) continue;
    close_all(first, number - 1);
    first = number + 1;
  }
  close_all(first, ~0U);
  return {};
}

}  // namespace

Status with_own_files(const std::vector<int>& kept, const std::function<Status()>& work) {
  Status status;
  std::thread thread([&] {
    status = leave_shared_files(kept);
    if (!status) return;
    status = work();
    // Whoever waits for a thread's end does not wait for that of its files.
    close_all(STDERR_FILENO + 1, ~0U);
  });
  thread.join();
  return status;
}

}  // namespace powercut::serve
