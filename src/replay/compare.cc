// SPDX-License-Identifier: Apache-2.0
#include "replay/compare.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace powercut::replay {
namespace {

constexpr std::size_t kChunkSize = 1 * kMiB;

// Where a device may hold data at or behind an offset; remembers the last answer.
class Extents {
 public:
  explicit Extents(BlockDevice& device) : device_(device) {}

  // At or behind `offset`; the device's end if there is none.
  Result<ByteOffset> next(ByteOffset offset) {
    if (offset < asked_ || offset >= extent_.end) {
      const auto extent = POWERCUT_TRY(device_.next_data(offset));
      extent_ = extent.value_or(ByteRange{device_.size_bytes(), device_.size_bytes()});
      asked_ = offset;
    }
    return std::max(extent_.begin, offset);
  }

 private:
  BlockDevice& device_;
  ByteOffset asked_ = 0;  // what is between here and extent_ is a hole
  ByteRange extent_;
};

class Comparer {
 public:
  Comparer(BlockDevice& left, BlockDevice& right, const CompareOptions& options)
      : left_(left),
        right_(right),
        options_(options),
        left_bytes_(kChunkSize),
        right_bytes_(kChunkSize) {}

  Result<Comparison> run(ByteCount size_bytes) {
    POWERCUT_CHECK(options_.block_size > 0 && kChunkSize % options_.block_size == 0);
    Extents left_extents(left_);
    Extents right_extents(right_);
    result_.compared_bytes = size_bytes;
    for (ByteOffset at = 0; at < size_bytes;) {
      const ByteOffset data =
          std::min(POWERCUT_TRY(left_extents.next(at)), POWERCUT_TRY(right_extents.next(at)));
      // Chunks begin where no block or request of either device is cut.
      at = std::max(at, align_down(data, kChunkSize));
      if (at >= size_bytes) break;
      const ByteCount length = std::min<ByteCount>(kChunkSize - at % kChunkSize, size_bytes - at);
      POWERCUT_TRY_STATUS(compare_chunk(at, length));
      at += length;
      if (options_.progress) options_.progress(at);
    }
    return std::move(result_);
  }

 private:
  Status compare_chunk(ByteOffset at, ByteCount length) {
    const auto left = MutableBytes(left_bytes_).first(length);
    const auto right = MutableBytes(right_bytes_).first(length);
    POWERCUT_TRY_STATUS(left_.read(at, left));
    POWERCUT_TRY_STATUS(right_.read(at, right));
    if (std::memcmp(left.data(), right.data(), length) == 0) return {};
    for (ByteCount begin = 0; begin < length; begin += options_.block_size) {
      const ByteCount size = std::min<ByteCount>(options_.block_size, length - begin);
      if (std::memcmp(&left[begin], &right[begin], size) == 0) continue;
      add_block({at + begin, at + begin + size}, left.subspan(begin, size),
                right.subspan(begin, size));
    }
    return {};
  }

  void add_block(ByteRange block, ConstBytes left, ConstBytes right) {
    ++result_.differing_blocks;
    const bool continues = result_.differing_ranges > 0 && last_end_ == block.begin;
    last_end_ = block.end;
    if (continues) {
      if (result_.differing_ranges == result_.differences.size())
        result_.differences.back().range.end = block.end;
      return;
    }
    ++result_.differing_ranges;
    if (result_.differences.size() >= options_.max_differences) return;
    const auto byte = static_cast<std::size_t>(
        std::distance(left.begin(), std::mismatch(left.begin(), left.end(), right.begin()).first));
    result_.differences.push_back(
        {block, block.begin + byte, left[byte], right[byte], std::nullopt});
  }

  BlockDevice& left_;
  BlockDevice& right_;
  const CompareOptions& options_;
  std::vector<std::byte> left_bytes_;
  std::vector<std::byte> right_bytes_;
  ByteOffset last_end_ = 0;  // of the last differing block
  Comparison result_;
};

}  // namespace

Result<Comparison> compare(BlockDevice& left, BlockDevice& right, ByteCount size_bytes,
                           const CompareOptions& options) {
  return Comparer(left, right, options).run(size_bytes);
}

Status find_last_writers(log::Reader& reader, EntryIndex from, EntryIndex to, bool with_discards,
                         std::vector<Difference>& differences) {
  if (differences.empty()) return {};
  reader.seek(0, reader.sector_size());
  while (reader.position() < to) {
    const auto entry = reader.next();
    if (!entry) return to_status(reader.ending());
    if (entry->index < from || entry->is_mark() || (entry->is_discard() && !with_discards))
      continue;
    const ByteRange range = entry->device_range();
    for (Difference& difference : differences) {
      if (range.begin <= difference.first_byte && difference.first_byte < range.end) {
        difference.last_writer = *entry;
      }
    }
  }
  return {};
}

Status find_last_writers(const state::LogView& view, const index::LogIndex& index,
                         std::vector<Difference>& differences) {
  const std::uint32_t sector_size = index.sector_size();
  log::Reader reader(*index.log(), index.super_block(), 0, {});
  for (Difference& difference : differences) {
    const ByteOffset begin = align_down(difference.first_byte, sector_size);
    const auto look = [&](const index::Extent& extent, bool) -> Status {
      if (extent.source == index::Extent::Source::kInitial) return {};
      const auto summary = POWERCUT_TRY(index.entry(extent.entry));
      reader.seek(extent.entry, summary.log_offset);
      difference.last_writer = reader.next();
      return difference.last_writer ? Status() : to_status(reader.ending());
    };
    POWERCUT_TRY_STATUS(view.look_up({begin, begin + sector_size}, look));
  }
  return {};
}

}  // namespace powercut::replay
