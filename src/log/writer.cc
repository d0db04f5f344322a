// SPDX-License-Identifier: Apache-2.0
//
// How threads share the work. An entry gets its place in the log (number, offset, completion tick)
// under the mutex, in the order in which threads come; that is the log's order. Writing is done by
// one thread at a time, the leader: it takes all that is queued, writes it with one call where it
// can, and lets its owners go; then the owner of the entry at the head of the new queue leads. So
// entries reach the file in order and without gaps, and whoever is told that his entry is in the
// file knows that all before it are.
//
// Flushes. A flush stands where it was submitted (G2) although its outcome is known only later. If
// nothing has been placed meanwhile it is simply appended when it completes. Otherwise, before the
// first entry that overtakes it is placed, a mark is put in its stead ("placeholder"), and
// completion rewrites that sector as a flush, or as a mark that says why it failed. So the file is
// a valid log at every moment, and a flush that never completed never stands in it as one.
//
// Durability. make_durable syncs the entries, then rewrites the super block, then syncs that: the
// super block never counts what a power cut could still take away. One thread does it for all who
// wait. Once a sync has failed nothing more is counted: the system forgets what it could not write
// (fsync(2), EIO), so a later sync that succeeds proves nothing. What is in the file all the same
// is for repair to find.
//
// Rewriting a placeholder, and the super block, counts on it that a sector is written as a whole.
// That holds for sectors of a page or less against a kill, and for those of the storage's own
// sectors against a power cut.
//
// Failure. The first error is kept; every later call returns it. The file is cut behind the last
// entry that was written, so that nothing stands behind a hole.
#include "log/writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/gate.h"
#include "log/codec.h"
#include "log/reader.h"

namespace powercut::log {
namespace {

enum Outcome : std::uint32_t { kWritten = 1, kFailed = 2, kLead = 3 };

// The log's file is allocated in steps that begin small, for short logs, and grow with it.
constexpr ByteCount kMinStep = 1 * kMiB;
constexpr ByteCount kMaxStep = 64 * kMiB;

Status check_interval(const WriterOptions& options) {
  if (options.super_update_interval == 0)
    return usage_error("log-super-update-interval must not be 0");
  return {};
}

}  // namespace

// An entry on its way into the file. Lives on the stack of the thread that appends it, or in its
// PendingFlush; the queue only points to it.
struct Writer::Node {
  Entry entry;
  ConstBytes payload;
  Gate* gate = nullptr;           // of the thread that waits for it
  PendingFlush* flush = nullptr;  // whose placeholder it is: nobody waits
};

bool Writer::has_hole(const Node& node) {
  return node.payload.empty() && node.entry.payload_bytes() > 0;
}

struct Writer::PendingFlush {
  Tick submit_tick = 0;
  bool is_placed = false;   // its placeholder has a place in the log
  bool is_written = false;  // and is in the file
  Node placeholder = {};
};

Status check_options(const WriterOptions& options) {
  if (const Status status = check_sector_size(options.sector_size); !status) {
    return usage_error(fmt::format("log-sector-size: {}", status.error().message));
  }
  if (options.extensions && options.sector_size < kMinSectorSizeForExtension) {
    return usage_error(
        fmt::format("log-extensions needs a log-sector-size of at least {}, not {}; turn them off",
                    kMinSectorSizeForExtension, options.sector_size));
  }
  return check_interval(options);
}

Writer::Writer(std::unique_ptr<File> file, WriterOptions options)
    : file_(std::move(file)), options_(std::move(options)), sector_size_(options_.sector_size) {}

Writer::~Writer() {
  (void)close();
}

Result<std::unique_ptr<Writer>> Writer::create(std::unique_ptr<File> file, WriterOptions options) {
  POWERCUT_TRY_STATUS(check_options(options));
  std::unique_ptr<Writer> writer(new Writer(std::move(file), std::move(options)));
  const WriterOptions& chosen = writer->options_;
  {
    const MutexLock lock(writer->mutex_);
    if (chosen.extensions) {
      SuperBlockExtension extension;
      extension.uuid = POWERCUT_TRY(make_uuid());
      extension.device_size_bytes = chosen.device_size_bytes;
      extension.creation_time_ns = chosen.clock();
      extension.initial_content = chosen.initial_content;
      extension.origin_path = chosen.origin_path;
      writer->log_id_ = log_id_of(extension.uuid);
      writer->extension_ = std::move(extension);
    }
    writer->device_size_bytes_ = chosen.device_size_bytes;
    writer->next_offset_ = writer->written_offset_ = writer->sector_size_;
  }
  writer->allocated_end_ = POWERCUT_TRY(writer->file_->size());
  // From here on a kill leaves a log.
  if (chosen.terminate) {
    const std::vector<std::byte> zeroes(writer->sector_size_);
    POWERCUT_TRY_STATUS(writer->file_->write_at(writer->sector_size_, ConstBytes(zeroes)));
    POWERCUT_TRY_STATUS(writer->file_->sync());
  }
  POWERCUT_TRY_STATUS(writer->write_super_block(0));
  POWERCUT_TRY_STATUS(writer->file_->sync());
  return writer;
}

Result<std::unique_ptr<Writer>> Writer::append_to(std::unique_ptr<File> file,
                                                  WriterOptions options) {
  if (POWERCUT_TRY(file->size()) == 0) {
    options.sector_size = kDefaultSectorSize;
    return create(std::move(file), std::move(options));
  }
  if (options.super_update_interval == 0)
    return usage_error("log-super-update-interval must not be 0");
  std::unique_ptr<Writer> writer(new Writer(std::move(file), std::move(options)));
  POWERCUT_TRY_STATUS(writer->adopt());
  return writer;
}

// Finds the end of the log that is there, and goes on from it.
Status Writer::adopt() {
  Reader reader = POWERCUT_TRY(Reader::open(*file_, {.past_count = true}));
  Tick last_tick = 0;
  while (const auto entry = reader.next()) {
    if (entry->extension) {
      last_tick =
          std::max({last_tick, entry->extension->submit_tick, entry->extension->complete_tick});
    }
    least_device_size_ = std::max(least_device_size_, entry->device_range().end);
  }
  POWERCUT_TRY_STATUS(to_status(reader.ending()));

  const SuperBlock& super_block = reader.super_block();
  sector_size_ = super_block.sector_size;
  next_tick_ = last_tick + 1;
  recovered_entries_ = reader.position() - super_block.nr_entries;
  {
    const MutexLock lock(mutex_);
    extension_ = super_block.extension;
    if (extension_) {
      log_id_ = log_id_of(extension_->uuid);
      device_size_bytes_ = extension_->device_size_bytes;
      extension_->stopped_errno = 0;  // it goes on
    }
    next_index_ = written_index_ = reader.position();
    next_offset_ = written_offset_ = reader.log_offset();
    counted_index_ = durable_index_ = super_block.nr_entries;
  }
  // What a torn last entry left behind must not look like an entry later.
  if (reader.file_size() > reader.log_offset()) POWERCUT_TRY_STATUS(cut_at(reader.log_offset()));
  return recovered_entries_ > 0 ? make_durable(reader.position()) : Status{};
}

std::uint32_t Writer::max_mark_bytes() const {
  return log::max_mark_bytes(sector_size_, has_extensions());
}

namespace {

// All of an entry that does not depend on its place.
Entry to_entry(const NewEntry& from, std::uint32_t sector_size, std::uint64_t log_id,
               const Clock& clock) {
  Entry entry;
  entry.sector_size = sector_size;
  entry.sector = from.sector;
  entry.nr_sectors = from.nr_sectors;
  entry.flags = from.flags;
  entry.mark = from.mark;
  if (log_id != 0) {
    EntryExtension extension;
    extension.operation = from.operation;
    extension.log_id = log_id;
    extension.submit_tick = from.submit_tick;
    extension.wall_time_ns = clock();
    if (!from.payload.empty()) extension.payload_hash = payload_hash(from.payload);
    entry.extension = extension;
  }
  return entry;
}

}  // namespace

void Writer::place(Node& node) {
  node.entry.index = next_index_++;
  node.entry.log_offset = next_offset_;
  next_offset_ = node.entry.end_offset();
  if (node.entry.extension) {
    node.entry.extension->entry_index = node.entry.index;
    // A placeholder's request has not completed.
    if (node.flush == nullptr) node.entry.extension->complete_tick = take_tick();
  }
  queue_.push_back(&node);
}

void Writer::hold_places(const PendingFlush* limit) {
  for (PendingFlush& flush : pending_flushes_) {
    if (&flush == limit) break;
    if (flush.is_placed) continue;
    const NewEntry entry = {.operation = Operation::kFlushPending,
                            .flags = kFlagMark,
                            .mark = kFlushPendingText,
                            .submit_tick = flush.submit_tick};
    flush.placeholder.entry = to_entry(entry, sector_size_, log_id_, options_.clock);
    flush.placeholder.flush = &flush;
    flush.is_placed = true;
    place(flush.placeholder);
  }
}

bool Writer::try_to_lead() {
  if (is_led_) return false;
  is_led_ = true;
  return true;
}

Status Writer::await(Node& node, bool is_leader) {
  // A leader's gate is its own: nobody opens it.
  const std::uint32_t outcome = is_leader ? kLead : node.gate->wait();
  if (outcome == kWritten) return {};
  if (outcome == kLead) lead(node.gate);
  const MutexLock lock(mutex_);
  // What was written before a failure is in the log all the same.
  if (written_index_ > node.entry.index) return {};
  POWERCUT_CHECK(failure_.has_value());
  return Unexpected(*failure_);
}

void Writer::lead(const Gate* own_gate) {
  thread_local std::vector<Node*> batch;  // for its capacity
  batch.clear();
  {
    const MutexLock lock(mutex_);
    batch.swap(queue_);
  }
  Status status = write_batch(batch);
  bool is_written = false;
  {
    const MutexLock lock(mutex_);
    if (!status) fail(std::move(status).error());
    is_written = !failure_;  // a sync may have failed meanwhile
    if (is_written) {
      written_index_ = batch.back()->entry.index + 1;
      written_offset_ = batch.back()->entry.end_offset();
      for (Node* node : batch) {
        if (node->flush != nullptr) node->flush->is_written = true;
      }
    } else {
      batch.insert(batch.end(), queue_.begin(), queue_.end());
      queue_.clear();
    }
    // A placeholder has no thread to let go, and is its flush's to destroy from here on.
    std::erase_if(
        batch, [&](const Node* node) { return node->gate == nullptr || node->gate == own_gate; });
    pass_the_lead();
    if (!is_written) cut_tail();
  }
  // A node is gone as soon as its thread has been let go.
  for (Node* node : batch) node->gate->open(is_written ? kWritten : kFailed);
}

// To whoever has waited longest. A placeholder has no thread of its own, but the entry that
// overtook its flush stands behind it.
void Writer::pass_the_lead() {
  const auto next = std::find_if(queue_.begin(), queue_.end(),
                                 [](const Node* node) { return node->gate != nullptr; });
  if (next != queue_.end()) {
    (*next)->gate->open(kLead);
  } else {
    POWERCUT_CHECK(queue_.empty());
    is_led_ = false;
  }
  if (!is_led_ || !pending_flushes_.empty()) progress_.notify_all();
}

// All that can go in one piece, zeroes as holes. Where only the terminator bounds the log, a kill in
// the middle must not leave a header without its payload: zeroes go first, and the first header
// last; until it stands, the old terminator hides all behind it. Elsewhere the file's end tells a
// torn entry, or its hash.
Status Writer::write_batch(const std::vector<Node*>& batch) {
  grow_ahead(batch.back()->entry.end_offset());
  if (options_.terminate) POWERCUT_TRY_STATUS(write_holes(batch));
  header_sectors_.resize(batch.size() * sector_size_);
  pieces_.clear();
  const Node* const last_to_write = options_.terminate ? batch.front() : nullptr;
  ByteOffset begin = batch.front()->entry.log_offset;
  MutableBytes headers = header_sectors_;
  for (Node* node : batch) {
    const MutableBytes header = headers.first(sector_size_);
    headers = headers.subspan(sector_size_);
    encode_entry(node->entry, header);
    if (node == last_to_write) {
      begin = node->entry.payload_offset();
    } else {
      pieces_.emplace_back(header);
    }
    if (!node->payload.empty()) pieces_.push_back(node->payload);
    if (has_hole(*node)) {
      if (!pieces_.empty()) POWERCUT_TRY_STATUS(file_->write_at(begin, pieces_));
      pieces_.clear();
      if (!options_.terminate) POWERCUT_TRY_STATUS(write_holes({node}));
      begin = node->entry.end_offset();
    }
  }
  std::vector<std::byte> terminator;
  if (options_.terminate) {
    terminator.resize(sector_size_);
    // Where the log ends the storage, nothing can stand behind it.
    if (batch.back()->entry.end_offset() + sector_size_ <= POWERCUT_TRY(file_->size())) {
      pieces_.emplace_back(terminator);
    }
  }
  if (!pieces_.empty()) POWERCUT_TRY_STATUS(file_->write_at(begin, pieces_));
  if (last_to_write == nullptr) return {};
  return file_->write_at(last_to_write->entry.log_offset,
                         ConstBytes(header_sectors_).first(sector_size_));
}

Status Writer::write_holes(const std::vector<Node*>& nodes) {
  for (const Node* node : nodes) {
    if (!has_hole(*node)) continue;
    POWERCUT_TRY_STATUS(
        file_->write_zeroes({node->entry.payload_offset(), node->entry.end_offset()}));
  }
  return {};
}

void Writer::grow_ahead(ByteOffset needed_end) {
  if (needed_end <= allocated_end_) return;
  const ByteCount step = std::clamp(align_down(needed_end / 4, kMiB), kMinStep, kMaxStep);
  file_->preallocate({needed_end, needed_end + step});
  allocated_end_ = needed_end + step;
}

void Writer::fail(Error error) {
  if (failure_) return;
  failure_ = std::move(error);
  if (!is_led_) cut_tail();  // else the leader does, once nothing is being written
  progress_.notify_all();
}

// Also gives back what was allocated ahead. A block device keeps its size (EINVAL).
Status Writer::cut_at(ByteOffset end) {
  const Status cut = file_->truncate(end);
  return cut || cut.error().os_errno == EINVAL ? Status{} : cut;
}

// Best effort: the super block does not count what cannot be cut.
void Writer::cut_tail() {
  (void)file_->truncate(written_offset_);
}

Status Writer::check_open() const {
  if (failure_) return Unexpected(*failure_);
  if (is_closed_)
    return environment_error(fmt::format("log '{}' is closed", file_->name()), ESHUTDOWN);
  return {};
}

Result<EntryIndex> Writer::append(const NewEntry& from) {
  POWERCUT_CHECK(from.payload.empty() || from.payload.size() == from.nr_sectors * sector_size_);
  Gate gate;
  Node node;
  node.entry = to_entry(from, sector_size_, log_id_, options_.clock);
  node.payload = from.payload;
  node.gate = &gate;
  bool is_leader = false;
  {
    const MutexLock lock(mutex_);
    POWERCUT_TRY_STATUS(check_open());
    hold_places(nullptr);
    place(node);
    is_leader = try_to_lead();
  }
  POWERCUT_TRY_STATUS(await(node, is_leader));
  const EntryIndex index = node.entry.index;
  const bool wants_durability = (from.flags & (kFlagFua | kFlagMark)) != 0;
  if (wants_durability || (index + 1) % options_.super_update_interval == 0) {
    POWERCUT_TRY_STATUS(make_durable(index + 1));
  }
  return index;
}

Result<Writer::PendingFlush*> Writer::begin_flush() {
  const MutexLock lock(mutex_);
  POWERCUT_TRY_STATUS(check_open());
  PendingFlush& flush = pending_flushes_.emplace_back();
  flush.submit_tick = take_tick();
  return &flush;
}

Status Writer::complete_flush(PendingFlush* flush) {
  return resolve_flush(flush, {.operation = Operation::kFlush, .flags = kFlagFlush});
}

Status Writer::fail_flush(PendingFlush* flush, std::string_view reason) {
  const std::string text = fmt::format("powercut: flush failed: {}", reason);
  return resolve_flush(flush,
                       {.operation = Operation::kFlushFailed, .flags = kFlagMark, .mark = text});
}

void Writer::forget(const PendingFlush* flush) {
  pending_flushes_.remove_if([&](const PendingFlush& each) { return &each == flush; });
}

Status Writer::resolve_flush(PendingFlush* flush, const NewEntry& from) {
  Gate gate;
  Node node;
  node.entry = to_entry(from, sector_size_, log_id_, options_.clock);
  if (node.entry.extension) node.entry.extension->submit_tick = flush->submit_tick;
  node.gate = &gate;
  bool is_placed = false;
  bool is_leader = false;
  {
    const MutexLock lock(mutex_);
    is_placed = flush->is_placed;
    if (!is_placed) {
      const Status status = check_open();
      if (status) hold_places(flush);
      forget(flush);
      POWERCUT_TRY_STATUS(status);
      place(node);
      is_leader = try_to_lead();
    }
  }
  POWERCUT_TRY_STATUS(is_placed ? rewrite_placeholder(flush, node.entry) : await(node, is_leader));
  return make_durable(node.entry.index + 1, is_placed);
}

// Puts the outcome of a flush that was overtaken into the place that was held for it.
Status Writer::rewrite_placeholder(PendingFlush* flush, Entry& entry) {
  {
    MutexLock lock(mutex_);
    // After a failure the leader may still hold the placeholder.
    while (!flush->is_written && (!failure_ || is_led_)) progress_.wait(lock);
    const bool is_written = flush->is_written;
    entry.index = flush->placeholder.entry.index;
    entry.log_offset = flush->placeholder.entry.log_offset;
    forget(flush);
    if (!is_written) return Unexpected(*failure_);
    if (entry.extension) {
      entry.extension->entry_index = entry.index;
      entry.extension->complete_tick = take_tick();
    }
  }
  std::vector<std::byte> sector(sector_size_);
  encode_entry(entry, sector);
  Status status = file_->write_at(entry.log_offset, ConstBytes(sector));
  if (!status) {
    const MutexLock lock(mutex_);
    fail(status.error());
  }
  return status;
}

Status Writer::make_durable(std::uint64_t count, bool afresh) {
  MutexLock lock(mutex_);
  const std::uint64_t wanted_sync = afresh ? syncs_begun_ + 1 : 0;
  const auto is_done = [&]() POWERCUT_REQUIRES(mutex_) {
    return durable_index_ >= count && syncs_ended_ >= wanted_sync;
  };
  while (!is_done() && syncs_begun_ != syncs_ended_ && !failure_) progress_.wait(lock);
  if (is_done()) return {};
  if (failure_) return Unexpected(*failure_);

  ++syncs_begun_;
  const EntryIndex target = written_index_;
  lock.unlock();
  Status status = file_->sync();
  bool has_sync_failed = !status;
  bool is_counted = false;
  if (status) {
    status = write_super_block(target);
    is_counted = status.has_value();
  }
  if (is_counted) {
    status = file_->sync();
    has_sync_failed = !status;
  }
  lock.lock();
  ++syncs_ended_;
  if (is_counted) counted_index_ = target;
  if (has_sync_failed) is_sync_trusted_ = false;
  if (status) {
    durable_index_ = target;
  } else {
    fail(status.error());
  }
  progress_.notify_all();
  return status;
}

Status Writer::write_super_block(std::uint64_t nr_entries) {
  SuperBlock super_block;
  super_block.nr_entries = nr_entries;
  super_block.sector_size = sector_size_;
  {
    const MutexLock lock(mutex_);
    super_block.extension = extension_;
  }
  std::vector<std::byte> sector(sector_size_);
  encode_super_block(super_block, sector);
  return file_->write_at(0, ConstBytes(sector));
}

Status Writer::sync() {
  std::uint64_t count = 0;
  {
    const MutexLock lock(mutex_);
    if (failure_) return Unexpected(*failure_);
    count = written_index_;
  }
  return make_durable(count);
}

void Writer::stop(int os_errno) {
  MutexLock lock(mutex_);
  while (is_led_ || syncs_begun_ != syncs_ended_) progress_.wait(lock);
  if (!failure_) {
    fail(Error{ErrorKind::kEnvironment, os_errno,
               fmt::format("recording to '{}' was stopped", file_->name())});
  }
  const EntryIndex count = is_sync_trusted_ ? written_index_ : counted_index_;
  if (extension_ && extension_->stopped_errno == 0) {
    extension_->stopped_errno = static_cast<std::uint32_t>(os_errno);
    extension_->stopped_at_entry = written_index_;
  }
  lock.unlock();
  // Overwrites in place: it works on a full disk, and where it does not nothing can be said in the
  // log.
  if (file_->sync() && write_super_block(count)) (void)file_->sync();
}

Status Writer::close() {
  MutexLock lock(mutex_);
  if (is_closed_) return {};
  is_closed_ = true;
  while (is_led_ || syncs_begun_ != syncs_ended_) progress_.wait(lock);
  const EntryIndex count = written_index_;
  const bool is_stale = durable_index_ < count && is_sync_trusted_;
  const std::optional<Error> failure = failure_;
  const ByteOffset end = written_offset_;
  const ByteOffset allocated_end = allocated_end_;
  lock.unlock();
  if (failure) {
    // What stop() does, for on-log-error=fail.
    if (is_stale && file_->sync() && write_super_block(count)) (void)file_->sync();
    return Unexpected(*failure);
  }
  Status status = is_stale ? make_durable(count) : Status{};
  if (status && allocated_end > end) status = cut_at(end);
  return status;
}

Writer::Counters Writer::counters() const {
  const MutexLock lock(mutex_);
  return {written_index_, durable_index_, written_offset_, recovered_entries_};
}

std::optional<Error> Writer::failure() const {
  const MutexLock lock(mutex_);
  return failure_;
}

}  // namespace powercut::log
