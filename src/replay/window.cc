// SPDX-License-Identifier: Apache-2.0
#include "replay/window.h"

#include <algorithm>
#include <numeric>
#include <queue>

namespace powercut::replay {
namespace {

// The order of the log is left where less than one byte in so many is written over.
constexpr ByteCount kWorthReordering = 8;

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

}  // namespace

void Window::add(const Piece& piece) {
  pieces_.push_back(piece);
  if (piece.log_offset) copied_bytes_ += piece.device.size();
}

// Goes along the device; of the pieces that cover the place the last one wins.
std::vector<Piece> Window::winners() const {
  using Number = std::uint32_t;
  std::vector<Number> by_place(pieces_.size());
  std::iota(by_place.begin(), by_place.end(), Number{0});
  std::sort(by_place.begin(), by_place.end(), [&](Number a, Number b) {
    const ByteOffset begin_a = pieces_[a].device.begin;
    const ByteOffset begin_b = pieces_[b].device.begin;
    return begin_a != begin_b ? begin_a < begin_b : a > b;
  });

  std::vector<Piece> winners;
  std::priority_queue<Number> covering;
  const auto begins_at = [&](auto next) { return pieces_[*next].device.begin; };
  ByteOffset at = 0;
  for (auto next = by_place.begin();;) {
    while (!covering.empty() && pieces_[covering.top()].device.end <= at) covering.pop();
    if (covering.empty()) {
      if (next == by_place.end()) return winners;
      at = begins_at(next);
    }
    for (; next != by_place.end() && begins_at(next) == at; ++next) {
      const bool is_hidden = !covering.empty() && covering.top() > *next &&
                             pieces_[covering.top()].device.end >= pieces_[*next].device.end;
      if (!is_hidden) covering.push(*next);
    }
    const Piece& winner = pieces_[covering.top()];
    ByteOffset end = winner.device.end;
    if (next != by_place.end()) end = std::min(end, begins_at(next));
    const Piece part = part_of(winner, {at, end});
    if (winners.empty() || !join(winners.back(), part)) winners.push_back(part);
    at = end;
  }
}

Status Window::empty_into(const Sink& sink) {
  std::vector<Piece> winners = this->winners();
  ByteCount bytes = 0;
  for (const Piece& piece : winners) bytes += piece.log_offset ? piece.device.size() : 0;
  if (copied_bytes_ - bytes < copied_bytes_ / kWorthReordering) winners.swap(pieces_);
  pieces_.clear();
  copied_bytes_ = 0;
  for (const Piece& piece : winners) POWERCUT_TRY_STATUS(sink(piece));
  return {};
}

}  // namespace powercut::replay
