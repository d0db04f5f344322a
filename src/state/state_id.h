// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/units.h"

namespace powercut::state {

// Names one crash state of a log: one content that the device could have after a cut. Printed, it
// is what every command takes in the place of an instant, and what a finding is reproduced with.
struct StateId {
  EntryIndex entries = 0;  // that stand in front of the cut; all of them have reached the device

  friend bool operator==(const StateId&, const StateId&) = default;
};

// "entry:412"
[[nodiscard]] std::string to_string(const StateId& id);

}  // namespace powercut::state
