// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace powercut::check {

// "Stop what you are doing": raised once, from any thread or a signal handler, and never taken
// back. Waits that poll fd() for input end when it is raised.
class Interrupt {
 public:
  [[nodiscard]] static Result<Interrupt> make();

  void raise() const;
  [[nodiscard]] bool is_raised() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit Interrupt(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace powercut::check
