// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "check/disk_folder.h"
#include "explore/explain.h"

namespace powercut::explore {

// Asks the file system's own tools. What a crash state holds of it is damaged, and does not have yet
// what the lost writes were for; so it is the device as it was when all of the group had been
// written, recovered, and for what is not known there, at the end of the log.
class DevicePlaces final : public PlaceFinder {
 public:
  // The timeline outlives this.
  explicit DevicePlaces(const state::Timeline& timeline) : timeline_(timeline) {}

  [[nodiscard]] Result<std::string> find(const state::CrashState& state,
                                         const std::vector<findings::Write*>& writes) override;

 private:
  [[nodiscard]] Result<std::string> find_at(EntryIndex entries,
                                            const std::vector<findings::Write*>& writes);

  const state::Timeline& timeline_;
  std::unique_ptr<check::DiskFolder> disks_;  // made when it is needed
};

}  // namespace powercut::explore
