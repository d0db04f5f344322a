// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/checker.h"

namespace powercut::check {

// Programs that look at the device's file, one behind the other. Needs neither root nor a mount.
struct FsckPlan {
  struct Step {
    std::vector<std::string> argv;  // the path is added to the end
    std::vector<int> good_statuses = {0};
  };
  // One step in place of all, if what it printed shows that all would pass. Of the program of the last step.
  struct Shortcut {
    Step step;
    bool (*shows_that_all_pass)(std::string_view output) = nullptr;
  };
  std::string description;
  std::string package;  // that brings the programs
  std::vector<Step> steps;
  std::optional<Shortcut> shortcut;
};

[[nodiscard]] std::unique_ptr<Checker> make_fsck_checker(FsckPlan plan);

}  // namespace powercut::check
