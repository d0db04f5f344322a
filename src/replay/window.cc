// SPDX-License-Identifier: Apache-2.0
#include "replay/window.h"

#include <algorithm>
#include <numeric>
#include <queue>

namespace powercut::replay {
namespace {

// Less than one byte in so many that is written over is not worth looking for, nor worth leaving
// the order of the log for.
constexpr ByteCount kWorthDropping = 10;
// Places are looked up in a table as long as it has no more than so many for each piece: then that
// is much quicker than to sort the pieces.
constexpr std::uint64_t kPlacesPerPiece = 16;

using Pieces = std::vector<Piece>;
using Number = std::uint32_t;

// A winner of a place, and the one after it, if they are one piece of work.
bool join(Piece& last, const Piece& next) {
  if (last.device.end != next.device.begin) return false;
  const bool are_zeroes = !last.log_offset && !next.log_offset;
  const bool continues = last.log_offset && next.log_offset && last.entry == next.entry &&
                         *last.log_offset + last.device.size() == *next.log_offset;
  if (are_zeroes || continues) last.device.end = next.device.end;
  return are_zeroes || continues;
}

Piece part_of(const Piece& piece, ByteRange range) {
  Piece part{piece.entry, range, piece.log_offset};
  if (part.log_offset) *part.log_offset += range.begin - piece.device.begin;
  return part;
}

// The ends of all pieces are multiples of `unit`, and none lies outside `all`.
struct Places {
  ByteRange all;
  ByteCount unit = 1;
  std::uint64_t total = 0;  // of all pieces, in units

  explicit Places(const Pieces& pieces) {
    ByteOffset bits = 0;
    ByteCount bytes = 0;
    all = pieces.empty() ? ByteRange{} : pieces.front().device;
    for (const Piece& piece : pieces) {
      bits |= piece.device.begin | piece.device.end;
      all.begin = std::min(all.begin, piece.device.begin);
      all.end = std::max(all.end, piece.device.end);
      bytes = checked_add(bytes, piece.device.size()).value_or(~ByteCount{0});
    }
    if (bits != 0) unit = bits & (~bits + 1);
    total = bytes / unit;
  }
  [[nodiscard]] std::uint64_t span() const { return all.size() / unit; }
};

// Writes down for each place, in the order of the log, which piece was the last one there.
Pieces winners_by_table(const Pieces& pieces, const Places& places) {
  const auto place_of = [&](ByteOffset at) {
    return static_cast<std::ptrdiff_t>((at - places.all.begin) / places.unit);
  };
  std::vector<Number> last(places.span());  // counted from one
  for (Number i = 0; i < pieces.size(); ++i) {
    std::fill(last.begin() + place_of(pieces[i].device.begin),
              last.begin() + place_of(pieces[i].device.end), i + 1);
  }
  Pieces winners;
  for (auto begin = last.begin(); begin != last.end();) {
    const auto end = std::find_if(begin, last.end(), [&](Number n) { return n != *begin; });
    const auto offset_of = [&](auto place) {
      return places.all.begin + static_cast<ByteOffset>(place - last.begin()) * places.unit;
    };
    if (*begin != 0) {
      const Piece part = part_of(pieces[*begin - 1], {offset_of(begin), offset_of(end)});
      if (winners.empty() || !join(winners.back(), part)) winners.push_back(part);
    }
    begin = end;
  }
  return winners;
}

// Goes along the device; of the pieces that cover the place the last one wins.
Pieces winners_by_sorting(const Pieces& pieces) {
  std::vector<Number> by_place(pieces.size());
  std::iota(by_place.begin(), by_place.end(), Number{0});
  std::sort(by_place.begin(), by_place.end(), [&](Number a, Number b) {
    const ByteOffset begin_a = pieces[a].device.begin;
    const ByteOffset begin_b = pieces[b].device.begin;
    return begin_a != begin_b ? begin_a < begin_b : a > b;
  });

  Pieces winners;
  std::priority_queue<Number> covering;
  const auto begins_at = [&](auto next) { return pieces[*next].device.begin; };
  ByteOffset at = 0;
  for (auto next = by_place.begin();;) {
    while (!covering.empty() && pieces[covering.top()].device.end <= at) covering.pop();
    if (covering.empty()) {
      if (next == by_place.end()) return winners;
      at = begins_at(next);
    }
    for (; next != by_place.end() && begins_at(next) == at; ++next) {
      const bool is_hidden = !covering.empty() && covering.top() > *next &&
                             pieces[covering.top()].device.end >= pieces[*next].device.end;
      if (!is_hidden) covering.push(*next);
    }
    const Piece& winner = pieces[covering.top()];
    ByteOffset end = winner.device.end;
    if (next != by_place.end()) end = std::min(end, begins_at(next));
    const Piece part = part_of(winner, {at, end});
    if (winners.empty() || !join(winners.back(), part)) winners.push_back(part);
    at = end;
  }
}

// What of the pieces is not written over by a later one, in the order of the device.
Pieces winners_of(const Pieces& pieces) {
  const Places places(pieces);
  const std::uint64_t most = kPlacesPerPiece * pieces.size();
  if (places.span() <= most && places.total <= most) return winners_by_table(pieces, places);
  return winners_by_sorting(pieces);
}

ByteCount copied_bytes_of(const Pieces& pieces) {
  ByteCount bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.log_offset ? piece.device.size() : 0;
  return bytes;
}

}  // namespace

Status Window::add(const Piece& piece, const Sink& sink) {
  pieces_.push_back(piece);
  if (piece.log_offset) copied_bytes_ += piece.device.size();
  if (copied_bytes_ < look_at_ && pieces_.size() < kMaxPieces) return {};
  if (!drop_overwritten() || pieces_.size() > kMaxPieces / 2) POWERCUT_TRY_STATUS(hand_out(sink));
  to_next_look_ = std::min(2 * to_next_look_, kMostToNextLook);
  look_at_ = copied_bytes_ + to_next_look_;
  return {};
}

Status Window::end_run(const Sink& sink) {
  (void)drop_overwritten();
  return hand_out(sink);
}

// Whether there was enough of it.
bool Window::drop_overwritten() {
  const Pieces winners = winners_of(pieces_);
  const ByteCount left = copied_bytes_of(winners);
  if (copied_bytes_ - left < copied_bytes_ / kWorthDropping) return false;
  pieces_.assign(winners.begin(), winners.end());  // in memory that has been touched already
  copied_bytes_ = left;
  return true;
}

Status Window::hand_out(const Sink& sink) {
  for (const Piece& piece : pieces_) POWERCUT_TRY_STATUS(sink(piece));
  pieces_.clear();
  copied_bytes_ = 0;
  return {};
}

}  // namespace powercut::replay
