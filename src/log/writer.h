// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "log/entry.h"

namespace powercut {
class Gate;
}

namespace powercut::log {

struct WriterOptions {
  std::uint32_t sector_size = kDefaultSectorSize;
  // The super block is rewritten after so many entries, besides each flush, mark and FUA.
  std::uint64_t super_update_interval = 4096;
  // Ticks, times and hashes in the unused end of the header sectors.
  bool extensions = true;
  // Whether the place behind the log has to be kept free of what may look like an entry: wanted on
  // storage that cannot be cut (a block device), if entries there cannot be told from this log's
  // by their extension: there are none, or the log is gone on with behind a torn tail of its own.
  bool terminate = false;
  // For the super block's extension of a new log.
  ByteCount device_size_bytes = 0;
  InitialContent initial_content = InitialContent::kUnknown;
  std::string origin_path;
  Clock clock = wall_clock_ns;
};

// kUsage, naming the option, if a log cannot be made with these.
[[nodiscard]] Status check_options(const WriterOptions& options);

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
// After an error in writing the log every later call fails with that error, and the log ends in
// front of the first entry that was not acknowledged.
class Writer {
 public:
  // Begins a log in an empty file, or over whatever it holds: the storage is used again, and what is
  // left of it behind the new log is cut off when that is closed or fails. Until then it must not be
  // taken for entries: see WriterOptions::terminate.
  [[nodiscard]] static Result<std::unique_ptr<Writer>> create(std::unique_ptr<File> file,
                                                              WriterOptions options);
  // Goes on with a log; its sector size and its having extensions win over the options. Whole
  // entries behind a stale super block are kept, a torn one is written over. An empty file is an
  // empty log.
  [[nodiscard]] static Result<std::unique_ptr<Writer>> append_to(std::unique_ptr<File> file,
                                                                 WriterOptions options);
  ~Writer();

  // The next tick: for a request that is submitted now.
  [[nodiscard]] Tick take_tick() { return next_tick_.fetch_add(1, std::memory_order_relaxed); }

  // Puts an entry behind all that have been appended. Returns when it is in the log's file, and
  // durable if it is a mark or FUA. Its completion tick is taken as its place in the log is given.
  [[nodiscard]] Result<EntryIndex> append(const NewEntry& entry);

  // A flush that has been submitted: its place in the log is behind all entries appended so far and
  // before all later ones, whenever it completes. To be resolved exactly once, by one of the next
  // two.
  struct PendingFlush;
  [[nodiscard]] Result<PendingFlush*> begin_flush();
  // It succeeded: its entry is in the log, and the log is durable, when this returns.
  [[nodiscard]] Status complete_flush(PendingFlush* flush);
  // It failed: a mark with `reason` takes its place.
  [[nodiscard]] Status fail_flush(PendingFlush* flush, std::string_view reason);

  // Makes all that has been appended durable and counts it in the super block.
  [[nodiscard]] Status sync();
  // As sync, puts the reason for stopping into the super block's extension if there is one, and
  // lets no further entry in.
  void stop(int os_errno);
  // Waits for what is under way, brings the super block up to date. Called by the destructor if not
  // before.
  [[nodiscard]] Status close();

  struct Counters {
    std::uint64_t entries = 0;            // in the log's file
    std::uint64_t durable_entries = 0;    // counted by the super block on disk
    ByteOffset end_offset = 0;            // of the last of them
    std::uint64_t recovered_entries = 0;  // behind a stale super block when the log was opened
  };
  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::uint32_t sector_size() const { return sector_size_; }
  [[nodiscard]] bool has_extensions() const { return log_id_ != 0; }
  [[nodiscard]] std::uint32_t max_mark_bytes() const;
  // The device size an appended log was made for; 0 if it does not say.
  [[nodiscard]] ByteCount device_size_bytes() const { return device_size_bytes_; }
  // The least device size that holds every entry an appended log had when it was opened.
  [[nodiscard]] ByteCount least_device_size_bytes() const { return least_device_size_; }
  // The error that ended recording, if one did.
  [[nodiscard]] std::optional<Error> failure() const;

 private:
  struct Node;

  Writer(std::unique_ptr<File> file, WriterOptions options);
  [[nodiscard]] Status adopt();

  // Gives the node the next place in the log and puts it into the queue.
  void place(Node& node) POWERCUT_REQUIRES(mutex_);
  // Puts marks into the log for the flushes that were submitted before `limit` (nullptr: all), so
  // that what comes next stands behind them.
  void hold_places(const PendingFlush* limit) POWERCUT_REQUIRES(mutex_);
  // Makes the calling thread the leader if there is none.
  [[nodiscard]] bool try_to_lead() POWERCUT_REQUIRES(mutex_);
  // Returns when the node, which has been placed, is in the file or will never be.
  [[nodiscard]] Status await(Node& node, bool is_leader) POWERCUT_EXCLUDES(mutex_);
  // Writes what is queued, for all who wait, and passes the lead on.
  void lead(const Gate* own_gate) POWERCUT_EXCLUDES(mutex_);
  // After a batch: who leads next; under the lock that ended it.
  void pass_the_lead() POWERCUT_REQUIRES(mutex_);
  [[nodiscard]] Status write_batch(const std::vector<Node*>& batch);
  [[nodiscard]] Status write_holes(const std::vector<Node*>& nodes);
  // Its payload is zeroes that nobody has in memory.
  [[nodiscard]] static bool has_hole(const Node& node);
  void grow_ahead(ByteOffset needed_end);
  void fail(Error error) POWERCUT_REQUIRES(mutex_);
  void cut_tail() POWERCUT_REQUIRES(mutex_);
  [[nodiscard]] Status cut_at(ByteOffset end);
  [[nodiscard]] Status check_open() const POWERCUT_REQUIRES(mutex_);

  [[nodiscard]] Status resolve_flush(PendingFlush* flush, const NewEntry& entry);
  [[nodiscard]] Status rewrite_placeholder(PendingFlush* flush, Entry& entry);
  void forget(const PendingFlush* flush) POWERCUT_REQUIRES(mutex_);

  // Makes the first `count` entries durable, and counts them in the super block. `afresh`: by a
  // sync that begins after this call, since an entry was changed in place.
  [[nodiscard]] Status make_durable(std::uint64_t count, bool afresh = false)
      POWERCUT_EXCLUDES(mutex_);
  [[nodiscard]] Status write_super_block(std::uint64_t nr_entries) POWERCUT_EXCLUDES(mutex_);

  // Constant once the log has been opened.
  const std::unique_ptr<File> file_;
  const WriterOptions options_;
  std::uint32_t sector_size_ = kDefaultSectorSize;
  std::uint64_t log_id_ = 0;  // 0: a log without extensions
  ByteCount device_size_bytes_ = 0;
  ByteCount least_device_size_ = 0;
  std::uint64_t recovered_entries_ = 0;

  std::atomic<Tick> next_tick_ = 1;  // taken without a lock by every request

  // Only the leading thread touches these.
  std::vector<std::byte> header_sectors_;
  std::vector<ConstBytes> pieces_;
  ByteOffset allocated_end_ = 0;

  mutable Mutex mutex_;
  // Set for a new log; changes once more if recording stops.
  std::optional<SuperBlockExtension> extension_ POWERCUT_GUARDED_BY(mutex_);
  std::vector<Node*> queue_ POWERCUT_GUARDED_BY(mutex_);   // placed, in order, not being written
  bool is_led_ POWERCUT_GUARDED_BY(mutex_) = false;        // some thread is writing
  EntryIndex next_index_ POWERCUT_GUARDED_BY(mutex_) = 0;  // of the next entry to be placed
  ByteOffset next_offset_ POWERCUT_GUARDED_BY(mutex_) = 0;
  EntryIndex written_index_ POWERCUT_GUARDED_BY(mutex_) = 0;  // entries before it are in the file
  ByteOffset written_offset_ POWERCUT_GUARDED_BY(mutex_) = 0;
  EntryIndex durable_index_ POWERCUT_GUARDED_BY(mutex_) =
      0;  // and before this one survive a power cut
  EntryIndex counted_index_ POWERCUT_GUARDED_BY(mutex_) = 0;  // what the super block says
  bool is_sync_trusted_ POWERCUT_GUARDED_BY(mutex_) = true;   // none has failed
  std::uint64_t syncs_begun_ POWERCUT_GUARDED_BY(mutex_) = 0;
  std::uint64_t syncs_ended_ POWERCUT_GUARDED_BY(mutex_) = 0;  // one at a time: equal, or one less
  bool is_closed_ POWERCUT_GUARDED_BY(mutex_) = false;
  std::optional<Error> failure_ POWERCUT_GUARDED_BY(mutex_);
  std::list<PendingFlush> pending_flushes_ POWERCUT_GUARDED_BY(mutex_);  // in order of submission
  CondVar progress_;  // a batch with a placeholder was written, a sync ended, the leader left
};

}  // namespace powercut::log
