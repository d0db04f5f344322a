// SPDX-License-Identifier: Apache-2.0
#include "check/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>

namespace powercut::check {

Result<Interrupt> Interrupt::make() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) return os_error("cannot make an event descriptor");
  return Interrupt(std::move(fd));
}

void Interrupt::raise() const {
  const std::uint64_t one = 1;
  // Fails only when the counter is at its greatest, and then it is raised.
  [[maybe_unused]] const ssize_t n = ::write(fd_.get(), &one, sizeof(one));
}

bool Interrupt::is_raised() const {
  pollfd poll_fd{fd_.get(), POLLIN, 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

}  // namespace powercut::check
