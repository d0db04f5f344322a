// SPDX-License-Identifier: Apache-2.0
// Writes an instant of a log onto a device: the fast path for a state in which nothing was lost.
#pragma once

#include <functional>
#include <limits>
#include <optional>

#include "block/device.h"
#include "log/reader.h"

namespace powercut::replay {

inline constexpr EntryIndex kToEnd = std::numeric_limits<EntryIndex>::max();

struct Totals {
  EntryIndex from = 0;  // the first entry that was looked at ...
  EntryIndex to = 0;    // ... and the one behind the last
  std::uint64_t written_entries = 0;
  ByteCount written_bytes = 0;  // payload, also where it is zeroes
  std::uint64_t discarded_entries = 0;
  ByteCount discarded_bytes = 0;
  std::uint64_t skipped_discards = 0;
};

struct Options {
  // Discards become zeroes, however large; else they are left out.
  bool discards = true;
  // Entries for which this is false are left out; nothing: none is.
  std::function<bool(const log::Entry&)> filter = nullptr;
  // Threads that write; 0: as many as suit the device and the machine.
  unsigned workers = 0;
  // The device is shared out among the threads in stripes of this many bytes, a power of two and a
  // multiple of the device's alignment. Large, so that few entries are cut; small beside what one
  // file or journal covers, so that all threads have some of it.
  ByteCount stripe_size = 4 * kMiB;
  // The size of the recorded device, where `device` is larger: nothing is written behind it.
  std::optional<ByteCount> size_bytes = std::nullopt;
  // Makes what was written durable at the end.
  bool flush = true;
  // Called now and then by the caller's thread, with the number of entries done.
  std::function<void(EntryIndex)> progress = nullptr;
};

// Applies the entries [from, to) to `device`, which holds the instant `from`. The reader is used from
// where it stands, or from the log's start if it stands behind `from`. Errors (all name
// entry and offset): an entry that reaches past the device's end, a log that is not whole or has
// fewer than `to` entries (kBadInput), failed I/O (kEnvironment). After an error in the log the
// device holds the instant that the message names; after one in I/O, anything between `from` and
// there.
[[nodiscard]] Result<Totals> replay(log::Reader& reader, EntryIndex from, EntryIndex to,
                                    BlockDevice& device, const Options& options = {});

}  // namespace powercut::replay
