// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "io/file.h"

namespace powercut::log {

// Reads all of a part of a file, in chunks, by two threads: the caller's and one that is ahead of
// it by up to kChunks. That takes kChunks * kChunkBytes of memory. For one caller, whose offsets
// never go back.
class ReadAhead {
 public:
  static constexpr ByteCount kChunkBytes = 256 * kKiB;
  static constexpr std::uint64_t kChunks = 4;

  // From `begin` to the end of the last whole chunk before `end`. The file outlives this.
  ReadAhead(const File& file, ByteOffset begin, ByteOffset end);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  struct Chunk {
    ByteOffset offset = 0;
    ConstBytes bytes;
  };
  // The chunk in which `offset` lies, until the next call. Where that could not be read, or lies
  // outside, `bytes` is empty, and the caller sees by reading what the matter is.
  [[nodiscard]] Chunk chunk_at(ByteOffset offset);

 private:
  struct Slot {
    std::vector<std::byte> buffer;
    std::uint64_t number =
        ~std::uint64_t{0};  // of the chunk that it holds, or that is read into it
    bool is_being_read = false;
    bool is_whole = false;
  };

  void run();
  [[nodiscard]] bool can_read_next() const POWERCUT_REQUIRES(mutex_);
  // Lets go of the mutex meanwhile.
  void read_next() POWERCUT_REQUIRES(mutex_);

  const File& file_;
  const ByteOffset begin_;
  const std::uint64_t nr_chunks_;

  Mutex mutex_;
  CondVar changed_;
  std::array<Slot, kChunks> slots_ POWERCUT_GUARDED_BY(mutex_);  // chunk n is in slot n % kChunks
  std::uint64_t first_ POWERCUT_GUARDED_BY(mutex_) = 0;          // the caller's chunk
  std::uint64_t next_ POWERCUT_GUARDED_BY(mutex_) = 0;  // the first that nobody has begun to read
  bool is_stopping_ POWERCUT_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace powercut::log
