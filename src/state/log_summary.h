// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "log/reader.h"

namespace powercut::state {

// What one pass over a log's headers finds. Memory grows with the number of flushes and marks only.
struct LogSummary {
  struct Mark {
    std::string name;
    EntryIndex entry = 0;
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  struct Total {
    std::uint64_t entries = 0;
    ByteCount bytes = 0;  // on the device
    friend bool operator==(const Total&, const Total&) = default;
  };

  std::string log_name;
  std::uint64_t nr_entries = 0;
  ByteOffset end_offset = 0;  // in the log, behind the last of them
  log::Ending ending;

  std::vector<EntryIndex> flushes;  // the entries with FLUSH, in order; flush:K is flushes[K - 1]
  std::vector<Mark> marks;          // in order
  std::uint64_t nr_fua = 0;         // entries with FUA

  Total writes;
  Total zeroes;  // known to be zeroes from the header
  Total discards;
  // The least size of a device that holds every entry, and the entry that needs it.
  ByteCount least_device_size_bytes = 0;
  EntryIndex furthest_entry = 0;

  void add(const log::Entry& entry);
};

// Reads from the reader's position to the end. However that comes (see ending), what was read
// stands in the summary.
[[nodiscard]] LogSummary summarize(log::Reader& reader);

}  // namespace powercut::state
