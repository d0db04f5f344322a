// SPDX-License-Identifier: Apache-2.0
// An instant: the device after the first N entries of a log, nothing lost. How it is written, and
// which N it is in a given log.
#pragma once

#include <string>
#include <string_view>

#include "index/log_index.h"
#include "log/reader.h"
#include "state/log_summary.h"

namespace powercut::state {

// Written (parse_instant) as
//   start          N = 0
//   end            all entries
//   N, entry:N     the first N entries
//   flush:K        up to and including the K-th FLUSH entry, K from 1
//   mark:NAME      up to and including the first mark of that name
//   mark:NAME#2    ... the second one. A name that itself ends in '#' and digits takes a number
//                  behind it: mark:step#3#1 is the first mark "step#3".
struct Instant {
  enum class Kind { kStart, kEnd, kEntry, kFlush, kMark };
  Kind kind = Kind::kEnd;
  std::uint64_t number = 0;  // N or K; of a mark: which of that name, from 1
  std::string mark = {};

  friend bool operator==(const Instant&, const Instant&) = default;
};

// Anything else is kUsage, and the message says what an instant looks like.
[[nodiscard]] Result<Instant> parse_instant(std::string_view text);
// Parses back to the same.
[[nodiscard]] std::string to_string(const Instant& instant);

// N, by a summary of the whole log. Errors (kUsage): no such entry, flush or mark, naming the
// nearest; if the log is not whole, the error says where reading ended, and kEnd is an error as
// well (kBadInput).
[[nodiscard]] Result<EntryIndex> resolve(const Instant& instant, const LogSummary& summary);

// The same by an index, without a look at the log.
[[nodiscard]] Result<EntryIndex> resolve(const Instant& instant, const index::LogIndex& index);

// The same by a pass over the log from its start, only as far as needed. Leaves the reader
// anywhere.
[[nodiscard]] Result<EntryIndex> resolve(const Instant& instant, log::Reader& reader);

}  // namespace powercut::state
