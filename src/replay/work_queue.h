// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "log/entry.h"
#include "replay/mover.h"

namespace powercut::replay {

inline constexpr EntryIndex kNoEntry = ~EntryIndex{0};

// A part of an entry's effect on the device.
struct Piece {
  EntryIndex entry = 0;  // kNoEntry: it is no single one's
  ByteRange device;
  // Where its content stands in the log; nothing: it is zeroes.
  std::optional<ByteOffset> log_offset;
};

// Carries out pieces in threads. The device is divided into stripes, each of which belongs to one
// thread, and a thread takes its pieces in the order in which they were given: pieces that overlap
// are therefore carried out in that order, and all others may pass each other.
//
// The methods are for one thread, the one that made the queue.
class WorkQueue {
 public:
  // 0 workers: as many as suit the device and the machine. `stripe_size` is a power of two.
  WorkQueue(const File& log, BlockDevice& device, unsigned workers, ByteCount stripe_size);
  // Does not wait for what is queued.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Of the pieces' ranges, in bytes.
  [[nodiscard]] std::uint32_t alignment() const { return mover_.alignment(); }

  // Blocks while much is queued. An error, once there is one, is that of the first entry that
  // failed among those tried; what comes behind it is dropped.
  [[nodiscard]] Status add(const Piece& piece);
  // Waits until all that was added has been carried out.
  [[nodiscard]] Status drain();

 private:
  struct Batch {
    std::vector<Piece> pieces;
    ByteCount bytes = 0;
  };
  struct Worker {
    Worker(const File& log, BlockDevice& device) : mover(log, device) {}
    Batch next;   // only the caller's: not handed over yet
    Mover mover;  // only the thread's
    CondVar has_work;
    std::deque<Batch> batches;  // guarded by mutex_
    std::thread thread;
  };

  void run(Worker& worker);
  [[nodiscard]] Status add_part(const Piece& piece);
  [[nodiscard]] Status carry_out(const Piece& piece, Mover& mover) const;
  using Pieces = std::vector<Piece>::const_iterator;
  [[nodiscard]] static bool gather(Pieces begin, Pieces end, Mover& mover);
  [[nodiscard]] Status hand_over(Worker& worker);
  void remember(Error error, EntryIndex entry) POWERCUT_REQUIRES(mutex_);
  [[nodiscard]] Status status() const POWERCUT_REQUIRES(mutex_);

  const BlockDevice& device_;
  const ByteCount stripe_size_;
  Mover mover_;  // the caller's own
  std::vector<std::unique_ptr<Worker>> workers_;

  Mutex mutex_;
  CondVar has_room_;
  CondVar all_done_;
  std::size_t batches_under_way_ POWERCUT_GUARDED_BY(mutex_) = 0;
  ByteCount bytes_under_way_ POWERCUT_GUARDED_BY(mutex_) = 0;
  bool stopping_ POWERCUT_GUARDED_BY(mutex_) = false;
  std::optional<Error> error_ POWERCUT_GUARDED_BY(mutex_);
  EntryIndex failed_entry_ POWERCUT_GUARDED_BY(mutex_) = 0;
};

}  // namespace powercut::replay
