// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/checker.h"

namespace powercut::check {

// Mounts the device through a loop device, which recovers the file system's log, and unmounts it.
// That either fails is a failure of the state (Outcome::kMount). Needs root.
struct MountPlan {
  std::string file_system;  // "xfs"
  std::string options;      // as after mount -o
  // While it is mounted files are compared with the offer's acknowledgements, ahead of the command.
  bool compares_acknowledgements = false;
  // Run by /bin/sh while it is mounted, with $POWERCUT_MNT; may be empty. "{}" is the device's
  // file.
  std::string command;
  // Run when it is unmounted, on the device's file, which is added to the end: {"xfs_repair",
  // "-n"}; its status has to be 0. May be empty.
  std::vector<std::string> afterwards;
  std::string afterwards_package;  // that brings the program
  std::string description;
};

[[nodiscard]] std::unique_ptr<Checker> make_mount_checker(MountPlan plan);

// Ready checkers: the log is recovered by a mount, then xfs_repair -n or btrfs check must be
// content.
[[nodiscard]] std::unique_ptr<Checker> make_xfs_checker();
[[nodiscard]] std::unique_ptr<Checker> make_btrfs_checker();

// The names that make_file_system_checker takes.
[[nodiscard]] std::vector<std::string> ready_file_systems();
// kUsage if there is no ready checker for it.
[[nodiscard]] Result<std::unique_ptr<Checker>> make_file_system_checker(
    const std::string& file_system);

}  // namespace powercut::check
