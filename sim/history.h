// SPDX-License-Identifier: Apache-2.0
// What happened in a run, as plain data: the requests as the clients saw them, the log as it stands
// in the file, the device's content in the end. Checkers judge it without any of the code that
// made it.
#pragma once

#include <string>
#include <vector>

#include "io/file.h"
#include "log/entry.h"

namespace powercut::sim {

// A moment, by two clocks: one counter of the simulation's own, and the recorder's ticks, by which
// the log's ticks can be compared with what the clients saw.
struct Stamp {
  std::uint64_t order = 0;  // 0: it never came to that
  Tick tick = 0;
};

struct SimRequest {
  enum class Kind { kRead, kWrite, kZeroes, kDiscard, kFlush, kMark };
  Kind kind = Kind::kFlush;
  ByteRange range = {};         // any alignment; empty for a flush or mark
  std::vector<std::byte> data;  // of a write; of a read: what it returned
  std::string mark;
  bool fua = false;
  bool unmap = false;

  Stamp submit = {};
  // What the device got for it: one call, or one for each part of a request that does not begin and
  // end with a sector. What a read-modify-write reads does not count.
  struct DeviceCall {
    ByteRange range = {};
    Stamp begin = {};
    Stamp end = {};
  };
  std::vector<DeviceCall> device_calls;
  Stamp complete = {};
  bool ok = false;
  // No answer ever came: it may have been done and recorded, or not.
  bool is_unknown = false;

  // Of the call for this range; zero if there was none.
  [[nodiscard]] DeviceCall device_call(ByteRange of) const {
    for (const DeviceCall& call : device_calls)
      if (call.range == of) return call;
    return {};
  }
};
using Kind = SimRequest::Kind;

struct SimEntry {
  std::uint64_t flags = 0;
  ByteRange range = {};            // on the device
  std::vector<std::byte> payload;  // of zeroes: the zeroes; of a discard: nothing
  std::string mark;
  bool has_ticks = false;
  Tick submit_tick = 0;
  Tick complete_tick = 0;
  log::Operation operation = log::Operation::kUnknown;

  [[nodiscard]] bool is(log::Flag flag) const { return (flags & flag) != 0; }
};

struct History {
  std::uint32_t sector_size = 512;
  std::vector<SimRequest> requests;  // in no particular order
  std::vector<SimEntry> entries;
  std::vector<std::byte> initial;
  std::vector<std::byte> final;       // the device's content in the end
  std::uint64_t counted_entries = 0;  // by the super block, after close()
};

// One line for a message.
[[nodiscard]] std::string describe(const SimRequest& request);
[[nodiscard]] std::string describe(const SimEntry& entry, std::size_t index);

// Reads all of a log, past its count as well.
[[nodiscard]] Result<std::vector<SimEntry>> load_entries(const File& log);

// The entries applied in order.
[[nodiscard]] std::vector<std::byte> replay(const std::vector<SimEntry>& entries,
                                            std::vector<std::byte> initial);

}  // namespace powercut::sim
