// SPDX-License-Identifier: Apache-2.0
#include "state/state_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/prng.h"
#include "log/codec.h"

namespace powercut::state {
namespace {

using Sum = StateList::Sum;

constexpr ByteCount kReadBytes = 1 * kMiB;

// The sum over all sectors of a hash of place and content.
void add_sectors(Sum& sum, ByteOffset offset, ConstBytes bytes, std::uint32_t sector_size) {
  for (std::size_t at = 0; at < bytes.size(); at += sector_size) {
    const std::uint64_t hash = log::payload_hash(bytes.subspan(at, sector_size));
    Prng place((offset + at) / sector_size);
    sum += {Prng(hash ^ place())(), Prng(hash ^ place())()};
  }
}

// `read` fills a buffer from an offset on.
template <typename Read>
Result<Sum> sum_of(const ByteRange& range, std::uint32_t sector_size, const Read& read) {
  Sum sum;
  std::vector<std::byte> buffer(std::min<ByteCount>(range.size(), kReadBytes));
  for (ByteOffset at = range.begin; at < range.end;) {
    const MutableBytes part =
        MutableBytes(buffer).first(std::min<ByteCount>(buffer.size(), range.end - at));
    POWERCUT_TRY_STATUS(read(at, part));
    add_sectors(sum, at, part, sector_size);
    at += part.size();
  }
  return sum;
}

}  // namespace

Sum& Sum::operator+=(const Sum& other) {
  low += other.low;
  high += other.high;
  return *this;
}
Sum& Sum::operator-=(const Sum& other) {
  low -= other.low;
  high -= other.high;
  return *this;
}

std::string StateCounts::possible_text() const {
  if (possible_log2 < 63) return fmt::format("{}", possible);
  return fmt::format("2^{:.0f}", possible_log2);
}

Result<StateList> StateList::make(const Timeline& timeline, StateListOptions options) {
  const index::LogIndex& index = timeline.index();
  if (options.model == Model::kExact) (void)POWERCUT_TRY(timeline.last_tick());
  options.to = std::min(options.to, index.nr_entries());
  std::vector<EntryIndex> instants;
  for (const auto& instant : options.at.instants)
    instants.push_back(POWERCUT_TRY(resolve(instant, index)));
  CutFilter filter(options.at, options.from, options.to, std::move(instants));
  log::Reader reader = POWERCUT_TRY(log::Reader::open(*index.log()));
  return StateList(timeline, std::move(options), std::move(reader), std::move(filter));
}

StateList::StateList(const Timeline& timeline, StateListOptions options, log::Reader reader,
                     CutFilter filter)
    : timeline_(&timeline),
      options_(std::move(options)),
      reader_(std::move(reader)),
      filter_(std::move(filter)) {}

Status StateList::add_ticks(const log::Entry& entry) {
  const Ticks ticks = POWERCUT_TRY(ticks_of(entry, timeline_->index().log()->name()));
  const bool is_selected = filter_.behind(entry);
  if (!is_selected) return {};
  const bool writes = index::summary_of(entry).writes();
  const Tick at = std::max(ticks.submission, ticks.completion);
  if (options_.at.all && writes) ticks_.push_back(ticks.submission);
  const bool makes_durable = entry.is_flush() || (entry.is_fua() && writes);
  if (makes_durable) ticks_.push_back(at - 1);
  if (makes_durable || entry.is_mark() || !options_.at.all) ticks_.push_back(at);
  return {};
}

Result<std::optional<std::uint64_t>> StateList::next_cut() {
  const bool is_exact = options_.model == Model::kExact;
  const std::uint64_t nr_entries = timeline_->index().nr_entries();
  if (!is_begun_) {
    is_begun_ = true;
    if (filter_.in_front_of_all()) return 0;
  }
  while (ticks_.empty()) {
    if (is_ended_) return std::nullopt;
    const auto entry = reader_.position() < nr_entries ? reader_.next() : std::nullopt;
    if (!entry) {
      is_ended_ = true;
      if (reader_.position() < nr_entries)
        return tl::unexpected(to_status(reader_.ending()).error());
      const bool is_to_the_end = options_.at.all || options_.at.flushes;
      if (is_exact && is_to_the_end && options_.to == nr_entries)
        ticks_.push_back(POWERCUT_TRY(timeline_->last_tick()));
      continue;
    }
    const bool makes_durable = entry->is_flush() || (entry->is_fua() && entry->nr_sectors > 0);
    is_changed_ = is_changed_ || makes_durable || options_.model == Model::kPrefix;
    if (is_exact) {
      POWERCUT_TRY_STATUS(add_ticks(*entry));
    } else if (filter_.behind(*entry)) {
      return entry->index + 1;
    }
  }
  const Tick tick = ticks_.front();
  ticks_.pop_front();
  is_changed_ = true;
  return tick;
}

void StateList::count_possible(std::uint64_t bits) {
  const auto exponent = static_cast<double>(bits);
  if (counts_.cuts == 1) {
    counts_.possible_log2 = exponent;
  } else {
    const double larger = std::max(counts_.possible_log2, exponent);
    const double smaller = std::min(counts_.possible_log2, exponent);
    counts_.possible_log2 = larger + std::log2(1 + std::exp2(smaller - larger));
  }
  if (bits < 64) counts_.possible += std::uint64_t{1} << bits;
}

Result<bool> StateList::next_group() {
  while (true) {
    const auto cut = POWERCUT_TRY(next_cut());
    if (!cut) return false;
    ++counts_.cuts;
    if (!is_changed_) {
      count_possible(choice_bits(*group_, options_.choices.unit_bytes));
      continue;
    }
    is_changed_ = false;
    auto group = POWERCUT_TRY(timeline_->group(options_.model, *cut));
    count_possible(choice_bits(*group, options_.choices.unit_bytes));
    if (group_ != nullptr && group->has_same_choice(*group_)) continue;
    POWERCUT_TRY_STATUS(enter(std::move(group)));
    return true;
  }
}

Status StateList::enter(std::shared_ptr<const CrashGroup> group) {
  POWERCUT_TRY_STATUS(move_base(group->base));
  group_ = std::move(group);
  map_ = std::make_unique<GroupMap>(group_, options_.choices.unit_bytes, options_.discard);
  sums_.assign(map_->segments().size(), {});
  for (std::size_t i = 0; i < sums_.size(); ++i)
    sums_[i].writers.resize(map_->segments()[i].writers.size());
  const ByteCount unit = options_.choices.unit_bytes;
  state_ = {.group = group_,
            .unit_bytes = unit != 0 ? unit : timeline_->index().sector_size(),
            .discard = options_.discard};
  strategy_ = 0;
  source_.reset();
  return {};
}

bool StateList::next_choice() {
  for (; strategy_ < options_.strategies.size(); ++strategy_, source_.reset()) {
    if (source_ == nullptr)
      source_ = make_choices(options_.strategies[strategy_], group_, options_.choices);
    if (source_->next(state_.choice)) return true;
  }
  return false;
}

Status StateList::move_base(EntryIndex entries) {
  auto next = timeline_->view(entries, options_.discard);
  if (base_ != nullptr && base_->entries() != entries) {
    const bool is_forward = base_->entries() < entries;
    InstantView& before = is_forward ? *base_ : *next;
    InstantView& after = is_forward ? *next : *base_;
    const index::LogIndex& index = timeline_->index();
    const ByteCount end = align_up(timeline_->device_size_bytes(), index.sector_size());
    Sum change;
    POWERCUT_TRY_STATUS(index.changes(
        {0, end}, before.entries(), after.entries(), [&](const index::Extent& extent) -> Status {
          for (InstantView* view : {&after, &before}) {
            const Sum sum = POWERCUT_TRY(
                sum_of(extent.range, index.sector_size(),
                       [&](ByteOffset at, MutableBytes buffer) { return view->read(at, buffer); }));
            if (view == &after) {
              change += sum;
            } else {
              change -= sum;
            }
          }
          return {};
        }));
    if (is_forward) {
      base_sum_ += change;
    } else {
      base_sum_ -= change;
    }
  }
  base_ = std::move(next);
  return {};
}

Result<Sum> StateList::sum_of_segment(std::size_t segment, std::optional<std::size_t> writer) {
  std::optional<Sum>& known = writer ? sums_[segment].writers[*writer] : sums_[segment].initial;
  if (known) return *known;
  const auto& [range, writers] = map_->segments()[segment];
  const index::LogIndex& index = timeline_->index();
  if (!writer) {
    known =
        POWERCUT_TRY(sum_of(range, index.sector_size(), [&](ByteOffset at, MutableBytes buffer) {
          return base_->read(at, buffer);
        }));
    return *known;
  }
  const CrashPiece piece = piece_of(group_->entries[writers[*writer]], range, options_.discard);
  known = POWERCUT_TRY(sum_of(range, index.sector_size(), [&](ByteOffset at, MutableBytes buffer) {
    return read_piece(piece, *index.log(), options_.discard, at, buffer);
  }));
  return *known;
}

Result<Sum> StateList::sum_of_state() {
  Sum sum = base_sum_;
  Status status;
  map_->winners(state_, [&](std::size_t segment, std::optional<std::size_t> writer) {
    if (!writer || !status) return;
    const auto there = sum_of_segment(segment, writer);
    const auto before = sum_of_segment(segment, std::nullopt);
    if (!there || !before) {
      status = tl::unexpected(there ? before.error() : there.error());
      return;
    }
    sum += *there;
    sum -= *before;
  });
  if (!status) return tl::unexpected(status.error());
  return sum;
}

Result<std::optional<StateList::State>> StateList::next() {
  while (true) {
    if (group_ == nullptr || !next_choice()) {
      const bool is_found = POWERCUT_TRY(next_group());
      if (!is_found) return std::optional<State>();
      continue;
    }
    if (options_.max_states != 0 && counts_.distinct == options_.max_states) {
      counts_.is_limited = true;
      return std::optional<State>();
    }
    ++counts_.choices;
    const Sum sum = POWERCUT_TRY(sum_of_state());
    if (!seen_.insert(sum).second) continue;
    ++counts_.distinct;
    return State{state_, id_of(state_, timeline_->index().sector_size())};
  }
}

std::shared_ptr<CrashView> StateList::view() const {
  return timeline_->view(state_, *map_);
}

}  // namespace powercut::state
