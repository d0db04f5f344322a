// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>

#include "base/mutex.h"
#include "state/timeline.h"

namespace powercut::explore {

// The devices of crash states. Of the last few groups it keeps the maps, as states come group by
// group. Thread-safe.
class StateDevices {
 public:
  // The timeline outlives this.
  explicit StateDevices(const state::Timeline& timeline) : timeline_(timeline) {}

  [[nodiscard]] std::shared_ptr<state::CrashView> view(const state::CrashState& state);

 private:
  struct Kept {
    std::shared_ptr<const state::CrashGroup> group;
    ByteCount unit_bytes = 0;
    state::DiscardPolicy discard;
    std::shared_ptr<const state::GroupMap> map;
  };

  [[nodiscard]] std::shared_ptr<const state::GroupMap> map_for(const state::CrashState& state)
      POWERCUT_EXCLUDES(mutex_);

  const state::Timeline& timeline_;
  Mutex mutex_;
  std::array<Kept, 8> kept_ POWERCUT_GUARDED_BY(mutex_);
  std::size_t next_ POWERCUT_GUARDED_BY(mutex_) = 0;  // that makes room
};

}  // namespace powercut::explore
