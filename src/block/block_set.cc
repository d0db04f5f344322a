// SPDX-License-Identifier: Apache-2.0
#include "block/block_set.h"

#include <algorithm>
#include <bit>

namespace powercut {
namespace {

constexpr std::uint64_t kWordBits = 64;

// The bits of a word that stand for [begin, end), which reach into it.
std::uint64_t mask_of(std::uint64_t word_begin, std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t low = begin > word_begin ? begin - word_begin : 0;
  const std::uint64_t high = std::min(end - word_begin, kWordBits);
  const std::uint64_t below_high = high == kWordBits ? ~0ull : (1ull << high) - 1;
  return below_high & ~((1ull << low) - 1);
}

}  // namespace

bool BlockSet::is_full(std::uint64_t chunk) const {
  const auto behind = full_.upper_bound(chunk);
  return behind != full_.begin() && std::prev(behind)->second > chunk;
}

bool BlockSet::contains(std::uint64_t block) const {
  const std::uint64_t chunk = block / kChunkBlocks;
  if (const auto found = partial_.find(chunk); found != partial_.end()) {
    const std::uint64_t bit = block % kChunkBlocks;
    return (found->second[bit / kWordBits] >> bit % kWordBits & 1) != 0;
  }
  return is_full(chunk);
}

std::uint64_t BlockSet::run_end(std::uint64_t block, std::uint64_t end) const {
  const bool kind = contains(block);
  while (block < end) {
    const std::uint64_t chunk = block / kChunkBlocks;
    if (const auto found = partial_.find(chunk); found != partial_.end()) {
      // The next bit of the other kind in this chunk.
      for (std::uint64_t bit = block % kChunkBlocks; bit < kChunkBlocks;) {
        std::uint64_t word = found->second[bit / kWordBits];
        if (kind) word = ~word;
        word >>= bit % kWordBits;
        if (word != 0) {
          const auto at =
              chunk * kChunkBlocks + bit + static_cast<unsigned>(std::countr_zero(word));
          return std::min(at, end);
        }
        bit = (bit / kWordBits + 1) * kWordBits;
      }
      block = (chunk + 1) * kChunkBlocks;
      continue;
    }
    const auto behind = full_.upper_bound(chunk);
    const bool is_in_run = behind != full_.begin() && std::prev(behind)->second > chunk;
    if (is_in_run != kind) return std::min(block, end);
    std::uint64_t next = is_in_run               ? std::prev(behind)->second
                         : behind == full_.end() ? ~0ull / kChunkBlocks
                                                 : behind->first;
    if (!is_in_run) {
      const auto bitmap = partial_.lower_bound(chunk);
      if (bitmap != partial_.end()) next = std::min(next, bitmap->first);
    }
    block = next * kChunkBlocks;
  }
  return end;
}

void BlockSet::insert_part(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t chunk = begin / kChunkBlocks;
  if (is_full(chunk)) return;
  Bitmap& bitmap = partial_.try_emplace(chunk, Bitmap{}).first->second;
  const std::uint64_t chunk_begin = chunk * kChunkBlocks;
  bool is_whole = true;
  for (std::uint64_t i = 0; i < bitmap.size(); ++i) {
    const std::uint64_t word_begin = chunk_begin + i * kWordBits;
    if (begin < word_begin + kWordBits && end > word_begin) {
      const std::uint64_t added = mask_of(word_begin, begin, end) & ~bitmap[i];
      bitmap[i] |= added;
      size_ += static_cast<unsigned>(std::popcount(added));
    }
    is_whole &= bitmap[i] == ~0ull;
  }
  if (!is_whole) return;
  size_ -= kChunkBlocks;  // insert_chunks counts them
  partial_.erase(chunk);
  insert_chunks(chunk, chunk + 1);
}

void BlockSet::insert_chunks(std::uint64_t begin, std::uint64_t end) {
  for (auto bitmap = partial_.lower_bound(begin);
       bitmap != partial_.end() && bitmap->first < end;) {
    for (const std::uint64_t word : bitmap->second)
      size_ -= static_cast<unsigned>(std::popcount(word));
    bitmap = partial_.erase(bitmap);
  }
  // Runs that it overlaps or touches become one with it.
  auto run = full_.upper_bound(begin);
  if (run != full_.begin() && std::prev(run)->second >= begin) --run;
  std::uint64_t joined_begin = begin;
  std::uint64_t joined_end = end;
  while (run != full_.end() && run->first <= end) {
    size_ -= (run->second - run->first) * kChunkBlocks;
    joined_begin = std::min(joined_begin, run->first);
    joined_end = std::max(joined_end, run->second);
    run = full_.erase(run);
  }
  full_[joined_begin] = joined_end;
  size_ += (joined_end - joined_begin) * kChunkBlocks;
}

void BlockSet::insert(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t first_whole = (begin + kChunkBlocks - 1) / kChunkBlocks;
  const std::uint64_t behind_whole = end / kChunkBlocks;
  if (first_whole > behind_whole) {
    if (begin < end) insert_part(begin, end);
    return;
  }
  if (begin < first_whole * kChunkBlocks) insert_part(begin, first_whole * kChunkBlocks);
  if (first_whole < behind_whole) insert_chunks(first_whole, behind_whole);
  if (behind_whole * kChunkBlocks < end) insert_part(behind_whole * kChunkBlocks, end);
}

void BlockSet::clear() {
  partial_.clear();
  full_.clear();
  size_ = 0;
}

}  // namespace powercut
