// SPDX-License-Identifier: Apache-2.0
#include "state/state_id.h"

#include <fmt/format.h>

namespace powercut::state {

std::string to_string(const StateId& id) {
  return fmt::format("entry:{}", id.entries);
}

}  // namespace powercut::state
