// SPDX-License-Identifier: Apache-2.0
#include "explore/causes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/crash_states.h"
#include "support/fake_judge.h"
#include "support/log_builder.h"

namespace powercut::explore {
namespace {

using state::CrashState;
using state::Model;
using state::Timeline;
using test::failed;
using test::FakeJudge;
using test::LogBuilder;
using test::passed;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ByteCount kSector = 512;

std::unique_ptr<Timeline> timeline_of(const LogBuilder& log) {
  auto timeline = Timeline::open(log.file("x.log"), {.size_bytes = 8 * kSector});
  if (!timeline) throw std::runtime_error(timeline.error().message);
  return *std::move(timeline);
}

// Rounds of a data write to sector 0, a commit write to sector 1, another one to sector 2, a mark and a
// flush: entries 5n to 5n + 4.
std::unique_ptr<Timeline> rounds(int number) {
  LogBuilder log;
  for (int i = 0; i < number; ++i)
    log.write(0, "A").write(1, "B").write(2, "C").mark("round " + std::to_string(i)).flush();
  return timeline_of(log);
}

bool is_lost(const CrashState& state, EntryIndex entry) {
  for (std::size_t i = 0; i < state.group->may.size(); ++i) {
    if (state.group->may_entry(i).entry == entry) return !state.choice.kept[i];
  }
  return false;
}

// The commit without the data, in whichever round.
check::Verdict judge_rounds(const CrashState& state) {
  const EntryIndex round = state.group->base / 5 * 5;
  const bool fails = is_lost(state, round) && !is_lost(state, round + 1);
  return fails ? failed("row " + std::to_string(round) + " is lost") : passed();
}

// Gives a collector every state of every cut.
std::uint64_t collect_all(CauseCollector& collector, const Timeline& timeline, FakeJudge& judge) {
  std::uint64_t nr_failures = 0;
  for (EntryIndex cut = 0; cut <= timeline.index().nr_entries(); ++cut) {
    CrashState state{.group = *timeline.group(Model::kEpoch, cut), .unit_bytes = kSector};
    for (std::size_t mask = 0; mask < std::size_t{1} << state.group->may.size(); ++mask) {
      state.choice.kept.clear();
      for (std::size_t i = 0; i < state.group->may.size(); ++i)
        state.choice.kept.push_back((mask >> i & 1) != 0);
      const check::Verdict verdict = (**judge.judge(state)).verdict;
      findings::StateResult result;
      result.state = to_string(id_of(state, kSector));
      result.entries = cut;
      result.outcome = outcome_of(verdict.outcome);
      result.code = verdict.code;
      result.step = verdict.step;
      result.output = verdict.step_output;
      nr_failures += result.passed() ? 0 : 1;
      collector.on_result(result, state);
    }
  }
  return nr_failures;
}

TEST(Causes, TheSameFailureInManyRoundsIsOne) {
  const auto timeline = rounds(10);
  FakeJudge judge(judge_rounds);
  CauseCollector collector(*timeline);
  const std::uint64_t nr_failures = collect_all(collector, *timeline, judge);
  const auto causes = collector.finish(&judge, {.reproduce = {"powercut", "explore", "x.log"}});
  ASSERT_TRUE(causes) << causes.error().message;
  ASSERT_THAT(*causes, SizeIs(1));
  const findings::Cause& cause = causes->front();
  EXPECT_EQ(cause.number, 1u);
  EXPECT_EQ(cause.states, nr_failures);
  EXPECT_EQ(cause.outcome, findings::Outcome::kExitStatus);
  EXPECT_EQ(cause.code, 1);
  EXPECT_EQ(cause.step, "the checker");
  EXPECT_EQ(cause.message, "row 0 is lost");
  EXPECT_EQ(cause.first, "epoch:0:kept:1");
  EXPECT_EQ(cause.minimal, "epoch:0:lost:0");
  ASSERT_THAT(cause.lost, SizeIs(1));
  EXPECT_EQ(cause.lost[0].entry, 0u);
  EXPECT_EQ(cause.lost[0].kind, "write");
  EXPECT_EQ(cause.lost[0].end, kSector);
  EXPECT_EQ(cause.lost[0].content, "text \"" + std::string(32, 'A') + "...\"");
  ASSERT_THAT(cause.survivors, SizeIs(1));
  EXPECT_EQ(cause.survivors[0].entry, 1u);
  EXPECT_EQ(cause.barrier, (findings::Barrier{0, 1, "entry 1 survived"}));
  EXPECT_EQ(cause.reproduce, "powercut explore x.log --at epoch:0:lost:0");
  EXPECT_GT(cause.checks, 0u);
  EXPECT_THAT(cause.notes, IsEmpty());
}

TEST(Causes, WhatLosesTheSameAndIsShownByTheSameIsOne) {
  const auto timeline = rounds(2);
  // Two ways to say it, and something else.
  FakeJudge judge([](const CrashState& state) {
    if (is_lost(state, 0) && !is_lost(state, 1)) return failed("row is lost");
    if (is_lost(state, 5) && !is_lost(state, 6)) return failed("no such row");
    if (is_lost(state, 7)) return failed("no index");
    return passed();
  });
  CauseCollector collector(*timeline);
  (void)collect_all(collector, *timeline, judge);
  const auto causes = collector.finish(&judge, {});
  ASSERT_TRUE(causes) << causes.error().message;
  ASSERT_THAT(*causes, SizeIs(2));
  EXPECT_EQ(causes->at(0).message, "row is lost");
  EXPECT_EQ(causes->at(1).message, "no index");
  EXPECT_EQ(causes->at(1).number, 2u);
  // The round has no more entries, so that C is the last to be lost.
  EXPECT_EQ(causes->at(1).minimal.substr(0, 6), "epoch:");
  EXPECT_EQ(causes->at(1).lost.at(0).entry, 7u);
  EXPECT_EQ(causes->at(0).states + causes->at(1).states, [&] {
    CauseCollector again(*timeline);
    return collect_all(again, *timeline, judge);
  }());
}

TEST(Causes, WithoutAJudgeFailuresAreGroupedOnly) {
  const auto timeline = rounds(3);
  FakeJudge judge(judge_rounds);
  CauseCollector collector(*timeline);
  const std::uint64_t nr_failures = collect_all(collector, *timeline, judge);
  const auto causes = collector.finish(nullptr, {});
  ASSERT_TRUE(causes);
  ASSERT_THAT(*causes, SizeIs(1));
  EXPECT_EQ(causes->front().states, nr_failures);
  EXPECT_EQ(causes->front().message, "row 0 is lost");
  EXPECT_EQ(causes->front().minimal, "");
  EXPECT_THAT(causes->front().lost, IsEmpty());
}

TEST(Causes, OrderOfArrivalDoesNotMatter) {
  const auto timeline = rounds(3);
  CauseCollector collector(*timeline);
  for (const EntryIndex cut : {10, 0, 5}) {
    CrashState state{.group = *timeline->group(Model::kEpoch, cut), .unit_bytes = kSector};
    state.choice.kept.assign(state.group->may.size(), false);
    findings::StateResult result;
    result.state = to_string(id_of(state, kSector));
    result.entries = cut;
    result.outcome = findings::Outcome::kSignal;
    collector.on_result(result, state);
  }
  const auto causes = collector.finish(nullptr, {});
  ASSERT_THAT(*causes, SizeIs(1));
  EXPECT_EQ(causes->front().first, "epoch:0:lost:0-2");
  EXPECT_EQ(causes->front().states, 3u);
}

TEST(Causes, MoreSignaturesThanAreKeptAreCountedAsOne) {
  const auto timeline = rounds(1);
  CauseCollector collector(*timeline);
  CrashState state{.group = *timeline->group(Model::kEpoch, 0), .unit_bytes = kSector};
  state.choice.kept.assign(3, true);
  for (int i = 0; i < 100; ++i) {
    findings::StateResult result;
    result.state = "epoch:0";
    result.outcome = findings::Outcome::kExitStatus;
    result.code = i + 1;
    collector.on_result(result, state);
  }
  const auto causes = collector.finish(nullptr, {});
  ASSERT_THAT(*causes, SizeIs(kMostSignatures));
  std::uint64_t states = 0;
  for (const auto& cause : *causes) states += cause.states;
  EXPECT_EQ(states, 100u);
}

TEST(Causes, AFailureThatDoesNotComeAgainSaysSo) {
  const auto timeline = rounds(1);
  CauseCollector collector(*timeline);
  FakeJudge judge(judge_rounds);
  (void)collect_all(collector, *timeline, judge);
  FakeJudge mild([](const CrashState&) { return passed(); });
  const auto causes = collector.finish(&mild, {});
  ASSERT_THAT(*causes, SizeIs(1));
  EXPECT_THAT(causes->front().notes, ElementsAre(HasSubstr("once more")));
  EXPECT_EQ(causes->front().minimal, "");
  EXPECT_EQ(causes->front().message, "row 0 is lost");
}

TEST(Causes, AnInterruptLeavesTheRestUnexplained) {
  const auto timeline = rounds(1);
  CauseCollector collector(*timeline);
  FakeJudge judge(judge_rounds);
  (void)collect_all(collector, *timeline, judge);
  judge.interrupted_at = judge.checks + 2;
  const auto causes = collector.finish(&judge, {});
  ASSERT_THAT(*causes, SizeIs(1));
  EXPECT_EQ(causes->front().minimal, "");
}

TEST(Causes, TornWritesAndTicks) {
  LogBuilder log(512, test::test_extension(8 * kSector));
  log.write(0, "ABCD").write(4, "E");
  const auto timeline = timeline_of(log);
  FakeJudge judge([](const CrashState& state) {
    return state.choice.torn.empty() ? passed() : failed("torn page");
  });
  CrashState state{.group = *timeline->group(Model::kExact, 4), .unit_bytes = kSector};
  state.choice.kept = {false, false};
  state.choice.torn = {{0, {{0, 1}, {3, 3}}}};
  const auto explanation = explain(*timeline, state, judge, {});
  ASSERT_TRUE(explanation);
  ASSERT_TRUE(*explanation);
  const findings::Cause& cause = (*explanation)->cause;
  EXPECT_EQ(cause.minimal, "exact:4:torn:0:0-1.3");
  EXPECT_THAT(cause.lost, IsEmpty());
  ASSERT_THAT(cause.torn, SizeIs(1));
  EXPECT_EQ(cause.torn[0].units, 4u);
  EXPECT_THAT(cause.torn[0].survived, ElementsAre(0, 1, 3));
  EXPECT_EQ(cause.torn[0].submitted, 1u);
  EXPECT_EQ(cause.torn[0].completed, 2u);
  EXPECT_FALSE(cause.barrier);
  EXPECT_THAT(cause.notes, ElementsAre(HasSubstr("in front of entry 0")));
}

}  // namespace
}  // namespace powercut::explore
