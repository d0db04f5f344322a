// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"

namespace powercut::apps {

// As long as it lives, SIGINT, SIGTERM and SIGHUP do not end this process but can be read here;
// those that are ignored (nohup, a shell's background job) stay ignored. To be made before other
// threads are, which inherit what is blocked. Child processes get the signals as usual.
class Signals {
 public:
  [[nodiscard]] static Result<Signals> block();
  Signals(Signals&& other) noexcept;
  Signals& operator=(Signals&&) = delete;
  ~Signals();

  // Readable when there is a signal to take.
  [[nodiscard]] int fd() const { return fd_.get(); }
  // The number of one that has arrived; nothing if there is none.
  [[nodiscard]] std::optional<int> take();

 private:
  Signals(UniqueFd fd, sigset_t before) : fd_(std::move(fd)), before_(before) {}

  UniqueFd fd_;
  sigset_t before_;
};

}  // namespace powercut::apps
