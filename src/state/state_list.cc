// SPDX-License-Identifier: Apache-2.0
#include "state/state_list.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
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

Result<StateList> StateList::make(const Timeline& timeline, StateListOptions options) {
  POWERCUT_CHECK(options.shard < options.shards);
  CutWalk walk =
      POWERCUT_TRY(CutWalk::make(timeline, options.model, options.at, options.from, options.to));
  return StateList(timeline, std::move(options), std::move(walk));
}

StateList::StateList(const Timeline& timeline, StateListOptions options, CutWalk walk)
    : timeline_(&timeline), options_(std::move(options)), walk_(std::move(walk)) {}

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

Result<bool> StateList::begin_turn() {
  if (!has_more_) return false;
  walk_ = POWERCUT_TRY(
      CutWalk::make(*timeline_, options_.model, options_.at, options_.from, options_.to));
  ++turn_;
  has_more_ = false;
  group_ = nullptr;
  base_ = first_base_;
  base_sum_ = {};
  return true;
}

Result<bool> StateList::next_group() {
  while (true) {
    const auto cut = POWERCUT_TRY(walk_.next());
    if (!cut) {
      const bool is_begun = POWERCUT_TRY(begin_turn());
      if (!is_begun) return false;
      continue;
    }
    const bool is_first_turn = turn_ == 0;
    if (is_first_turn) ++counts_.cuts;
    // With a context, a cut may differ from the one before in that alone.
    if (group_ != nullptr && !cut->is_changed && !options_.context) {
      if (is_first_turn) count_possible(choice_bits(*group_, options_.choices.unit_bytes));
      continue;
    }
    auto group = POWERCUT_TRY(timeline_->group(options_.model, cut->at));
    if (is_first_turn) count_possible(choice_bits(*group, options_.choices.unit_bytes));
    CrashState state = all_lost(group);
    const std::uint64_t context = options_.context ? options_.context(state) : 0;
    const bool is_same =
        group_ != nullptr && context == context_ && group->has_same_choice(*group_);
    if (is_same) continue;
    group_ = std::move(group);
    state_ = std::move(state);
    context_ = context;
    enter();
    return true;
  }
}

CrashState StateList::all_lost(const std::shared_ptr<const CrashGroup>& group) const {
  const ByteCount unit = options_.choices.unit_bytes;
  return {.group = group,
          .choice = {.kept = std::vector<bool>(group->may.size()), .torn = {}},
          .unit_bytes = unit != 0 ? unit : timeline_->index().sector_size(),
          .discard = options_.discard};
}

void StateList::enter() {
  is_in_group_ = true;
  map_ = nullptr;
  sums_.clear();
  sources_.clear();
  double size = 0;
  for (const auto& strategy : options_.strategies) {
    sources_.push_back(make_choices(strategy, group_, options_.choices));
    size += sources_.back()->size();
  }
  strategy_ = 0;
  of_group_ = 0;
  const std::size_t writes = group_->may.size();
  coverage_ = writes <= kPairsCountedWrites ? std::make_unique<PairCoverage>(writes) : nullptr;
  if (turn_ == 0) {
    planned_ += size;
    counts_.pairs += PairCoverage::pairs(writes);
  }
  const std::uint64_t given_before = turn_ == 0 ? 0 : kTurns[turn_ - 1];
  while (of_group_ < given_before && next_choice()) {
    if (coverage_ != nullptr) coverage_->add(state_.choice);
  }
  covered_before_ = pairs_covered();
}

void StateList::leave() {
  counts_.pairs_covered += pairs_covered() - covered_before_;
  is_in_group_ = false;
}

std::uint64_t StateList::pairs_covered() const {
  if (coverage_ != nullptr) return coverage_->covered();
  const bool has_all = std::any_of(sources_.begin(), sources_.end(),
                                   [](const auto& source) { return source->has_all_pairs(); });
  return has_all ? PairCoverage::pairs(group_->may.size()) : 0;
}

bool StateList::next_choice() {
  for (; strategy_ < sources_.size(); ++strategy_) {
    if (!sources_[strategy_]->next(state_.choice)) continue;
    ++of_group_;
    return true;
  }
  return false;
}

bool StateList::next_of_turn() {
  if (of_group_ < kTurns[turn_]) return next_choice();
  // What comes behind is for the next turn, which begins with this one again.
  for (; strategy_ < sources_.size() && !has_more_; ++strategy_)
    has_more_ = sources_[strategy_]->next(state_.choice);
  return false;
}

Status StateList::prepare_sums() {
  if (map_ != nullptr) return {};
  POWERCUT_TRY_STATUS(move_base(group_->base));
  map_ = std::make_unique<GroupMap>(group_, options_.choices.unit_bytes, options_.discard);
  sums_.assign(map_->segments().size(), {});
  for (std::size_t i = 0; i < sums_.size(); ++i)
    sums_[i].writers.resize(map_->segments()[i].writers.size());
  return {};
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
  if (first_base_ == nullptr) first_base_ = base_;
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

Result<Sum> StateList::key_of_state() {
  POWERCUT_TRY_STATUS(prepare_sums());
  Sum sum = base_sum_;
  if (options_.context) {
    Prng context(options_.context(state_));
    sum += {context(), context()};
  }
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

bool StateList::is_of_shard(const Sum& key) const {
  return Prng(key.low ^ key.high)() % options_.shards == options_.shard;
}

Result<std::optional<StateList::State>> StateList::next() {
  while (!is_at_end_) {
    if (!is_in_group_) {
      const bool is_found = POWERCUT_TRY(next_group());
      is_at_end_ = !is_found;
      continue;
    }
    if (!next_of_turn()) {
      leave();
      continue;
    }
    if (options_.max_states != 0 && counts_.distinct == options_.max_states) {
      counts_.is_limited = true;
      break;
    }
    if (coverage_ != nullptr) coverage_->add(state_.choice);
    ++gone_through_;
    const Sum key = POWERCUT_TRY(key_of_state());
    if (!is_of_shard(key)) continue;
    ++counts_.choices;
    const bool is_new = options_.gives_equals || seen_.insert(key).second;
    if (!is_new) continue;
    ++counts_.distinct;
    return State{state_, id_of(state_, timeline_->index().sector_size())};
  }
  return std::optional<State>();
}

StateCounts StateList::counts() const {
  StateCounts counts = counts_;
  if (is_in_group_) counts.pairs_covered += pairs_covered() - covered_before_;
  return counts;
}

double StateList::share_done(std::uint64_t nr_cuts) const {
  if (is_at_end_) return 1;
  if (counts_.cuts == 0 || planned_ == 0) return 0;
  // What has not been come to is taken to be as what has.
  const double cuts = static_cast<double>(std::max(nr_cuts, counts_.cuts));
  return std::min(1.0, gone_through_ / planned_ * static_cast<double>(counts_.cuts) / cuts);
}

std::shared_ptr<CrashView> StateList::view() const {
  return timeline_->view(state_, *map_);
}

}  // namespace powercut::state
