// SPDX-License-Identifier: Apache-2.0
//
// A signal handler can take no lock and no memory. So the ranges stand in a list to which is only
// ever added, and each says itself whether it is in use. What the handler does besides, mmap(2)
// over the lost pages, is one system call.
#include "io/sigbus_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "base/check.h"

namespace powercut {

struct GuardedRange {
  std::atomic<bool> is_in_use = true;
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;  // 0: nothing is guarded
  std::atomic<bool> was_lost = false;
  GuardedRange* next = nullptr;
};

namespace {

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);

std::atomic<GuardedRange*> first_range = nullptr;
struct sigaction previous_action;
std::uintptr_t page_size = 0;

GuardedRange& take_range() {
  for (GuardedRange* range = first_range; range != nullptr; range = range->next) {
    bool is_in_use = false;
    if (range->is_in_use.compare_exchange_strong(is_in_use, true)) return *range;
  }
  auto* range = new GuardedRange;
  range->next = first_range;
  while (!first_range.compare_exchange_weak(range->next, range)) {
  }
  return *range;
}

GuardedRange* range_of(std::uintptr_t address) {
  for (GuardedRange* range = first_range; range != nullptr; range = range->next) {
    if (address >= range->begin && address < range->end) return range;
  }
  return nullptr;
}

bool replace_lost_pages(std::uintptr_t address) {
  GuardedRange* range = range_of(address);
  if (range == nullptr) return false;
  // Before anybody can read the zeroes.
  range->was_lost = true;
  const std::uintptr_t begin = address / page_size * page_size;
  const std::uintptr_t end = (range->end + page_size - 1) / page_size * page_size;
  // By the system call itself: this is a signal handler, and to ThreadSanitizer mmap() is a write that
  // others race with.
  return ::syscall(SYS_mmap, begin, end - begin, PROT_READ,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0L) != -1;
}

void handle(int signal, siginfo_t* info, void* /*context*/) {
  const int error = errno;
  const bool is_fault = info->si_code > 0;  // else somebody sent it
  if (!is_fault || !replace_lost_pages(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    // A fault comes again as soon as this returns.
    ::sigaction(SIGBUS, &previous_action, nullptr);
    if (!is_fault) ::raise(signal);
  }
  errno = error;
}

void install_handler() {
  page_size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  POWERCUT_CHECK(::sigaction(SIGBUS, &action, &previous_action) == 0);
}

}  // namespace

SigbusGuard::SigbusGuard(ConstBytes mapped) : range_(take_range()) {
  static std::once_flag is_installed;
  std::call_once(is_installed, install_handler);
  const auto begin = reinterpret_cast<std::uintptr_t>(mapped.data());
  POWERCUT_CHECK(is_aligned(begin, page_size));
  range_.was_lost = false;
  range_.begin = begin;
  range_.end = begin + mapped.size();
}

SigbusGuard::~SigbusGuard() {
  range_.end = 0;
  range_.is_in_use = false;
}

bool SigbusGuard::was_lost() const {
  return range_.was_lost.load(std::memory_order_acquire);
}

}  // namespace powercut
