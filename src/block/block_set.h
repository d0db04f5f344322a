// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

namespace powercut {

// A set of block numbers that may be far apart and come in long runs. Blocks are kept by chunks of
// kChunkBlocks: a chunk of which some are in the set is a bitmap; chunks that are wholly in it are
// only counted, run by run. So an empty set takes nothing, one that holds everything next to
// nothing, and any other at most about 120 bytes for each chunk that it touches: 3 % of what blocks
// of 4 KiB hold where they are all alone, and never more than 1/17000 of the device.
// Not thread-safe.
class BlockSet {
 public:
  static constexpr std::uint64_t kChunkBlocks = 512;

  [[nodiscard]] bool contains(std::uint64_t block) const;
  // The end of the run of blocks from `block` on that are all in the set or all not, at most `end`.
  [[nodiscard]] std::uint64_t run_end(std::uint64_t block, std::uint64_t end) const;
  // [begin, end)
  void insert(std::uint64_t begin, std::uint64_t end);
  void clear();
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // How many bitmaps there are, and how many runs of whole chunks.
  [[nodiscard]] std::size_t nr_pieces() const { return partial_.size() + full_.size(); }

 private:
  using Bitmap = std::array<std::uint64_t, kChunkBlocks / 64>;
  [[nodiscard]] bool is_full(std::uint64_t chunk) const;
  // [begin, end) is a part of one chunk.
  void insert_part(std::uint64_t begin, std::uint64_t end);
  void insert_chunks(std::uint64_t begin, std::uint64_t end);

  std::map<std::uint64_t, Bitmap> partial_;
  std::map<std::uint64_t, std::uint64_t> full_;  // runs of chunks, begin to end; none touch
  std::uint64_t size_ = 0;
};

}  // namespace powercut
