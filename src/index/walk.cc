// SPDX-License-Identifier: Apache-2.0
#include "index/walk.h"

#include <algorithm>

namespace powercut::index {
namespace {

// So many lists are sooner merged than a segment gone through.
constexpr std::size_t kMaxLists = 1024;

}  // namespace

Status ExtentWalk::walk(Sector begin, Sector end) {
  done_ = begin;
  POWERCUT_TRY_STATUS(walk(segments_.size(), begin, end));
  // What was to be given out last may go on behind the damage.
  return is_stopped_ ? Status{} : give_out();
}

Status ExtentWalk::walk(std::size_t nr_segments, Sector begin, Sector end) {
  while (nr_segments > 0 && segments_[nr_segments - 1]->first_entry() >= limit_) --nr_segments;
  if (nr_segments == 0 || segments_[nr_segments - 1]->end_entry() <= since_) {
    return add({{begin * sector_size_, end * sector_size_}});
  }
  const Segment& segment = *segments_[nr_segments - 1];
  std::vector<Piece> pieces;
  for (Sector at = begin; at < end;) {
    pieces.clear();
    at = segment.look_up(at, end, since_, limit_, pieces);
    for (const Piece& piece : pieces) {
      const auto extent = piece.entry ? std::optional(extent_of(segment, piece)) : std::nullopt;
      // Also what it says has no owner could be wrong.
      is_stopped_ |= segment.is_damaged();
      if (is_stopped_) return {};
      POWERCUT_TRY_STATUS(extent ? add(*extent) : walk(nr_segments - 1, piece.begin, piece.end));
      if (is_stopped_) return {};
    }
  }
  return {};
}

Extent ExtentWalk::extent_of(const Segment& segment, const Piece& piece) const {
  const EntrySummary entry = segment.entry(*piece.entry);
  Extent extent{{piece.begin * sector_size_, piece.end * sector_size_}};
  extent.entry = *piece.entry;
  extent.source = entry.reads_as_zeroes ? Extent::Source::kZeroes : Extent::Source::kPayload;
  if (!entry.reads_as_zeroes) {
    const Sector header = 1;
    extent.log_offset = entry.log_offset + (header + piece.begin - entry.sector) * sector_size_;
  }
  return extent;
}

// Neighbours that continue one another become one.
Status ExtentWalk::add(const Extent& extent) {
  if (last_ && last_->range.end == extent.range.begin && last_->source == extent.source &&
      last_->entry == extent.entry) {
    last_->range.end = extent.range.end;
    return {};
  }
  POWERCUT_TRY_STATUS(give_out());
  last_ = extent;
  return {};
}

Status ExtentWalk::give_out() {
  if (!last_) return {};
  POWERCUT_TRY_STATUS(sink_(*last_));
  done_ = last_->range.end / sector_size_;
  last_.reset();
  return {};
}

Candidates::Candidates(const Segment& segment, Sector begin, Sector end, EntryIndex from,
                       EntryIndex to)
    : segment_(segment),
      next_(std::max(from, segment.first_entry())),
      to_(std::min(to, segment.end_entry())) {
  const auto lists = segment.lists(begin, end, kMaxLists);
  is_all_ = !lists;
  if (is_all_) return;
  for (const auto& list : *lists) push(segment.skip(list, next_));
}

void Candidates::push(const Segment::References& list) {
  if (list.begin < list.end) heads_.push({segment_.reference(list, list.begin), list});
}

std::optional<EntryIndex> Candidates::next() {
  if (is_all_) return next_ < to_ ? std::optional(next_++) : std::nullopt;
  while (!heads_.empty()) {
    auto [entry, list] = heads_.top();
    heads_.pop();
    ++list.begin;
    push(list);
    // One stands in several lists.
    if (entry < next_) continue;
    next_ = entry + 1;
    return entry < to_ ? std::optional(entry) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace powercut::index
