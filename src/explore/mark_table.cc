// SPDX-License-Identifier: Apache-2.0
#include "explore/mark_table.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "base/json.h"

namespace powercut::explore {
namespace {

// So many of the first in `order` have a key of at most `limit`.
template <typename Key>
std::uint64_t number_up_to(const std::vector<std::size_t>& order, std::uint64_t limit,
                           const Key& key) {
  const auto behind =
      std::upper_bound(order.begin(), order.end(), limit,
                       [&](std::uint64_t at, std::size_t mark) { return at < key(mark); });
  return static_cast<std::uint64_t>(behind - order.begin());
}

}  // namespace

std::string mark_line(EntryIndex entry, const std::string& text) {
  const Json line = {{"entry", entry}, {"mark", text}};
  return line.to_line() + "\n";
}

Result<MarkTable> MarkTable::make(const state::Timeline& timeline) {
  const index::LogIndex& index = timeline.index();
  log::Reader reader = POWERCUT_TRY(log::Reader::open(*index.log()));
  std::vector<Mark> marks;
  bool has_ticks = true;
  for (std::uint64_t i = 0; i < index.nr_marks(); ++i) {
    auto [entry, text] = POWERCUT_TRY(index.mark(i));
    Mark mark{.entry = entry, .text = std::move(text)};
    if (has_ticks) {
      reader.seek(entry, POWERCUT_TRY(index.entry(entry)).log_offset);
      const auto read = reader.next();
      if (!read) return tl::unexpected(to_status(reader.ending()).error());
      const auto ticks = state::ticks_of(*read, index.log()->name());
      has_ticks = ticks.has_value();
      if (ticks) {
        mark.submission = ticks->submission;
        mark.completion = std::max(ticks->submission, ticks->completion);
      }
    }
    marks.push_back(std::move(mark));
  }
  return MarkTable(std::move(marks), has_ticks);
}

MarkTable::MarkTable(std::vector<Mark> marks, bool has_ticks) : marks_(std::move(marks)) {
  std::vector<std::size_t> order(marks_.size());
  std::iota(order.begin(), order.end(), 0);
  by_place_ = hashed(order);
  if (!has_ticks) return;
  std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return marks_[a].completion < marks_[b].completion;
  });
  by_ticks_ = hashed(std::move(order));
}

MarkTable::Order MarkTable::hashed(std::vector<std::size_t> marks) const {
  Order order{.marks = std::move(marks), .hashes = {Hash128{}}};
  for (const std::size_t mark : order.marks) {
    const Hash128& before = order.hashes.back();
    std::string bytes(reinterpret_cast<const char*>(&before), sizeof(before));
    order.hashes.push_back(hash128(bytes + mark_line(marks_[mark].entry, marks_[mark].text)));
  }
  return order;
}

MarkTable::Sure MarkTable::sure(const state::CrashState& state) const {
  const state::CrashGroup& group = *state.group;
  if (group.model == state::Model::kExact) {
    return {number_up_to(by_ticks_.marks, group.cut,
                         [this](std::size_t mark) { return marks_[mark].completion; }),
            true};
  }
  if (group.cut == 0) return {};
  return {number_up_to(by_place_.marks, group.cut - 1,
                       [this](std::size_t mark) { return marks_[mark].entry; }),
          false};
}

std::string MarkTable::lines(Sure sure) const {
  const auto& marks = order(sure).marks;
  std::vector<std::size_t> put(marks.begin(),
                               marks.begin() + static_cast<std::ptrdiff_t>(sure.number));
  std::sort(put.begin(), put.end());
  std::string text;
  for (const std::size_t mark : put) text += mark_line(marks_[mark].entry, marks_[mark].text);
  return text;
}

Hash128 MarkTable::hash(Sure sure) const {
  return order(sure).hashes[sure.number];
}

std::optional<std::string> MarkTable::last(Sure sure) const {
  const auto& marks = order(sure).marks;
  if (sure.number == 0) return std::nullopt;
  return marks_[*std::max_element(marks.begin(),
                                  marks.begin() + static_cast<std::ptrdiff_t>(sure.number))]
      .text;
}

EntryIndex MarkTable::behind_mark(EntryIndex entry) const {
  const auto behind = std::partition_point(
      marks_.begin(), marks_.end(), [entry](const Mark& mark) { return mark.entry < entry; });
  return behind == marks_.begin() ? 0 : std::prev(behind)->entry + 1;
}

MarkTable::Places MarkTable::places(const state::CrashState& state) const {
  const state::CrashGroup& group = *state.group;
  Places places;
  if (group.model != state::Model::kExact) {
    places.in_front = places.reached = group.cut;
    for (std::size_t i = 0; i < group.may.size(); ++i) {
      if (state.choice.kept[i]) places.reached = std::max(places.reached, group.may_entry(i).entry);
    }
    for (const auto& tear : state.choice.torn)
      places.reached = std::max(places.reached, group.may_entry(tear.may).entry);
    return {behind_mark(places.in_front), behind_mark(places.reached)};
  }
  POWERCUT_CHECK(by_ticks_.marks.size() == marks_.size());
  bool is_sure = true;
  for (const Mark& mark : marks_) {
    is_sure = is_sure && mark.completion <= group.cut;
    if (is_sure) places.in_front = mark.entry + 1;
    if (mark.submission <= group.cut) places.reached = mark.entry + 1;
  }
  return places;
}

}  // namespace powercut::explore
