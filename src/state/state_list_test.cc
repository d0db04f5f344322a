// SPDX-License-Identifier: Apache-2.0
#include "state/state_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/prng.h"
#include "block/memory_device.h"
#include "support/crash_states.h"
#include "support/golden.h"
#include "support/rounds.h"

namespace powercut::state {
namespace {

using test::CrashLog;
using testing::ElementsAre;

constexpr ByteCount kSector = 512;

std::unique_ptr<Timeline> timeline_of(const CrashLog& log, std::size_t sectors) {
  auto timeline = Timeline::open(log.build().file("x.log"), {.size_bytes = sectors * kSector});
  if (!timeline) throw std::runtime_error(timeline.error().message);
  return *std::move(timeline);
}

struct Listed {
  std::vector<std::string> ids;
  std::vector<std::string> contents;
  StateCounts counts;
};

Listed list(const Timeline& timeline, StateListOptions options) {
  if (options.to == 0) options.to = timeline.index().nr_entries();
  auto states = StateList::make(timeline, std::move(options));
  if (!states) throw std::runtime_error(states.error().message);
  Listed listed;
  while (true) {
    const auto state = states->next();
    if (!state) throw std::runtime_error(state.error().message);
    if (!*state) break;
    const auto view = states->view();
    std::vector<std::byte> bytes(view->size_bytes());
    EXPECT_TRUE(view->read(0, bytes));
    listed.ids.push_back(to_string((*state)->id));
    listed.contents.push_back(test::sketch(bytes));
  }
  listed.counts = states->counts();
  return listed;
}

CutSelection everywhere() {
  CutSelection at;
  at.all = true;
  return at;
}

TEST(StateList, GivesEachContentOfAnyCutOnce) {
  for (std::uint64_t seed = 1; seed <= test::rounds(1500); ++seed) {
    Prng prng(seed);
    const auto kind = static_cast<CrashLog::Ticks>(seed % 3);
    const std::size_t sectors = prng.between(3, 5);
    const CrashLog log = CrashLog::random(prng, sectors, kind);
    const bool is_exact = kind != CrashLog::Ticks::kNone;
    const std::size_t unit = prng.one_in(3) ? 1 : 0;
    const bool is_stale = prng.one_in(3);
    const auto policy = is_stale ? CrashLog::Discard::kStale : CrashLog::Discard::kZeroes;
    std::set<std::string> expected;
    std::size_t most = 0;
    for (std::uint64_t cut = 0; cut <= (is_exact ? log.last_tick() : log.nr_entries()); ++cut) {
      const auto fates = is_exact ? log.exact(cut) : log.epoch(cut);
      most = std::max(most, log.choices(fates, unit));
      if (most > 9) break;
      expected.merge(log.states(fates, std::string(sectors, '.'), unit, policy));
    }
    if (most > 9) continue;
    StateListOptions options{.model = is_exact ? Model::kExact : Model::kEpoch,
                             .at = everywhere(),
                             .strategies = {{.kind = Strategy::Kind::kExhaustive}},
                             .choices = {.unit_bytes = unit * kSector}};
    if (is_stale) options.discard.kind = DiscardPolicy::Kind::kStale;
    const auto timeline = timeline_of(log, sectors);
    const Listed listed = list(*timeline, options);
    const std::set<std::string> contents(listed.contents.begin(), listed.contents.end());
    ASSERT_EQ(contents.size(), listed.contents.size()) << "twice; seed " << seed;
    ASSERT_EQ(contents, expected) << "seed " << seed << ": " << log.text();
    ASSERT_EQ(listed.counts.distinct, contents.size());
    ASSERT_FALSE(listed.counts.is_limited);
  }
}

TEST(StateList, CountsAndIds) {
  CrashLog log;
  log.write(0, "A").write(1, "B").flush().write(0, "C").mark("m");
  const auto timeline = timeline_of(log, 2);
  CutSelection at;
  at.flushes = at.marks = true;
  const Listed listed = list(*timeline, {.at = at});
  EXPECT_THAT(listed.ids, ElementsAre("epoch:3", "epoch:3:lost:3"));
  EXPECT_EQ(listed.counts.cuts, 2u);
  EXPECT_EQ(listed.counts.choices, 2u);
  EXPECT_EQ(listed.counts.possible, 4u);
  EXPECT_EQ(listed.counts.possible_log2, 2);
  const Listed few = list(*timeline, {.at = everywhere(), .max_states = 3});
  EXPECT_THAT(few.ids, ElementsAre("epoch:0", "epoch:0:lost:0-1", "epoch:3"));
  EXPECT_TRUE(few.counts.is_limited);
  EXPECT_THAT(list(*timeline, {.model = Model::kPrefix, .at = everywhere()}).ids,
              ElementsAre("entry:0", "entry:1", "entry:2", "entry:4"));
}

TEST(StateList, PossibleStatesBeyondANumberAreAPowerOfTwo) {
  CrashLog log;
  for (int i = 0; i < 70; ++i) log.write(0, "A");
  const auto timeline = timeline_of(log, 2);
  CutSelection at;
  at.instants = {{.kind = Instant::Kind::kStart}};
  const Listed listed = list(*timeline, {.at = at});
  EXPECT_EQ(listed.counts.possible_log2, 70);
  EXPECT_EQ(listed.counts.distinct, 2u);
}

TEST(StateList, CutsTakeTurns) {
  CrashLog log;
  for (int i = 0; i < 6; ++i) log.write(static_cast<Sector>(i), "A");
  log.flush();
  for (int i = 0; i < 6; ++i) log.write(static_cast<Sector>(i), "B");
  const auto timeline = timeline_of(log, 6);
  const StateListOptions options{.at = everywhere(), .max_states = 20};
  const Listed listed = list(*timeline, options);
  const auto is_of = [](const char* cut) {
    return [cut](const std::string& id) { return id.starts_with(cut); };
  };
  // Of each two at first, but for the content that both have; then 14 more of the first.
  EXPECT_THAT(std::vector<std::string>(listed.ids.begin(), listed.ids.begin() + 3),
              ElementsAre("epoch:0", "epoch:0:lost:0-5", "epoch:7"));
  EXPECT_TRUE(std::all_of(listed.ids.begin() + 3, listed.ids.begin() + 17, is_of("epoch:0")));
  EXPECT_TRUE(std::all_of(listed.ids.begin() + 17, listed.ids.end(), is_of("epoch:7")));
  // A limit cuts the list off, and changes nothing of it.
  StateListOptions unlimited = options;
  unlimited.max_states = 0;
  const Listed whole = list(*timeline, unlimited);
  EXPECT_EQ(whole.counts.distinct, 127u);
  EXPECT_TRUE(std::equal(listed.ids.begin(), listed.ids.end(), whole.ids.begin()));
  EXPECT_EQ(whole.counts.pairs, 30u);
  EXPECT_EQ(whole.counts.pairs_covered, 30u);
  EXPECT_LT(listed.counts.pairs_covered, 30u);
}

// Over random logs: parts do not overlap, each gives its own by the name that the whole gives it, and
// together they are the whole.
TEST(StateList, ShardsAreDisjointAndComplete) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng prng(seed);
    const CrashLog log = CrashLog::random(prng, 4, static_cast<CrashLog::Ticks>(seed % 3));
    const auto timeline = timeline_of(log, 4);
    StateListOptions options{.model = *timeline->strongest_model(),
                             .at = everywhere(),
                             .choices = {.unit_bytes = kSector, .seed = seed}};
    const Listed whole = list(*timeline, options);
    options.shards = static_cast<std::uint32_t>(prng.between(2, 5));
    std::vector<std::string> ids;
    StateCounts sums;
    for (; options.shard < options.shards; ++options.shard) {
      const Listed part = list(*timeline, options);
      ids.insert(ids.end(), part.ids.begin(), part.ids.end());
      sums.choices += part.counts.choices;
      sums.distinct += part.counts.distinct;
      EXPECT_EQ(part.counts.cuts, whole.counts.cuts);
      EXPECT_EQ(part.counts.pairs, whole.counts.pairs);
      EXPECT_EQ(part.counts.pairs_covered, whole.counts.pairs_covered);
    }
    EXPECT_THAT(ids, testing::UnorderedElementsAreArray(whole.ids)) << "seed " << seed;
    EXPECT_EQ(sums.choices, whole.counts.choices);
    EXPECT_EQ(sums.distinct, whole.counts.distinct);
  }
}

// By the number of marks in front of the cut, as a checker may see it.
TEST(StateList, EqualContentsBehindOtherMarksAreOtherStatesIfTheContextSaysSo) {
  CrashLog log;
  log.write(0, "A").mark("one").write(1, "B").mark("two").flush();
  const auto timeline = timeline_of(log, 2);
  CutSelection at;
  at.marks = true;
  at.instants = {{.kind = Instant::Kind::kStart}};
  StateListOptions options{.at = at};
  const Listed without = list(*timeline, options);
  EXPECT_EQ(without.counts.distinct, 4u);
  EXPECT_EQ(without.counts.choices, 4u);
  options.context = [](const CrashState& state) {
    return std::uint64_t{state.group->cut >= 2} + std::uint64_t{state.group->cut >= 4};
  };
  const Listed with = list(*timeline, options);
  EXPECT_EQ(with.counts.distinct, 12u);
  EXPECT_EQ(std::count_if(with.ids.begin(), with.ids.end(),
                          [](const auto& id) { return id.starts_with("epoch:4"); }),
            4);
}

TEST(StateList, EqualContentsComeAsOftenAsTheyAreMadeIfWanted) {
  CrashLog log;
  log.write(0, "A").write(0, "A");
  const auto timeline = timeline_of(log, 1);
  CutSelection at;
  at.instants = {{.kind = Instant::Kind::kStart}};
  StateListOptions options{.at = at};
  EXPECT_EQ(list(*timeline, options).ids.size(), 2u);
  options.gives_equals = true;
  EXPECT_EQ(list(*timeline, options).ids.size(), 4u);
}

TEST(StateList, OfAGoldenLogIsTheSameTwiceAndAStateOpensByItsName) {
  constexpr std::uint64_t kStates = 200;
  const auto golden = test::golden_log("raw-fua-overlap-512");
  auto timeline = Timeline::open(std::shared_ptr<const File>(golden.unpack()),
                                 {.size_bytes = golden.device_size_bytes});
  ASSERT_TRUE(timeline) << timeline.error().message;
  const auto open = [&] {
    return StateList::make(**timeline, {.at = everywhere(),
                                        .to = golden.nr_entries,
                                        .choices = {.unit_bytes = kSector},
                                        .max_states = kStates});
  };
  auto states = open();
  auto again = open();
  ASSERT_TRUE(states && again);
  std::uint64_t nr_states = 0;
  std::uint64_t nr_pieces = 0;
  for (;; ++nr_states) {
    const auto state = *states->next();
    const auto same = *again->next();
    ASSERT_EQ(state.has_value(), same.has_value());
    if (!state) break;
    ASSERT_EQ(state->id, same->id);
    const auto view = states->view();
    const auto device = (*timeline)->device(to_string(state->id));
    ASSERT_TRUE(device) << device.error().message;
    for (const auto& piece : view->pieces()) {
      std::vector<std::byte> here(piece.range.size());
      std::vector<std::byte> there(piece.range.size());
      ASSERT_TRUE(view->read(piece.range.begin, here));
      ASSERT_TRUE((*device)->read(piece.range.begin, there));
      ASSERT_TRUE(here == there) << to_string(state->id) << " at " << piece.range.begin;
      ++nr_pieces;
    }
  }
  EXPECT_GT(nr_states, 20u);
  EXPECT_GT(nr_pieces, 20u);
}

}  // namespace
}  // namespace powercut::state
