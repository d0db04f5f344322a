// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <optional>
#include <vector>

namespace powercut {

// The numbers of the processors that the calling thread may run on (sched_getaffinity(2)); empty where the
// system does not say.
[[nodiscard]] std::vector<unsigned> usable_processors();

// As long as it lives, the calling thread runs on one processor, and so does whatever it starts meanwhile, for
// good. For threads and processes that wait for each other in turn: on two processors each wakes the other by
// an interrupt, which takes longer than what it is woken for. Where the system refuses, nothing changes.
class OnProcessor {
 public:
  // Nothing given: does nothing.
  explicit OnProcessor(std::optional<unsigned> processor);
  ~OnProcessor();
  OnProcessor(const OnProcessor&) = delete;
  OnProcessor& operator=(const OnProcessor&) = delete;

 private:
  std::optional<cpu_set_t> before_;
};

}  // namespace powercut
