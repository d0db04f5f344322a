// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "log/reader.h"

namespace powercut::log {

struct RepairOptions {
  // Needed only where the super block itself is gone: what a log is divided into cannot be told
  // then.
  std::optional<std::uint32_t> sector_size;
  bool dry_run = false;  // say what would be done
};

struct RepairReport {
  bool changed = false;
  bool rebuilt_super_block = false;  // there was none that could be read
  std::uint64_t old_nr_entries = 0;  // 0 if it was rebuilt
  std::uint64_t nr_entries = 0;
  ByteOffset end_offset = 0;  // of the last entry that is counted now
  Ending ending;              // why counting ended there
};

// Writes a super block that counts the whole entries that are there, and touches nothing else:
// entries behind a stale count are taken in, a torn or corrupt one and all behind it are left out
// (they stay in the file, and the old count in the report brings them back). kBadInput if the file
// is no log.
[[nodiscard]] Result<RepairReport> repair(File& file, const RepairOptions& options = {});

}  // namespace powercut::log
