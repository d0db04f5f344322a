// SPDX-License-Identifier: Apache-2.0
#include "state/instant_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace powercut::state {
namespace {

// Payloads that stand so close behind one another in the log are read together, with the headers
// between them.
constexpr ByteCount kLargestGapBytes = 8 * kKiB;
constexpr ByteCount kLargestSpanBytes = 256 * kKiB;
// next_data() need not look for the end of data that is longer.
constexpr ByteCount kEnoughDataBytes = 4 * kMiB;

}  // namespace

// Puts what is read of the device together from extents in rising order. Payloads are not read one by
// one, but as many at once as lie close together.
class InstantView::Gather {
 public:
  Gather(const InstantView& view, ByteOffset offset, MutableBytes buffer)
      : view_(view), offset_(offset), buffer_(buffer) {}

  [[nodiscard]] Status add(const index::Extent& extent, bool is_noise) {
    const ByteOffset begin = std::max(extent.range.begin, offset_);
    const ByteOffset end = std::min(extent.range.end, offset_ + buffer_.size());
    const MutableBytes part = buffer_.subspan(begin - offset_, end - begin);
    if (is_noise) {
      fill_with_noise(view_.discard_.seed, extent.entry, begin, part);
      return {};
    }
    switch (extent.source) {
      case index::Extent::Source::kInitial:
        return view_.read_initial(begin, part);
      case index::Extent::Source::kZeroes:
        std::fill(part.begin(), part.end(), std::byte{0});
        return {};
      case index::Extent::Source::kPayload:
        break;
    }
    const ByteOffset at = extent.log_offset + (begin - extent.range.begin);
    const bool continues = !pieces_.empty() && at >= span_.end &&
                           at - span_.end <= kLargestGapBytes &&
                           at + part.size() - span_.begin <= kLargestSpanBytes;
    if (!continues) POWERCUT_TRY_STATUS(finish());
    if (pieces_.empty()) span_.begin = at;
    span_.end = at + part.size();
    pieces_.push_back({at, part, extent.entry});
    return {};
  }

  // Reads what has been put off.
  [[nodiscard]] Status finish() {
    if (pieces_.empty()) return {};
    const Status status =
        pieces_.size() == 1 ? read_log(span_.begin, pieces_.front().part) : read_together();
    if (!status) {
      return with_context(status.error(), fmt::format("'{}', entry {}", view_.index_->log()->name(),
                                                      pieces_.front().entry));
    }
    pieces_.clear();
    return {};
  }

 private:
  struct Piece {
    ByteOffset log_offset;
    MutableBytes part;
    EntryIndex entry;
  };

  [[nodiscard]] Status read_log(ByteOffset offset, MutableBytes buffer) const {
    return read_exactly(*view_.index_->log(), offset, buffer);
  }
  [[nodiscard]] Status read_together() const {
    thread_local std::vector<std::byte> scratch;
    scratch.resize(std::max<std::size_t>(scratch.size(), span_.size()));
    POWERCUT_TRY_STATUS(read_log(span_.begin, MutableBytes(scratch).first(span_.size())));
    for (const Piece& piece : pieces_) {
      const auto from =
          scratch.begin() + static_cast<std::ptrdiff_t>(piece.log_offset - span_.begin);
      std::copy_n(from, piece.part.size(), piece.part.begin());
    }
    return {};
  }

  const InstantView& view_;
  const ByteOffset offset_;
  const MutableBytes buffer_;
  std::vector<Piece> pieces_;
  ByteRange span_;  // of the log, from the first piece to the last
};

InstantView::InstantView(std::shared_ptr<const index::LogIndex> index, EntryIndex entries,
                         ByteCount size_bytes, std::shared_ptr<BlockDevice> base,
                         DiscardPolicy discard)
    : index_(std::move(index)),
      entries_(entries),
      size_bytes_(size_bytes),
      base_(std::move(base)),
      base_size_bytes_(base_ != nullptr ? base_->size_bytes() : 0),
      discard_(discard),
      name_(fmt::format("{} at entry:{}", index_->log()->name(), entries)) {
  POWERCUT_CHECK(entries <= index_->nr_entries());
}

Status InstantView::look_up(ByteRange range, EntryIndex limit, const Sink& sink) const {
  return index_->look_up(range, limit, [&](const index::Extent& extent) -> Status {
    if (extent.source != index::Extent::Source::kZeroes ||
        discard_.kind == DiscardPolicy::Kind::kZeroes) {
      return sink(extent, false);
    }
    const auto entry = POWERCUT_TRY(index_->entry(extent.entry));
    if (!entry.is_discard()) return sink(extent, false);
    if (discard_.kind == DiscardPolicy::Kind::kRandom) return sink(extent, true);
    return look_up(extent.range, extent.entry, sink);
  });
}

Status InstantView::read(ByteOffset offset, MutableBytes buffer) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
  if (buffer.empty()) return {};
  const std::uint32_t sector_size = index_->sector_size();
  Gather gather(*this, offset, buffer);
  POWERCUT_TRY_STATUS(look_up(
      {align_down(offset, sector_size), align_up(offset + buffer.size(), sector_size)},
      [&](const index::Extent& extent, bool is_noise) { return gather.add(extent, is_noise); }));
  return gather.finish();
}

Status InstantView::read_initial(ByteOffset offset, MutableBytes buffer) const {
  const ByteCount in_base =
      std::min<ByteCount>(buffer.size(), base_size_bytes_ - std::min(offset, base_size_bytes_));
  if (in_base > 0) POWERCUT_TRY_STATUS(read_unaligned(*base_, offset, buffer.first(in_base)));
  const MutableBytes behind = buffer.subspan(in_base);
  std::fill(behind.begin(), behind.end(), std::byte{0});
  return {};
}

Result<std::optional<ByteRange>> InstantView::data_in(const index::Extent& extent,
                                                      bool is_noise) const {
  using Source = index::Extent::Source;
  if (is_noise) return extent.range;
  if (extent.source == Source::kZeroes) return std::nullopt;
  if (extent.source == Source::kPayload) return extent.range;
  if (extent.range.begin >= base_size_bytes_) return std::nullopt;
  auto data = POWERCUT_TRY(base_->next_data(extent.range.begin));
  if (!data || data->begin >= extent.range.end) return std::nullopt;
  return ByteRange{std::max(data->begin, extent.range.begin),
                   std::min(data->end, extent.range.end)};
}

Result<std::optional<ByteRange>> InstantView::next_data(ByteOffset offset) {
  if (offset >= size_bytes_) return std::nullopt;
  const std::uint32_t sector_size = index_->sector_size();
  std::optional<ByteRange> found;
  bool is_done = false;
  const auto look = [&](index::Extent extent, bool is_noise) -> Status {
    extent.range.begin = std::max(extent.range.begin, offset);
    extent.range.end = std::min(extent.range.end, size_bytes_);
    const auto data = POWERCUT_TRY(data_in(extent, is_noise));
    if (data && !found) found = *data;
    if (data && data->begin == found->end) found->end = data->end;
    is_done = found && (found->end < extent.range.end || found->size() >= kEnoughDataBytes);
    // The one way to end the walk.
    return is_done ? Status(environment_error("enough")) : Status();
  };
  const Status status =
      look_up({align_down(offset, sector_size), align_up(size_bytes_, sector_size)}, look);
  if (!status && !is_done) return tl::unexpected(status.error());
  return found;
}

}  // namespace powercut::state
