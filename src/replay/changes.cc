// SPDX-License-Identifier: Apache-2.0
#include "replay/changes.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "base/check.h"

namespace powercut::replay {
namespace {

constexpr ByteCount kChunk = 1 * kMiB;

// Makes one of ranges that touch.
class Joiner {
 public:
  explicit Joiner(const RangeSink& sink) : sink_(sink) {}

  Status add(ByteRange range) {
    if (joined_ && joined_->end == range.begin) {
      joined_->end = range.end;
      return {};
    }
    POWERCUT_TRY_STATUS(finish());
    joined_ = range;
    return {};
  }
  Status finish() {
    if (!joined_) return {};
    const ByteRange range = *joined_;
    joined_.reset();
    return sink_(range);
  }

 private:
  const RangeSink& sink_;
  std::optional<ByteRange> joined_;
};

}  // namespace

Status changed_ranges(const index::LogIndex& index, ByteCount size_bytes, EntryIndex a,
                      EntryIndex b, const RangeSink& sink) {
  Joiner joiner(sink);
  const ByteRange device{0, align_down(size_bytes, index.sector_size())};
  POWERCUT_TRY_STATUS(
      index.changes(device, std::min(a, b), std::max(a, b),
                    [&](const index::Extent& extent) { return joiner.add(extent.range); }));
  return joiner.finish();
}

Status differing_ranges(BlockDevice& left, BlockDevice& right, ByteRange range, ByteCount unit,
                        const RangeSink& sink) {
  POWERCUT_CHECK(is_power_of_two(unit) && unit <= kChunk);
  std::vector<std::byte> left_bytes(std::min(kChunk, range.size()));
  std::vector<std::byte> right_bytes(left_bytes.size());
  Joiner joiner(sink);
  for (ByteOffset at = range.begin; at < range.end;) {
    const ByteOffset end = std::min(range.end, align_down(at + kChunk, unit));
    const auto a = MutableBytes(left_bytes).first(end - at);
    const auto b = MutableBytes(right_bytes).first(end - at);
    POWERCUT_TRY_STATUS(read_unaligned(left, at, a));
    POWERCUT_TRY_STATUS(read_unaligned(right, at, b));
    const bool is_same = std::memcmp(a.data(), b.data(), a.size()) == 0;
    for (ByteOffset begin = at; !is_same && begin < end;) {
      const ByteOffset unit_end = std::min(end, align_down(begin, unit) + unit);
      if (std::memcmp(&a[begin - at], &b[begin - at], unit_end - begin) != 0)
        POWERCUT_TRY_STATUS(joiner.add({begin, unit_end}));
      begin = unit_end;
    }
    at = end;
  }
  return joiner.finish();
}

}  // namespace powercut::replay
