// SPDX-License-Identifier: Apache-2.0
// What of a file system stands at places of its device, as its own tools tell.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "block/device.h"

namespace powercut::check {

struct Places {
  // One for each range: "journal", "inode table of group 3", "/app.db at byte 8192", "/a, /b"; empty
  // where nothing is known to stand.
  std::vector<std::string> names;
  std::string note;  // a program is missing, or did not do it; empty: none
};

// Of ext2, ext3, ext4, XFS and btrfs; of other contents all names are empty. The journal of ext3 and
// ext4 is recovered for it: the device, a file, is written. `directory` is for temporary files. Ranges
// are long and few: of each some blocks are looked at.
[[nodiscard]] Result<Places> find_places(const std::string& disk_path, const std::string& directory,
                                         const std::vector<ByteRange>& ranges);

}  // namespace powercut::check
