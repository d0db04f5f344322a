// SPDX-License-Identifier: Apache-2.0
// Which flush is missing: the place in the log at which one would have ruled a failure out.
#pragma once

#include "explore/minimise.h"
#include "state/timeline.h"

namespace powercut::explore {

struct BarrierFinding {
  // With a flush at any place behind `after` and in front of `before`, the minimal state is none of
  // the log's: where the power went in front of the flush, what stands at `before` had not been
  // submitted or acknowledged; else `after` has survived.
  std::optional<findings::Barrier> barrier;
  std::vector<std::string> notes;  // why there is none, or what more it takes
  std::uint64_t checks = 0;
};

// Where no survivor matters, the power is cut earlier, to see whether marks or writes with FUA that
// stand behind the lost ones make the difference. Nothing if it was interrupted.
[[nodiscard]] Result<std::optional<BarrierFinding>> find_barrier(const state::Timeline& timeline,
                                                                 const Minimal& minimal,
                                                                 Judge& judge);

}  // namespace powercut::explore
