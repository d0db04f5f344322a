// SPDX-License-Identifier: Apache-2.0
#include "log/read_ahead.h"

#include <algorithm>

#include "base/check.h"

namespace powercut::log {

ReadAhead::ReadAhead(const File& file, ByteOffset begin, ByteOffset end)
    : file_(file), begin_(begin), nr_chunks_(end > begin ? (end - begin) / kChunkBytes : 0) {
  thread_ = std::thread([this] { run(); });
}

ReadAhead::~ReadAhead() {
  {
    const MutexLock lock(mutex_);
    is_stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

bool ReadAhead::can_read_next() const {
  return next_ < std::min(first_ + kChunks, nr_chunks_) && !slots_[next_ % kChunks].is_being_read;
}

void ReadAhead::read_next() {
  const std::uint64_t number = next_++;
  Slot& slot = slots_[number % kChunks];
  slot.number = number;
  slot.is_being_read = true;
  slot.buffer.resize(kChunkBytes);
  const MutableBytes buffer = slot.buffer;
  mutex_.unlock();
  const auto got = file_.read_at(begin_ + number * kChunkBytes, buffer);
  mutex_.lock();
  slot.is_being_read = false;
  slot.is_whole = got && *got == kChunkBytes;
  changed_.notify_all();
}

// What the other thread is reading is not waited for as long as there is something else to be read.
ReadAhead::Chunk ReadAhead::chunk_at(ByteOffset offset) {
  const std::uint64_t wanted = (offset - begin_) / kChunkBytes;
  if (offset < begin_ || wanted >= nr_chunks_) return {};
  MutexLock lock(mutex_);
  POWERCUT_CHECK(wanted >= first_);
  first_ = wanted;
  next_ = std::max(next_, first_);
  changed_.notify_all();
  const Slot& slot = slots_[wanted % kChunks];
  while (slot.number != wanted || slot.is_being_read) {
    if (can_read_next()) {
      read_next();
    } else {
      changed_.wait(lock);
    }
  }
  if (!slot.is_whole) return {};
  return {begin_ + wanted * kChunkBytes, slot.buffer};
}

void ReadAhead::run() {
  MutexLock lock(mutex_);
  while (!is_stopping_) {
    if (can_read_next()) {
      read_next();
    } else {
      changed_.wait(lock);
    }
  }
}

}  // namespace powercut::log
