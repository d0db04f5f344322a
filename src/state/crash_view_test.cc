// SPDX-License-Identifier: Apache-2.0
// Groups, ids, views and exhaustive enumeration together, against the naive model of
// tests/support/crash_states.h.
#include "state/crash_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <numeric>
#include <set>

#include "base/prng.h"
#include "block/memory_device.h"
#include "state/enumeration.h"
#include "state/timeline.h"
#include "support/crash_states.h"
#include "support/golden.h"
#include "support/rounds.h"
#include "support/same_bytes.h"

namespace powercut::state {
namespace {

using log::kFlagFlush;
using log::kFlagFua;
using log::kFlagMetadata;
using test::CrashLog;
using testing::HasSubstr;

using Contents = std::set<std::string>;

constexpr ByteCount kSector = 512;

std::uint64_t seed_of_this_run() {
  const char* text = std::getenv("POWERCUT_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 20261123;
}

std::string content(BlockDevice& device) {
  std::vector<std::byte> bytes(device.size_bytes());
  const Status status = device.read(0, bytes);
  EXPECT_TRUE(status) << status.error().message;
  return test::sketch(bytes);
}

std::shared_ptr<BlockDevice> device_of(const std::string& text) {
  auto device = std::make_shared<MemoryDevice>(text.size() * kSector);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::vector<std::byte> sector(kSector, std::byte(text[i] == '.' ? 0 : text[i]));
    EXPECT_TRUE(device->write(i * kSector, sector, Fua::kNo));
  }
  return device;
}

std::unique_ptr<Timeline> timeline_of(const CrashLog& log, const std::string& base) {
  auto timeline = Timeline::open(log.build().file("x.log"),
                                 {.base = device_of(base), .size_bytes = base.size() * kSector});
  if (!timeline) throw std::runtime_error(timeline.error().message);
  return *std::move(timeline);
}

struct Asked {
  Model model = Model::kEpoch;
  std::uint64_t cut = 0;
  std::size_t unit_sectors = 0;
  DiscardPolicy discard = {};
  std::optional<EntryIndex> without = {};
};

// Parts of the content, and what next_data() says of it.
void expect_reads(BlockDevice& device, Prng& prng) {
  std::vector<std::byte> whole(device.size_bytes());
  ASSERT_TRUE(device.read(0, whole));
  const ByteOffset begin = prng.below(whole.size());
  std::vector<std::byte> part(prng.between(0, whole.size() - begin));
  ASSERT_TRUE(device.read(begin, part));
  ASSERT_TRUE(
      std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(begin)));
  ByteOffset at = begin;
  while (const auto data = *device.next_data(at)) {
    ASSERT_GE(data->begin, at);
    ASSERT_LT(data->begin, data->end);
    ASSERT_LE(data->end, whole.size());
    for (; at < data->begin; ++at) ASSERT_EQ(whole[at], std::byte{0}) << at;
    at = data->end;
  }
  for (; at < whole.size(); ++at) ASSERT_EQ(whole[at], std::byte{0}) << at;
}

// What look_up() says of where a view has its content from, which is what read() gives.
void expect_sources(const Timeline& timeline, LogView& view) {
  using Source = index::Extent::Source;
  std::vector<std::byte> content(view.size_bytes());
  ASSERT_TRUE(view.read(0, content));
  std::vector<std::byte> found(content.size());
  ByteOffset end = 0;
  const auto take = [&](const index::Extent& extent, bool is_noise) -> Status {
    EXPECT_EQ(extent.range.begin, end);
    end = extent.range.end;
    const auto part = MutableBytes(found).subspan(extent.range.begin, extent.range.size());
    if (is_noise) return view.read(extent.range.begin, part);
    if (extent.source == Source::kInitial) return timeline.base()->read(extent.range.begin, part);
    if (extent.source == Source::kZeroes) return {};
    return read_exactly(*timeline.index().log(), extent.log_offset, part);
  };
  ASSERT_TRUE(view.look_up({0, content.size()}, take));
  EXPECT_EQ(end, content.size());
  EXPECT_EQ(found, content);
  end = kSector;
  ASSERT_TRUE(view.look_up({kSector, 2 * kSector}, take));
  EXPECT_EQ(end, 2 * kSector);
}

// All that exhaustive finds, each by way of its id's text.
Contents enumerate(const Timeline& timeline, const Asked& asked, Prng& prng) {
  const auto group = timeline.group(asked.model, asked.cut, asked.without);
  if (!group) throw std::runtime_error(group.error().message);
  const ByteCount unit = asked.unit_sectors * kSector;
  const auto choices =
      make_choices({.kind = Strategy::Kind::kExhaustive}, *group, {.unit_bytes = unit});
  const GroupMap map(*group, unit, asked.discard);
  Contents contents;
  std::set<std::string> ids;
  CrashState state{.group = *group, .unit_bytes = unit, .discard = asked.discard};
  while (choices->next(state.choice)) {
    if (unit == 0) state.unit_bytes = kSector;
    const StateId id = id_of(state, kSector);
    const std::string text = to_string(id);
    EXPECT_TRUE(ids.insert(text).second) << text << " stands for two states";
    const auto parsed = parse_state_id(text);
    if (!parsed) throw std::runtime_error(parsed.error().message);
    EXPECT_EQ(*parsed, id) << text;
    const auto again = timeline.crash_state(*parsed);
    if (!again) throw std::runtime_error(again.error().message);
    EXPECT_EQ(to_string(id_of(*again, kSector)), text);
    EXPECT_EQ(again->choice, state.choice) << text;
    const auto view = timeline.view(state, map);
    const std::string here = content(*view);
    const auto named = timeline.device(text);
    if (!named) throw std::runtime_error(named.error().message);
    EXPECT_EQ(content(**named), here) << text;
    expect_reads(*view, prng);
    if (prng.one_in(4)) expect_sources(timeline, *view);
    contents.insert(here);
  }
  EXPECT_EQ(ids.size(), std::uint64_t{1} << choice_bits(**group, unit));
  return contents;
}

Contents enumerate(const CrashLog& log, const std::string& base, const Asked& asked) {
  Prng prng(1);
  return enumerate(*timeline_of(log, base), asked, prng);
}

TEST(CrashStates, OfAnEpoch) {
  CrashLog log;
  log.write(0, "A").flush().write(0, "B").write(1, "C").flush().write(1, "D");
  EXPECT_EQ(enumerate(log, "..", {.cut = 0}), (Contents{"..", "A."}));
  EXPECT_EQ(enumerate(log, "..", {.cut = 2}), (Contents{"A.", "AC", "B.", "BC"}));
  // Also what stands behind the cut, up to the next FLUSH.
  EXPECT_EQ(enumerate(log, "..", {.cut = 3}), (Contents{"A.", "AC", "B.", "BC"}));
  EXPECT_EQ(enumerate(log, "..", {.cut = 5}), (Contents{"BC", "BD"}));
  EXPECT_EQ(enumerate(log, "..", {.model = Model::kPrefix, .cut = 3}), (Contents{"B."}));
}

TEST(CrashStates, AnFuaWriteMayStandInFrontOfAnOlderPlainOne) {
  // As the kernel's target logs it: the write of A came first, and may be lost or not, but the log has
  // it later, and so it wins.
  CrashLog log;
  log.fua(0, "F").write(0, "A").write(1, "B").flush();
  EXPECT_EQ(enumerate(log, "..", {.cut = 1}), (Contents{"F.", "FB", "A.", "AB"}));
  EXPECT_EQ(enumerate(log, "..", {.cut = 0}), (Contents{"..", ".B", "F.", "FB", "A.", "AB"}));
}

TEST(CrashStates, AFlushWithASectorAndWithoutDataWritesNothing) {
  CrashLog log;
  log.write(0, "A")
      .flush(kFlagFua | kFlagMetadata, 1)
      .write(1, "B", kFlagFua | kFlagMetadata)
      .write(0, "C");
  EXPECT_EQ(enumerate(log, "..", {.cut = 2}), (Contents{"A.", "AB", "C.", "CB"}));
  EXPECT_EQ(enumerate(log, "..", {.cut = 3}), (Contents{"AB", "CB"}));
}

TEST(CrashStates, AFlushComesBeforeTheDataOfItsEntry) {
  CrashLog log;
  log.write(0, "A").write(1, "B", kFlagFlush).write(2, "C");
  EXPECT_EQ(enumerate(log, "...", {.cut = 1}), (Contents{"...", "A.."}));
  EXPECT_EQ(enumerate(log, "...", {.cut = 2}), (Contents{"A..", "AB.", "A.C", "ABC"}));
  CrashLog with_fua;
  with_fua.write(0, "A").write(1, "B", kFlagFlush | kFlagFua).write(2, "C");
  EXPECT_EQ(enumerate(with_fua, "...", {.cut = 2}), (Contents{"AB.", "ABC"}));
}

TEST(CrashStates, WithoutAFlushOrAnFua) {
  CrashLog log;
  log.write(0, "A").flush().fua(1, "B").write(2, "C").flush();
  EXPECT_EQ(enumerate(log, "...", {.cut = 3}), (Contents{"AB.", "ABC"}));
  EXPECT_EQ(enumerate(log, "...", {.cut = 3, .without = 1}),
            (Contents{"AB.", "ABC", ".B.", ".BC"}));
  EXPECT_EQ(enumerate(log, "...", {.cut = 3, .without = 2}),
            (Contents{"A..", "AB.", "A.C", "ABC"}));
  EXPECT_EQ(enumerate(log, "...", {.cut = 5}), (Contents{"ABC"}));
}

TEST(CrashStates, AFlushThatIsPendingMakesNothingDurable) {
  CrashLog log;
  log.write(0, "A").pending_flush().write(1, "B").mark("m");
  EXPECT_EQ(enumerate(log, "..", {.cut = 4}), (Contents{"..", "A.", ".B", "AB"}));
}

// A flush that is submitted at 3 and completes at 6; B slips in and completes before it.
CrashLog slipped_in() {
  CrashLog log;
  log.ticks(1, 2).write(0, "A").ticks(3, 6).flush().ticks(4, 5).write(1, "B");
  return log;
}

TEST(CrashStates, ByTicksWhatSlippedIntoAFlushIsNotDurable) {
  const auto at = [](Tick tick) {
    return enumerate(slipped_in(), "..", {.model = Model::kExact, .cut = tick});
  };
  EXPECT_EQ(at(0), (Contents{".."}));
  EXPECT_EQ(at(1), (Contents{"..", "A."}));
  EXPECT_EQ(at(4), (Contents{"..", "A.", ".B", "AB"}));
  EXPECT_EQ(at(5), (Contents{"..", "A.", ".B", "AB"}));
  EXPECT_EQ(at(6), (Contents{"A.", "AB"}));
}

TEST(CrashStates, TornWritesAndDiscards) {
  CrashLog log;
  log.write(1, "ABC").discard(0, 2);
  const std::string base = "xyzw";
  EXPECT_EQ(enumerate(log, base, {.cut = 1, .unit_sectors = 2}),
            (Contents{"xyzw", "xAzw", "xyBC", "xABC", "..zw", "..BC"}));
  EXPECT_EQ(enumerate(log, base, {.cut = 1, .discard = {.kind = DiscardPolicy::Kind::kStale}}),
            (Contents{"xyzw", "xABC"}));
  EXPECT_EQ(enumerate(log, base,
                      {.cut = 1, .discard = {.kind = DiscardPolicy::Kind::kRandom, .seed = 3}}),
            (Contents{"xyzw", "xABC", "??zw", "??BC"}));
}

// What a cut is asked with, and what the naive model says.
CrashLog::Fates fates_of(const CrashLog& log, const Asked& asked) {
  if (asked.model == Model::kExact) return log.exact(asked.cut, asked.without);
  return asked.model == Model::kEpoch ? log.epoch(asked.cut, asked.without) : log.prefix(asked.cut);
}
CrashLog::Discard policy_of(const Asked& asked) {
  using Kind = DiscardPolicy::Kind;
  return asked.discard.kind == Kind::kZeroes  ? CrashLog::Discard::kZeroes
         : asked.discard.kind == Kind::kStale ? CrashLog::Discard::kStale
                                              : CrashLog::Discard::kRandom;
}

constexpr std::size_t kMostChoices = 9;

Asked random_question(Prng& prng, const CrashLog& log, CrashLog::Ticks kind) {
  constexpr DiscardPolicy kPolicies[] = {
      {}, {.kind = DiscardPolicy::Kind::kStale}, {.kind = DiscardPolicy::Kind::kRandom, .seed = 5}};
  Asked asked;
  asked.model = kind != CrashLog::Ticks::kNone ? Model::kExact
                : prng.one_in(8)               ? Model::kPrefix
                                               : Model::kEpoch;
  asked.cut = prng.between(0, asked.model == Model::kExact ? log.last_tick() : log.nr_entries());
  asked.unit_sectors = prng.below(3);
  asked.discard = kPolicies[prng.below(3)];
  const auto candidates = log.what_makes_durable();
  if (asked.model != Model::kPrefix && !candidates.empty() && prng.one_in(2))
    asked.without = candidates[prng.below(candidates.size())];
  const auto fates = fates_of(log, asked);
  if (log.choices(fates, asked.unit_sectors) > kMostChoices) asked.unit_sectors = 0;
  return asked;
}

TEST(CrashStates, ExhaustiveEqualsTheNaiveModelOnThousandsOfLogs) {
  const std::uint64_t nr_logs = test::rounds(4000);
  const std::uint64_t first = seed_of_this_run();
  std::uint64_t nr_with_choice = 0;
  for (std::uint64_t seed = first; seed < first + nr_logs; ++seed) {
    Prng prng(seed);
    const CrashLog::Ticks kind = static_cast<CrashLog::Ticks>(seed % 3);
    const std::string base = std::string("vwxyz").substr(0, prng.between(3, 5));
    const CrashLog log = CrashLog::random(prng, base.size(), kind);
    const auto timeline = timeline_of(log, base);
    for (int i = 0; i < 4; ++i) {
      const Asked asked = random_question(prng, log, kind);
      const auto fates = fates_of(log, asked);
      const Contents expected = log.states(fates, base, asked.unit_sectors, policy_of(asked));
      nr_with_choice += expected.size() > 1 ? 1 : 0;
      ASSERT_EQ(enumerate(*timeline, asked, prng), expected)
          << "POWERCUT_TEST_SEED=" << seed << ": " << log.text() << "model "
          << to_string(asked.model) << " cut " << asked.cut << " unit " << asked.unit_sectors
          << " discard " << static_cast<int>(asked.discard.kind) << " without "
          << (asked.without ? std::to_string(*asked.without) : "nothing");
    }
  }
  EXPECT_GT(nr_with_choice, nr_logs * 3 / 2);
}

// The comparison would notice each of these: what the naive model says with one rule changed.
TEST(CrashStates, TheComparisonNoticesAChangedRule) {
  using Fate = CrashLog::Fate;
  using Change = void (*)(CrashLog::Fates&);
  const std::pair<const char*, Change> changes[] = {
      {"nothing is lost",
       [](CrashLog::Fates& fates) {
         std::replace(fates.begin(), fates.end(), Fate::kMay, Fate::kMust);
       }},
      {"nothing is sure",
       [](CrashLog::Fates& fates) {
         std::replace(fates.begin(), fates.end(), Fate::kMust, Fate::kMay);
       }},
      {"all has been submitted",
       [](CrashLog::Fates& fates) {
         std::replace(fates.begin(), fates.end(), Fate::kNever, Fate::kMay);
       }},
      {"nothing was under way", [](CrashLog::Fates& fates) {
         std::replace(fates.begin(), fates.end(), Fate::kMay, Fate::kNever);
       }}};
  for (const auto& [name, change] : changes) {
    std::uint64_t nr_noticed = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      Prng prng(seed);
      const CrashLog::Ticks kind = static_cast<CrashLog::Ticks>(seed % 3);
      const std::string base = "wxyz";
      const CrashLog log = CrashLog::random(prng, base.size(), kind);
      Asked asked = random_question(prng, log, kind);
      asked.unit_sectors = 0;
      auto fates = fates_of(log, asked);
      change(fates);
      const auto timeline = timeline_of(log, base);
      if (enumerate(*timeline, asked, prng) != log.states(fates, base, 0, policy_of(asked)))
        ++nr_noticed;
    }
    EXPECT_GT(nr_noticed, 20u) << name;
  }
}

TEST(CrashStates, WhatBecameOfAnEntry) {
  using Kind = Survival::Kind;
  CrashLog log;
  log.write(0, "A").flush().write(0, "BC").fua(1, "D").write(2, "E").write(2, "F").flush().write(
      0, "G");
  const auto timeline = timeline_of(log, "...");
  const Moment moment = *timeline->moment("epoch:4:kept:4:torn:2:1");
  EXPECT_EQ(moment.least, 2u);
  EXPECT_EQ(moment.greatest, 6u);
  const Survival expected[] = {{Kind::kDurable},        {},
                               {Kind::kTorn, {{1, 1}}}, {Kind::kDurable},
                               {Kind::kKept},           {Kind::kLost}};
  for (const EntryIndex entry : {0, 2, 3, 4, 5})
    EXPECT_EQ(survival_of(*moment.crash_state, entry), expected[entry]) << entry;
  EXPECT_EQ(survival_of(*moment.crash_state, 7).kind, Kind::kBehind);
  EXPECT_EQ(content(*moment.view), "ADE");
}

TEST(CrashStates, AMomentIsBetweenTheInstantsThatItMayDifferFrom) {
  CrashLog log;
  log.write(0, "A").discard(0, 1).flush().write(0, "B");
  const auto timeline = timeline_of(log, "..");
  const auto span = [&](const char* text) {
    const Moment moment = *timeline->moment(text);
    EXPECT_EQ(moment.crash_state.has_value(), is_crash_state_text(text));
    return std::pair(moment.least, moment.greatest);
  };
  EXPECT_EQ(span("flush:1"), std::pair(EntryIndex{3}, EntryIndex{3}));
  EXPECT_EQ(span("epoch:3"), std::pair(EntryIndex{3}, EntryIndex{4}));
  EXPECT_EQ(span("epoch:1:lost:0"), std::pair(EntryIndex{0}, EntryIndex{2}));
  // A discard that had long become durable is seen.
  EXPECT_EQ(span("epoch:3:discard:stale"), std::pair(EntryIndex{0}, EntryIndex{4}));
  EXPECT_EQ(timeline->moment("epoch:3:kept:3")->name, "epoch:3");
  EXPECT_EQ(timeline->moment("end")->name, "entry:4");
}

TEST(CrashStates, ExactNeedsTicksAndSaysSo) {
  CrashLog log;
  log.write(0, "A").mark("m");
  const auto timeline = timeline_of(log, "..");
  const auto group = timeline->group(Model::kExact, 1);
  ASSERT_FALSE(group);
  EXPECT_EQ(group.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(group.error().message, HasSubstr("'x.log', entry 0: it has no ticks"));
  EXPECT_THAT(group.error().message, HasSubstr("--model epoch"));
  EXPECT_EQ(*timeline->strongest_model(), Model::kEpoch);
  EXPECT_EQ(*timeline_of(slipped_in(), "..")->strongest_model(), Model::kExact);
}

TEST(CrashStates, WrongIdsSayWhatIsWrong) {
  CrashLog log;
  log.write(0, "AB").flush().write(1, "B").mark("m").write(0, "C");
  const auto timeline = timeline_of(log, "...");
  const std::pair<const char*, const char*> cases[] = {
      {"epoch:9", "it has 5 entries"},
      {"epoch:2:lost:0", "no choice of entry 0 (2 entries may survive or not, from 2 to 4)"},
      {"epoch:2:kept:3", "no choice of entry 3"},
      {"epoch:0:torn:0:0-1", "2 atomic units"},
      {"epoch:0:torn:0:2", "2 atomic units"},
      {"epoch:0:torn:0:0:unit:256", "no unit is smaller"},
      {"epoch:x", "no number behind 'epoch'"},
      {"epoch:2:without:0", "entry 0 of 'x.log' is neither a flush nor a write with FUA"},
      {"epoch:2:without:9", "entry 9 of 'x.log' is neither"},
      {"epoch:2:without:1:lost:2", "not in its place"},
      {"entry:2:without:1", "of entry:N nothing is lost"},
      {"exact:1", "ticks"},
      {"epoch:2~exact:4", "inside the recovery from another state"},
  };
  for (const auto& [text, why] : cases) {
    const auto device = timeline->device(text);
    ASSERT_FALSE(device) << text;
    EXPECT_EQ(device.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(device.error().message, HasSubstr(why));
  }
  EXPECT_EQ(content(**timeline->device("epoch:2:lost:2-4")), "AB.");
  EXPECT_EQ(content(**timeline->device("epoch:0:torn:0:1")), ".B.");
  EXPECT_EQ(content(**timeline->device("mark:m")), "AB.");
  EXPECT_EQ(content(**timeline->device("entry:1")), "AB.");
}

TEST(CrashView, IsReadOnlyAndSaysSo) {
  CrashLog log;
  log.write(0, "AB");
  const auto timeline = timeline_of(log, "...");
  const auto device = *timeline->device("epoch:1:lost:0");
  EXPECT_EQ(device->name(), "x.log at epoch:1:lost:0");
  const std::vector<std::byte> sector(kSector);
  for (const Status& status : {device->write(0, sector, Fua::kNo),
                               device->write_zeroes({0, kSector}, Unmap::kYes, Fua::kNo),
                               device->discard({0, kSector}, Fua::kNo)}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().os_errno, EROFS);
  }
  std::vector<std::byte> too_long(4 * kSector);
  EXPECT_EQ(device->read(0, too_long).error().os_errno, EINVAL);
}

// A state in which nothing is lost is the replay up to the next flush.
TEST(CrashView, OfGoldenLogsWithNothingLostIsTheReplay) {
  const std::uint64_t seed = seed_of_this_run();
  SCOPED_TRACE(testing::Message() << "POWERCUT_TEST_SEED=" << seed);
  Prng prng(seed);
  for (const auto& golden : test::golden_logs()) {
    SCOPED_TRACE(golden.name);
    auto timeline = Timeline::open(std::shared_ptr<const File>(golden.unpack()),
                                   {.size_bytes = golden.device_size_bytes});
    ASSERT_TRUE(timeline) << timeline.error().message;
    const index::LogIndex& index = (*timeline)->index();
    for (int i = 0; i < 4; ++i) {
      const EntryIndex cut = prng.between(0, index.nr_entries());
      const std::uint64_t flushes = *index.flushes_before(cut);
      const EntryIndex next =
          flushes < index.nr_flushes() ? *index.flush(flushes) : index.nr_entries();
      auto whole = (*timeline)->device(to_string(StateId{.model = Model::kEpoch, .cut = cut}));
      ASSERT_TRUE(whole) << whole.error().message;
      const auto replay = (*timeline)->view(next);
      std::vector<std::byte> a(kMiB);
      std::vector<std::byte> b(kMiB);
      for (ByteOffset at = 0; at + a.size() <= golden.device_size_bytes; at += a.size()) {
        ASSERT_TRUE((*whole)->read(at, a));
        ASSERT_TRUE(replay->read(at, b));
        ASSERT_TRUE(test::same_bytes(a, b)) << "cut " << cut << ", in the MiB at " << at;
      }
    }
  }
}

}  // namespace
}  // namespace powercut::state
