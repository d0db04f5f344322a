// SPDX-License-Identifier: Apache-2.0
// Taking away what others have left.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace powercut::check {

// Unmounts what is mounted from loop devices over the file, and detaches them: a checker that was killed
// while it had the device mounted does not do it any more.
void release_file(const std::string& path);

// A directory whose name says who may remove it: as long as the lock that comes with it is held, nobody.
struct OwnedDirectory {
  std::string path;
  UniqueFd lock;
};
inline constexpr const char* kOwnedDirectoryPrefix = "powercut-explore-";
// Makes PARENT/powercut-explore-XXXXXX.
[[nodiscard]] Result<OwnedDirectory> make_owned_directory(const std::string& parent);
// Looks in `parent` for directories of this user's whose owner was killed, and takes away its checkers'
// processes, mounts and loop devices, and the directories.
void clean_up_behind_the_dead(const std::string& parent);

}  // namespace powercut::check
