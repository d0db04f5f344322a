// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/checker.h"

namespace powercut::check {

// Programs that look at the device's file, one behind the other, and say in English what they find. Needs neither
// root nor a mount.
struct FsckPlan {
  struct Step {
    std::vector<std::string> argv;  // the path is added to the end
    std::vector<int> good_statuses = {0};
    // Whether what it printed is good as well; null: whatever it is.
    bool (*is_good)(std::string_view output) = nullptr;
  };
  std::string description;
  std::string package;  // that brings the programs
  std::vector<Step> steps;
  // If it is good, so are all steps. Of the last step's program.
  std::optional<Step> shortcut;
};

[[nodiscard]] std::unique_ptr<Checker> make_fsck_checker(FsckPlan plan);

}  // namespace powercut::check
