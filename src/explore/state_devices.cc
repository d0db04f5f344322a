// SPDX-License-Identifier: Apache-2.0
#include "explore/state_devices.h"

namespace powercut::explore {

std::shared_ptr<const state::GroupMap> StateDevices::map_for(const state::CrashState& state) {
  const ByteCount unit_bytes = state.choice.torn.empty() ? 0 : state.unit_bytes;
  {
    const MutexLock lock(mutex_);
    for (const Kept& kept : kept_) {
      if (kept.group == state.group && kept.unit_bytes == unit_bytes &&
          kept.discard == state.discard) {
        return kept.map;
      }
    }
  }
  auto map = std::make_shared<const state::GroupMap>(state.group, unit_bytes, state.discard);
  const MutexLock lock(mutex_);
  kept_[next_] = {state.group, unit_bytes, state.discard, map};
  next_ = (next_ + 1) % kept_.size();
  return map;
}

std::shared_ptr<state::CrashView> StateDevices::view(const state::CrashState& state) {
  return timeline_.view(state, *map_for(state));
}

}  // namespace powercut::explore
