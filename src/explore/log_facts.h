// SPDX-License-Identifier: Apache-2.0
// What a log says of its entries, for those who explain failures.
#pragma once

#include <optional>
#include <string>

#include "findings/finding.h"
#include "state/timeline.h"

namespace powercut::explore {

// The whole of an entry.
[[nodiscard]] Result<log::Entry> entry_of(const state::Timeline& timeline, EntryIndex entry);

// The last mark in front of an entry.
[[nodiscard]] Result<std::optional<index::Mark>> mark_before(const state::Timeline& timeline,
                                                             EntryIndex entry);

// A write of a group. `units` are those that survived, if it is torn in units of so many bytes.
[[nodiscard]] Result<findings::Write> describe(const state::Timeline& timeline,
                                               const state::GroupEntry& entry,
                                               const std::vector<state::NumberRange>& units = {},
                                               ByteCount unit_bytes = 0);

}  // namespace powercut::explore
