// SPDX-License-Identifier: Apache-2.0
// Which flushes, and which FUAs of writes, a workload needs: those without which a state could be
// left that fails.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "explore/judge.h"
#include "state/enumeration.h"
#include "state/timeline.h"

namespace powercut::explore {

struct FlushAuditOptions {
  state::Model model = state::Model::kEpoch;
  EntryIndex from = 0;  // entries that are looked at
  EntryIndex to = 0;
  std::vector<state::Strategy> strategies = {{}};
  state::ChoiceOptions choices;
  state::DiscardPolicy discard;
  // For each flush; no more are looked at.
  std::uint64_t max_states = 200;
  // The command that checks a state, but for "--at STATE".
  std::vector<std::string> reproduce;
};

// For each flush and each write with FUA in turn: of the states that the log could leave if that one
// had made nothing durable, and cannot leave as it is, is there one that fails? A state says nothing
// about the flush if it fails in the same way when that survives which the flush made durable, or when
// the power goes in front of the flush.
// `sink` is told each verdict as it comes. False if it was interrupted. Errors are the judge's, or
// about log or environment.
[[nodiscard]] Result<bool> audit_flushes(
    const state::Timeline& timeline, Judge& judge, const FlushAuditOptions& options,
    const std::function<void(const findings::FlushVerdict&)>& sink);

}  // namespace powercut::explore
