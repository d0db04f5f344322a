// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/checker.h"

namespace powercut::check {

// Run by /bin/sh with $POWERCUT_MNT.
struct MountedCommand {
  std::string step;  // what it is called where it fails
  std::string command;
  // And so has to be looked at before the first state, may see marks, and "{}" in it is the device's file.
  bool is_users = true;
  // Paths of programs that it runs, if it is not the user's.
  std::vector<std::string> programs;
};

// Mounts the device through a loop device, which recovers the file system's log, and unmounts it.
// That either fails is a failure of the state (Outcome::kMount). Needs root.
struct MountPlan {
  std::string file_system;  // "xfs"
  std::string options;      // as after mount -o
  // While it is mounted files are compared with the offer's acknowledgements, ahead of the command.
  bool compares_acknowledgements = false;
  // Run one behind the other while it is mounted.
  std::vector<MountedCommand> commands;
  // Run when it is unmounted, on the device's file, which is added to the end: {"xfs_repair",
  // "-n"}; its status has to be 0. May be empty.
  std::vector<std::string> afterwards;
  std::string afterwards_package;  // that brings the program
  std::string description;
};

[[nodiscard]] std::unique_ptr<Checker> make_mount_checker(MountPlan plan);

}  // namespace powercut::check
