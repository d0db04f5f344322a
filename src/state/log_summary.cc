// SPDX-License-Identifier: Apache-2.0
#include "state/log_summary.h"

#include <algorithm>

namespace powercut::state {

void LogSummary::add(const log::Entry& entry) {
  nr_entries = entry.index + 1;
  end_offset = entry.end_offset();
  if (entry.is_flush()) flushes.push_back(entry.index);
  if (entry.is_fua()) ++nr_fua;
  if (entry.is_mark()) {
    marks.push_back({entry.mark, entry.index});
    return;
  }
  if (entry.nr_sectors == 0) return;
  Total& total = entry.is_discard() ? discards : entry.is_zeroes() ? zeroes : writes;
  ++total.entries;
  total.bytes += entry.device_range().size();
  if (entry.device_range().end > least_device_size_bytes) {
    least_device_size_bytes = entry.device_range().end;
    furthest_entry = entry.index;
  }
}

LogSummary summarize(log::Reader& reader) {
  LogSummary summary;
  summary.log_name = reader.file().name();
  summary.nr_entries = reader.position();
  summary.end_offset = reader.log_offset();
  while (const auto entry = reader.next()) summary.add(*entry);
  summary.ending = reader.ending();
  return summary;
}

}  // namespace powercut::state
