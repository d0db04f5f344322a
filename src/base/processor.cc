// SPDX-License-Identifier: Apache-2.0
#include "base/processor.h"

namespace powercut {

std::vector<unsigned> usable_processors() {
  cpu_set_t set;
  // Fails on machines of more than CPU_SETSIZE processors.
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {};
  std::vector<unsigned> processors;
  for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) processors.push_back(i);
  }
  return processors;
}

OnProcessor::OnProcessor(std::optional<unsigned> processor) {
  cpu_set_t before;
  if (!processor || ::sched_getaffinity(0, sizeof before, &before) != 0) return;
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  CPU_SET(*processor, &wanted);
  if (::sched_setaffinity(0, sizeof wanted, &wanted) == 0) before_ = before;
}

OnProcessor::~OnProcessor() {
  if (before_) ::sched_setaffinity(0, sizeof *before_, &*before_);
}

}  // namespace powercut
