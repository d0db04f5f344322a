// SPDX-License-Identifier: Apache-2.0
// Jumps to and from crash states, against the naive model of tests/support/crash_states.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/prng.h"
#include "block/faulty_device.h"
#include "block/memory_device.h"
#include "replay/jump.h"
#include "state/enumeration.h"
#include "support/crash_states.h"
#include "support/rounds.h"

namespace powercut::replay {
namespace {

using state::DiscardPolicy;
using state::Model;
using state::Moment;
using state::StateId;
using state::Timeline;
using test::CrashLog;

constexpr ByteCount kSector = 512;
constexpr DiscardPolicy kPolicies[] = {
    {}, {.kind = DiscardPolicy::Kind::kStale}, {.kind = DiscardPolicy::Kind::kRandom, .seed = 5}};
constexpr CrashLog::Discard kNaivePolicies[] = {
    CrashLog::Discard::kZeroes, CrashLog::Discard::kStale, CrashLog::Discard::kRandom};

void fill(MemoryDevice& device, const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::vector<std::byte> sector(kSector, std::byte(text[i] == '.' ? 0 : text[i]));
    ASSERT_TRUE(device.write(i * kSector, sector, Fua::kNo));
  }
}

std::unique_ptr<Timeline> timeline_of(const CrashLog& log, const std::string& base) {
  const auto device = std::make_shared<MemoryDevice>(base.size() * kSector);
  fill(*device, base);
  auto timeline = Timeline::open(log.build().file("x.log"),
                                 {.base = device, .size_bytes = base.size() * kSector});
  EXPECT_TRUE(timeline) << timeline.error().message;
  return *std::move(timeline);
}

struct Case {
  std::string base;
  CrashLog log;
  std::unique_ptr<Timeline> timeline;

  [[nodiscard]] Moment random_instant(Prng& prng) const {
    return timeline->moment(prng.between(0, timeline->index().nr_entries()));
  }
};
Case random_case(Prng& prng, CrashLog::Ticks ticks) {
  Case result;
  result.base = std::string("vwxyz").substr(0, prng.between(3, 5));
  result.log = CrashLog::random(prng, result.base.size(), ticks);
  result.timeline = timeline_of(result.log, result.base);
  return result;
}

// All crash states of a cut, torn ones among them if those are not too many.
std::vector<Moment> moments_of(const Timeline& timeline, Model model, std::uint64_t cut,
                               ByteCount unit_bytes, DiscardPolicy discard) {
  const auto group = timeline.group(model, cut);
  EXPECT_TRUE(group);
  const auto choices = make_choices({.kind = state::Strategy::Kind::kExhaustive}, *group,
                                    {.unit_bytes = unit_bytes});
  state::CrashState state{
      .group = *group, .unit_bytes = std::max(unit_bytes, kSector), .discard = discard};
  std::vector<Moment> moments;
  while (choices->next(state.choice)) {
    auto moment = timeline.moment(id_of(state, kSector));
    EXPECT_TRUE(moment) << moment.error().message;
    moments.push_back(*std::move(moment));
  }
  return moments;
}

// A walk through all states of a cut, with instants in between: each time the device has to hold what
// the view shows, and the contents have to be those of the naive model.
void expect_walk(Prng& prng, const Case& here, CrashLog::Ticks ticks) {
  const Model model = ticks != CrashLog::Ticks::kNone ? Model::kExact : Model::kEpoch;
  const std::uint64_t last = model == Model::kExact ? here.log.last_tick() : here.log.nr_entries();
  const std::uint64_t cut = prng.between(0, last);
  const auto fates = model == Model::kExact ? here.log.exact(cut) : here.log.epoch(cut);
  const std::size_t unit_sectors = here.log.choices(fates, 1) <= 6 ? prng.below(2) : 0;
  const std::size_t policy = prng.below(3);
  MemoryDevice device(here.base.size() * kSector);
  std::optional<Moment> held;
  std::set<std::string> contents;
  const auto go = [&](const Moment& to) {
    std::optional<Position> position;
    if (held) position = Position::of(*held);
    if (held) {
      ASSERT_EQ(*find_mismatch(*here.timeline, *held, to, device), std::nullopt);
    }
    const auto totals = jump(*here.timeline, position, to, device, {.workers = 1});
    ASSERT_TRUE(totals) << totals.error().message;
    std::vector<std::byte> expected(device.size_bytes());
    ASSERT_TRUE(to.view->read(0, expected));
    ASSERT_EQ(device.content(), expected)
        << "from " << (held ? held->name : "") << " to " << to.name;
    held = to;
  };
  for (const Moment& moment :
       moments_of(*here.timeline, model, cut, unit_sectors * kSector, kPolicies[policy])) {
    if (prng.one_in(4)) go(here.random_instant(prng));
    go(moment);
    if (testing::Test::HasFatalFailure()) return;
    contents.insert(test::sketch(device.content()));
  }
  EXPECT_EQ(contents, here.log.states(fates, here.base, unit_sectors, kNaivePolicies[policy]));
}

TEST(CrashJump, AgreesWithTheNaiveModelOnRandomLogs) {
  for (std::uint64_t seed = 1; seed <= test::rounds(300); ++seed) {
    Prng prng(seed);
    const auto ticks = static_cast<CrashLog::Ticks>(seed % 3);
    const Case here = random_case(prng, ticks);
    SCOPED_TRACE(testing::Message() << "seed " << seed << ": " << here.log.text());
    expect_walk(prng, here, ticks);
    if (HasFailure()) return;
  }
}

// A position that says less than a crash state's would be noticed.
TEST(CrashJump, Canary) {
  CrashLog log;
  log.write(0, "A").flush().write(0, "B").write(1, "C");
  const auto timeline = timeline_of(log, "...");
  const Moment lost = *timeline->moment("epoch:2:lost:2");
  const Moment none = *timeline->moment("epoch:2:lost:2-3");
  MemoryDevice device(3 * kSector);
  ASSERT_TRUE(jump(*timeline, std::nullopt, lost, device));
  EXPECT_EQ(test::sketch(device.content()), "AC.");
  ASSERT_TRUE(jump(*timeline, Position{2, 3}, none, device));
  EXPECT_EQ(test::sketch(device.content()), "A..");
  ASSERT_TRUE(jump(*timeline, std::nullopt, lost, device));
  ASSERT_TRUE(jump(*timeline, Position{3, 3}, timeline->moment(2), device));
  EXPECT_EQ(test::sketch(device.content()), "AC.");
}

TEST(CrashJump, WritesOnlyWhatTheGroupDid) {
  CrashLog log;
  log.write(0, "ABCD").flush().write(1, "E").write(2, "F");
  const auto timeline = timeline_of(log, "....");
  std::vector<int> written(4);
  FaultyDevice device(std::make_shared<MemoryDevice>(4 * kSector),
                      [&](Request::Kind kind, ByteRange range, std::uint64_t) -> Status {
                        if (kind == Request::Kind::kFlush) return {};
                        for (Sector i = range.begin / kSector; i < range.end / kSector; ++i)
                          ++written[i];
                        return {};
                      });
  ASSERT_TRUE(jump(*timeline, Position{2, 2}, *timeline->moment("epoch:2:lost:2"), device));
  EXPECT_EQ(written, (std::vector<int>{0, 1, 1, 0}));
}

TEST(CrashJump, OfNoiseAndOldDataSaysWhatItWrote) {
  CrashLog log;
  log.write(0, "AB").discard(0, 2).flush();
  const auto timeline = timeline_of(log, "xyz");
  MemoryDevice device(3 * kSector);
  const auto noise =
      jump(*timeline, std::nullopt, *timeline->moment("epoch:3:discard:random:1"), device);
  ASSERT_TRUE(noise);
  EXPECT_EQ(noise->noise_bytes, 2 * kSector);
  EXPECT_EQ(noise->restored_bytes, kSector);
  EXPECT_EQ(test::sketch(device.content()), "??z");
  // Nothing is lost, and yet it is no instant.
  const Moment stale = *timeline->moment("epoch:3:discard:stale");
  EXPECT_EQ(Position::of(stale), (Position{0, 3}));
  const auto old = jump(*timeline, Position{0, 3}, stale, device);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->copied_bytes, 2 * kSector);
  EXPECT_EQ(test::sketch(device.content()), "ABz");
}

TEST(CrashJump, GoesOnFromWhereverItWasBrokenOff) {
  for (std::uint64_t seed = 1; seed <= test::rounds(100); ++seed) {
    Prng prng(seed);
    const Case here = random_case(prng, CrashLog::Ticks::kNone);
    SCOPED_TRACE(testing::Message() << "seed " << seed << ": " << here.log.text());
    const std::uint64_t cut = prng.between(0, here.log.nr_entries());
    const auto states = moments_of(*here.timeline, Model::kEpoch, cut, 0, kPolicies[prng.below(3)]);
    const Moment from = here.random_instant(prng);
    const Moment& to = states[prng.below(states.size())];
    const Moment later = prng.one_in(2) ? here.random_instant(prng) : states[0];
    for (std::uint64_t requests = 0;; ++requests) {
      const auto image = std::make_shared<MemoryDevice>(here.base.size() * kSector);
      ASSERT_TRUE(jump(*here.timeline, std::nullopt, from, *image));
      FaultyDevice breaking(image, [&](auto, auto, std::uint64_t number) -> Status {
        return number < requests ? Status() : os_error("broken off by a test", EIO);
      });
      if (jump(*here.timeline, Position::of(from), to, breaking, {.workers = 1})) break;
      const Position between = Position::of(from).and_also(Position::of(to));
      ASSERT_TRUE(jump(*here.timeline, between, later, *image));
      std::vector<std::byte> expected(image->size_bytes());
      ASSERT_TRUE(later.view->read(0, expected));
      ASSERT_EQ(image->content(), expected) << "broken off at request " << requests;
    }
  }
}

}  // namespace
}  // namespace powercut::replay
