// SPDX-License-Identifier: Apache-2.0
#include "state/crash_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace powercut::state {
namespace {

bool has_unit(const std::vector<NumberRange>& units, std::uint64_t unit) {
  const auto at = std::upper_bound(
      units.begin(), units.end(), unit,
      [](std::uint64_t number, const NumberRange& range) { return number < range.first; });
  return at != units.begin() && unit <= std::prev(at)->last;
}

index::Extent extent_of(const CrashPiece& piece, ByteRange part) {
  if (piece.source != CrashPiece::Source::kPayload)
    return {part, index::Extent::Source::kZeroes, piece.entry, 0};
  return {part, index::Extent::Source::kPayload, piece.entry,
          piece.log_offset + (part.begin - piece.range.begin)};
}

bool continues(const CrashPiece& a, const CrashPiece& b) {
  return a.range.end == b.range.begin && a.entry == b.entry;
}

}  // namespace

GroupMap::GroupMap(std::shared_ptr<const CrashGroup> group, ByteCount unit_bytes,
                   DiscardPolicy discard)
    : group_(std::move(group)) {
  cut(discard, [&](std::size_t i) { return group_->entries[i].is_must ? 0 : unit_bytes; });
}

GroupMap::GroupMap(const CrashState& state) : group_(state.group) {
  std::vector<bool> is_torn(group_->entries.size());
  for (const auto& tear : state.choice.torn) is_torn[group_->may[tear.may]] = true;
  cut(state.discard, [&](std::size_t i) { return is_torn[i] ? state.unit_bytes : 0; });
}

void GroupMap::cut(const DiscardPolicy& discard,
                   const std::function<ByteCount(std::size_t)>& unit_of) {
  const auto& entries = group_->entries;
  number_in_may_.resize(entries.size());
  for (std::size_t i = 0; i < group_->may.size(); ++i) number_in_may_[group_->may[i]] = i;
  const auto is_left_out = [&](const GroupEntry& entry) {
    return entry.is_discard && discard.kind == DiscardPolicy::Kind::kStale;
  };
  std::vector<ByteOffset> edges;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (is_left_out(entries[i])) continue;
    const auto& [begin, end] = entries[i].range;
    edges.push_back(begin);
    edges.push_back(end);
    const ByteCount unit = unit_of(i);
    for (ByteOffset at = unit == 0 ? end : align_down(begin, unit) + unit; at < end; at += unit)
      edges.push_back(at);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  // Gaps between writes become segments without writers, which go.
  std::vector<Segment> segments(edges.empty() ? 0 : edges.size() - 1);
  for (std::size_t i = 0; i < segments.size(); ++i) segments[i].range = {edges[i], edges[i + 1]};
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (is_left_out(entries[i])) continue;
    const auto first = std::lower_bound(edges.begin(), edges.end(), entries[i].range.begin);
    for (auto at = static_cast<std::size_t>(first - edges.begin());
         at < segments.size() && segments[at].range.begin < entries[i].range.end; ++at) {
      segments[at].writers.push_back(static_cast<std::uint32_t>(i));
    }
  }
  for (auto& segment : segments) {
    if (!segment.writers.empty()) segments_.push_back(std::move(segment));
  }
}

void GroupMap::winners(const CrashState& state, const Sink& sink) const {
  const Choice& choice = state.choice;
  std::vector<const Choice::Tear*> tears(choice.torn.empty() ? 0 : choice.kept.size());
  for (const auto& tear : choice.torn) tears[tear.may] = &tear;
  const auto persists = [&](std::size_t i, const ByteRange& range) {
    const GroupEntry& entry = group_->entries[i];
    if (entry.is_must) return true;
    const std::size_t may = number_in_may_[i];
    if (tears.empty() || tears[may] == nullptr) return bool{choice.kept[may]};
    const std::uint64_t unit =
        range.begin / state.unit_bytes - entry.range.begin / state.unit_bytes;
    return has_unit(tears[may]->units, unit);
  };
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const auto& [range, writers] = segments_[i];
    std::size_t behind = writers.size();
    while (behind > 0 && !persists(writers[behind - 1], range)) --behind;
    sink(i, behind > 0 ? std::optional(behind - 1) : std::nullopt);
  }
}

CrashPiece piece_of(const GroupEntry& entry, const ByteRange& range, const DiscardPolicy& discard) {
  CrashPiece piece{.range = range, .entry = entry.entry};
  if (entry.is_discard && discard.kind == DiscardPolicy::Kind::kRandom) {
    piece.source = CrashPiece::Source::kNoise;
  } else if (!entry.reads_as_zeroes) {
    piece.source = CrashPiece::Source::kPayload;
    piece.log_offset = entry.log_offset + (range.begin - entry.range.begin);
  }
  return piece;
}

Status read_piece(const CrashPiece& piece, const File& log, const DiscardPolicy& discard,
                  ByteOffset offset, MutableBytes buffer) {
  switch (piece.source) {
    case CrashPiece::Source::kZeroes:
      std::fill(buffer.begin(), buffer.end(), std::byte{0});
      return {};
    case CrashPiece::Source::kNoise:
      fill_with_noise(discard.seed, piece.entry, offset, buffer);
      return {};
    case CrashPiece::Source::kPayload:
      break;
  }
  const Status status = read_exactly(log, piece.log_offset + (offset - piece.range.begin), buffer);
  if (status) return {};
  return with_context(status.error(), fmt::format("'{}', entry {}", log.name(), piece.entry));
}

CrashView::CrashView(std::shared_ptr<const File> log, std::shared_ptr<LogView> base,
                     const CrashState& state, const GroupMap& map, std::string name)
    : log_(std::move(log)),
      base_(std::move(base)),
      discard_(state.discard),
      name_(std::move(name)) {
  map.winners(state, [&](std::size_t segment, std::optional<std::size_t> writer) {
    if (!writer) return;
    const auto& [range, writers] = map.segments()[segment];
    const CrashPiece piece = piece_of(map.group().entries[writers[*writer]], range, discard_);
    POWERCUT_CHECK(range.end <= base_->size_bytes());
    if (!pieces_.empty() && continues(pieces_.back(), piece)) {
      pieces_.back().range.end = range.end;
    } else {
      pieces_.push_back(piece);
    }
  });
}

CrashView::Pieces::const_iterator CrashView::piece_at(ByteOffset offset) const {
  return std::upper_bound(
      pieces_.begin(), pieces_.end(), offset,
      [](ByteOffset at, const CrashPiece& piece) { return at < piece.range.end; });
}

Status CrashView::read(ByteOffset offset, MutableBytes buffer) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
  const ByteOffset end = offset + buffer.size();
  auto piece = piece_at(offset);
  for (ByteOffset at = offset; at < end;) {
    const bool is_in_piece = piece != pieces_.end() && piece->range.begin <= at;
    const ByteOffset edge = piece == pieces_.end() ? end
                            : is_in_piece          ? piece->range.end
                                                   : piece->range.begin;
    const ByteOffset next = std::min(end, edge);
    const MutableBytes part = buffer.subspan(at - offset, next - at);
    POWERCUT_TRY_STATUS(is_in_piece ? read_piece(*piece, *log_, discard_, at, part)
                                    : base_->read(at, part));
    if (is_in_piece) ++piece;
    at = next;
  }
  return {};
}

Result<std::optional<ByteRange>> CrashView::next_data(ByteOffset offset) {
  auto piece = piece_at(offset);
  for (ByteOffset at = offset; at < size_bytes();) {
    if (piece != pieces_.end() && piece->range.begin <= at) {
      if (piece->source != CrashPiece::Source::kZeroes) return ByteRange{at, piece->range.end};
      at = piece->range.end;
      ++piece;
      continue;
    }
    const ByteOffset gap_end = piece == pieces_.end() ? size_bytes() : piece->range.begin;
    const auto data = POWERCUT_TRY(base_->next_data(at));
    if (data && data->begin < gap_end) return ByteRange{data->begin, std::min(data->end, gap_end)};
    at = gap_end;
  }
  return std::nullopt;
}

Status CrashView::look_up(ByteRange range, const Sink& sink) const {
  auto piece = piece_at(range.begin);
  for (ByteOffset at = range.begin; at < range.end;) {
    const ByteOffset piece_begin = piece == pieces_.end() ? range.end : piece->range.begin;
    if (at < piece_begin) {
      const ByteRange gap{at, std::min(range.end, piece_begin)};
      POWERCUT_TRY_STATUS(base_->look_up(gap, sink));
      at = gap.end;
      continue;
    }
    const ByteRange part{at, std::min(range.end, piece->range.end)};
    POWERCUT_TRY_STATUS(sink(extent_of(*piece, part), piece->source == CrashPiece::Source::kNoise));
    at = part.end;
    ++piece;
  }
  return {};
}

}  // namespace powercut::state
