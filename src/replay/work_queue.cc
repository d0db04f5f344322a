// SPDX-License-Identifier: Apache-2.0
#include "replay/work_queue.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace powercut::replay {
namespace {

// Handing over costs a lock and a wake-up.
constexpr std::size_t kBatchPieces = 64;
constexpr ByteCount kBatchBytes = 1 * kMiB;
// Long, so that the caller can read on while the workers write: what waits is small. Bounded in
// bytes as well, so that what the caller has come to is not far from what has been done.
constexpr std::size_t kMaxBatches = 4096;
constexpr ByteCount kMaxBytes = 256 * kMiB;
// One writes, or waits for the device, while the other reads the log.
constexpr unsigned kMinWorkers = 2;
constexpr unsigned kMaxWorkers = 8;
// Zeroing so many stripes in one go is worth waiting for everything that is under way: stripe by
// stripe a discard of a large device would be thousands of calls.
constexpr ByteCount kLargeZeroesStripes = 16;

unsigned suitable_workers(const Mover& mover) {
  if (mover.is_serial()) return kMinWorkers;
  return std::clamp(std::thread::hardware_concurrency(), kMinWorkers, kMaxWorkers);
}

// A piece that is copied sooner than written by itself.
constexpr ByteCount kSmallPiece = 32 * kKiB;

// The end of the small pieces from `piece` on that follow one another on the device.
std::vector<Piece>::const_iterator end_of_run(std::vector<Piece>::const_iterator piece,
                                              std::vector<Piece>::const_iterator end) {
  const ByteOffset begin = piece->device.begin;
  for (ByteOffset at = begin; piece != end; at = piece->device.end, ++piece) {
    const bool goes_on = piece->log_offset && piece->device.begin == at &&
                         piece->device.size() <= kSmallPiece &&
                         piece->device.end - begin <= Mover::kGatherBytes;
    if (!goes_on) break;
  }
  return piece;
}

}  // namespace

WorkQueue::WorkQueue(const File& log, BlockDevice& device, unsigned workers, ByteCount stripe_size)
    : device_(device), stripe_size_(stripe_size), mover_(log, device) {
  POWERCUT_CHECK(is_power_of_two(stripe_size));
  if (workers == 0) workers = suitable_workers(mover_);
  for (unsigned i = 0; i < workers; ++i) {
    auto& worker = *workers_.emplace_back(std::make_unique<Worker>(log, device));
    worker.thread = std::thread([this, &worker] { run(worker); });
  }
}

WorkQueue::~WorkQueue() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    for (const auto& worker : workers_) worker->has_work.notify_all();
  }
  for (const auto& worker : workers_) worker->thread.join();
}

Status WorkQueue::add(const Piece& piece) {
  if (!piece.log_offset && piece.device.size() >= kLargeZeroesStripes * stripe_size_) {
    POWERCUT_TRY_STATUS(drain());
    return carry_out(piece, mover_);
  }
  for (ByteOffset at = piece.device.begin; at < piece.device.end;) {
    const ByteOffset stripe_end = align_down(at, stripe_size_) + stripe_size_;
    Piece part{piece.entry, {at, std::min(stripe_end, piece.device.end)}, piece.log_offset};
    if (part.log_offset) *part.log_offset += at - piece.device.begin;
    POWERCUT_TRY_STATUS(add_part(part));
    at = part.device.end;
  }
  return {};
}

Status WorkQueue::add_part(const Piece& piece) {
  Worker& worker = *workers_[piece.device.begin / stripe_size_ % workers_.size()];
  worker.next.pieces.push_back(piece);
  worker.next.bytes += piece.device.size();
  if (worker.next.pieces.size() < kBatchPieces && worker.next.bytes < kBatchBytes) return {};
  return hand_over(worker);
}

Status WorkQueue::hand_over(Worker& worker) {
  MutexLock lock(mutex_);
  while (!error_ && (batches_under_way_ >= kMaxBatches || bytes_under_way_ >= kMaxBytes))
    has_room_.wait(lock);
  if (error_) return status();
  ++batches_under_way_;
  bytes_under_way_ += worker.next.bytes;
  worker.batches.push_back(std::move(worker.next));
  worker.has_work.notify_one();
  worker.next = {};
  return {};
}

Status WorkQueue::drain() {
  for (const auto& worker : workers_) {
    if (!worker->next.pieces.empty()) POWERCUT_TRY_STATUS(hand_over(*worker));
  }
  MutexLock lock(mutex_);
  while (batches_under_way_ > 0) all_done_.wait(lock);
  return status();
}

void WorkQueue::run(Worker& worker) {
  MutexLock lock(mutex_);
  while (true) {
    while (worker.batches.empty() && !stopping_) worker.has_work.wait(lock);
    if (stopping_) return;
    const Batch batch = std::move(worker.batches.front());
    worker.batches.pop_front();
    bool must_stop = error_.has_value();
    lock.unlock();
    std::optional<Error> error;
    auto piece = batch.pieces.begin();
    while (!must_stop && !error && piece != batch.pieces.end()) {
      const auto run_end = end_of_run(piece, batch.pieces.end());
      // If that fails it is done piece by piece, to see which one it is.
      if (run_end - piece > 1 && gather(piece, run_end, worker.mover)) {
        piece = run_end;
        continue;
      }
      if (Status done = carry_out(*piece, worker.mover); !done) error = std::move(done).error();
      ++piece;
    }
    lock.lock();
    if (error) remember(*std::move(error), std::prev(piece)->entry);
    --batches_under_way_;
    bytes_under_way_ -= batch.bytes;
    if (batches_under_way_ == 0) all_done_.notify_one();
    // Not for every batch: each time, the caller would take the processor from a worker.
    if (error_ || (batches_under_way_ <= kMaxBatches / 2 && bytes_under_way_ <= kMaxBytes / 2))
      has_room_.notify_one();
  }
}

Status WorkQueue::carry_out(const Piece& piece, Mover& mover) const {
  Status done = piece.log_offset
                    ? mover.copy(*piece.log_offset, piece.device.begin, piece.device.size())
                    : mover.zero(piece.device);
  if (done) return {};
  const std::string what =
      piece.entry == kNoEntry ? "restoring" : fmt::format("replaying entry {} to", piece.entry);
  return with_context(std::move(done).error(),
                      fmt::format("{} byte {} of '{}'", what, piece.device.begin, device_.name()));
}

bool WorkQueue::gather(Pieces begin, Pieces end, Mover& mover) {
  std::vector<LogPart> parts;
  parts.reserve(static_cast<std::size_t>(end - begin));
  for (auto piece = begin; piece != end; ++piece) {
    parts.push_back({*piece->log_offset, piece->device.size()});
  }
  return mover.gather(parts, begin->device.begin).has_value();
}

void WorkQueue::remember(Error error, EntryIndex entry) {
  if (error_ && failed_entry_ <= entry) return;
  error_ = std::move(error);
  failed_entry_ = entry;
}

Status WorkQueue::status() const {
  if (error_) return Unexpected(*error_);
  return {};
}

}  // namespace powercut::replay
