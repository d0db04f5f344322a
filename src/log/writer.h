// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "log/entry.h"

namespace powercut::log {

struct WriterOptions {
  std::uint32_t sector_size = kDefaultSectorSize;
  // The super block is rewritten after so many entries, besides each flush, mark and FUA.
  std::uint64_t super_update_interval = 4096;
  // Ticks, times and hashes in the unused end of the header sectors.
  bool extensions = true;
  // Whether the place behind the log has to be kept free of what may look like an entry: wanted where
  // a log without extensions overwrites storage that holds something else (a block device).
  bool terminate = false;
  // For the super block's extension of a new log.
  ByteCount device_size_bytes = 0;
  InitialContent initial_content = InitialContent::kUnknown;
  std::string origin_path;
  Clock clock = wall_clock_ns;
};

// An entry to be. For zeroes `payload` is empty and nr_sectors is not 0: a hole is left in the log.
struct NewEntry {
  Operation operation = Operation::kWrite;
  Sector sector = 0;
  std::uint64_t nr_sectors = 0;
  std::uint64_t flags = 0;
  ConstBytes payload = {};
  std::string_view mark = {};
  Tick submit_tick = 0;
};

// Appends entries to a log, from many threads. See writer.cc for how the threads share the work.
// After an error in writing the log every later call fails with that error, and the log ends in front
// of the first entry that was not acknowledged.
class Writer {
 public:
  // Begins a log in an empty file, or over whatever a block device holds.
  [[nodiscard]] static Result<std::unique_ptr<Writer>> create(std::unique_ptr<File> file, WriterOptions options);
  // Goes on with a log; its sector size and its having extensions win over the options. Whole entries
  // behind a stale super block are kept, a torn one is written over. An empty file is an empty log.
  [[nodiscard]] static Result<std::unique_ptr<Writer>> append_to(std::unique_ptr<File> file, WriterOptions options);
  ~Writer();

  // The next tick: for a request that is submitted now.
  [[nodiscard]] Tick take_tick() { return next_tick_.fetch_add(1, std::memory_order_relaxed); }

  // Puts an entry behind all that have been appended. Returns when it is in the log's file, and durable
  // if it is a mark or FUA. Its completion tick is taken as its place in the log is given.
  [[nodiscard]] Result<EntryIndex> append(const NewEntry& entry);

  // A flush that has been submitted: its place in the log is behind all entries appended so far and
  // before all later ones, whenever it completes. To be resolved exactly once.
  class PendingFlush;
  [[nodiscard]] Result<PendingFlush*> begin_flush();
  // It succeeded: its entry is in the log, and the log is durable, when this returns.
  [[nodiscard]] Status complete_flush(PendingFlush* flush);
  // It failed: a mark with `reason` takes its place.
  [[nodiscard]] Status fail_flush(PendingFlush* flush, std::string_view reason);

  // Makes all that has been appended durable and counts it in the super block.
  [[nodiscard]] Status sync();
  // As sync, puts the reason for stopping into the super block's extension if there is one, and lets
  // no further entry in.
  void stop(int os_errno);
  // Waits for what is under way, brings the super block up to date. Called by the destructor if not before.
  [[nodiscard]] Status close();

  struct Counters {
    std::uint64_t entries = 0;       // in the log's file
    std::uint64_t durable_entries = 0;  // counted by the super block on disk
    ByteOffset end_offset = 0;       // of the last of them
    std::uint64_t recovered_entries = 0;  // behind a stale super block when the log was opened
  };
  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::uint32_t sector_size() const { return sector_size_; }
  [[nodiscard]] bool has_extensions() const { return extension_.has_value(); }
  [[nodiscard]] std::uint32_t max_mark_bytes() const;
  // The device size an appended log was made for; 0 if it does not say.
  [[nodiscard]] ByteCount device_size_bytes() const { return extension_ ? extension_->device_size_bytes : 0; }
  // The least device size that holds every entry an appended log had when it was opened.
  [[nodiscard]] ByteCount least_device_size_bytes() const { return least_device_size_; }
  // The error that ended recording, if one did.
  [[nodiscard]] std::optional<Error> failure() const;
};

}  // namespace powercut::log
