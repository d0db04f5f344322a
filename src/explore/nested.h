// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "explore/runner.h"
#include "state/enumeration.h"

namespace powercut::explore {

struct NestedOptions {
  unsigned depth = 1;  // so many cuts inside the first
  std::vector<state::Strategy> strategies = {{}};
  state::ChoiceOptions choices;
  // Of each recovery no more states than so many are checked.
  std::uint64_t max_states = 256;
};

// Cuts the power again while a system recovers from a cut. What a checker writes on a state that it lets
// pass (itself, or the mount that it makes: a journal is replayed) is recorded, and the crash
// states of that log, over the first state, are checked as well; and so on inside of these. A state
// passes if all of them do. The verdict on one that does not is that of the first that fails, and
// its output begins with a line that names it: the ids of the cuts, one within the other, with '~'
// between them.
//
// The blocks that a run has observed are those that any of these checks read of the first state, so
// that pruning by them stays exact.
//
// The cuts are the flushes and FUA writes of a recovery, and its end; each content of one recovery is
// checked once.
[[nodiscard]] std::unique_ptr<Runner> make_nested_runner(StateDevices& devices,
                                                         std::unique_ptr<Runner> runner,
                                                         std::uint32_t sector_size,
                                                         NestedOptions options);

}  // namespace powercut::explore
