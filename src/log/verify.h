// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "log/reader.h"

namespace powercut::log {

// Something about a log that is not as it should be, or worth knowing.
struct Finding {
  enum class Severity {
    kNote,   // normal for some recorders, but it tells something
    kError,  // the log is not whole, or an entry is not what was recorded
  };
  // One for each thing that is looked for; the names are those of --json.
  enum class Kind {
    kTornTail,
    kCorrupt,
    kStaleSuperBlock,   // whole entries stand behind its count
    kLogFull,           // the recorder ran out of room
    kNoEndMark,         // the kernel's target ends a log with a mark
    kTrailingBytes,     // behind the last entry
    kStopped,           // on-log-error=stop
    kOutOfRange,        // an entry reaches past the device's end
    kDamagedExtension,  // its hash is wrong
    kForeignEntry,      // by its extension it belongs to another log or another place
    kPayloadMismatch,
    kZeroesNotZero,  // an entry of zeroes whose payload is not
    kTickOrder,      // completed before it was submitted
    kFailedFlush,
  };
  Kind kind = Kind::kCorrupt;
  Severity severity = Severity::kError;
  EntryIndex entry = 0;
  ByteOffset log_offset = 0;
  std::string message;
};

[[nodiscard]] const char* name_of(Finding::Kind kind);

struct VerifyOptions {
  // Nothing: what the super block's extension says, if it does.
  std::optional<ByteCount> device_size_bytes;
  bool payloads = true;  // check payloads against their hashes: reads all of the log
  // Of each kind so many are listed; all are counted.
  std::size_t max_findings_per_kind = 20;
  std::function<void(ByteOffset done, ByteCount total)> progress;
};

struct VerifyReport {
  SuperBlock super_block;
  ByteCount file_size_bytes = 0;
  std::uint64_t readable_entries = 0;  // of those counted
  std::uint64_t entries_past_count = 0;
  ByteOffset end_offset = 0;  // of the last readable entry, those past the count included
  Ending ending;
  bool has_end_mark = false;  // "dm-log-writes-end" is the last entry
  std::uint64_t payloads_checked = 0;
  std::vector<Finding> findings;
  std::uint64_t errors = 0;  // also those not listed

  [[nodiscard]] bool is_whole() const { return errors == 0; }
};

// Reads all of a log and says what is wrong with it. An error only if it cannot be read at all: not
// a log (kBadInput), or an I/O error.
[[nodiscard]] Result<VerifyReport> verify(const File& file, const VerifyOptions& options);

}  // namespace powercut::log
