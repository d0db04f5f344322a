// SPDX-License-Identifier: Apache-2.0
#include "findings/digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace powercut::findings {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Exploration run_of(std::uint32_t shard = 1, std::uint32_t shards = 1) {
  Exploration run;
  run.log = "run.log";
  run.log_entries = 1000;
  run.model = "epoch";
  run.checker = "ext4";
  run.shard = shard;
  run.shards = shards;
  return run;
}

StateResult state_of(EntryIndex entries, Outcome outcome = Outcome::kPassed) {
  StateResult result;
  result.state = "epoch:" + std::to_string(entries);
  result.entries = entries;
  result.outcome = outcome;
  if (outcome != Outcome::kPassed) {
    result.code = 1;
    result.step = "check";
    result.output = "checking\nrow 7 is missing\n\n";
    result.reproduce = "powercut explore run.log --at " + result.state;
  }
  return result;
}

Summary summary_of(std::uint64_t passed, std::uint64_t failed) {
  Summary summary;
  summary.cuts = 50;
  summary.possible = 2000;
  summary.possible_log2 = 11;
  summary.looked_at = 1000;
  summary.distinct = summary.checked = passed + failed;
  summary.run = summary.checked;
  summary.passed = passed;
  summary.failed = failed;
  summary.seconds = 2;
  return summary;
}

Cause cause_of(std::string place, std::size_t lost) {
  Cause cause;
  cause.code = 1;
  cause.step = "check";
  cause.states = 10;
  cause.checks = 3;
  for (std::size_t i = 0; i < lost; ++i) cause.lost.push_back({.entry = i, .place = place});
  return cause;
}

// Each file is a list of records.
using File = std::vector<Record>;

Result<Digest> digest(const std::vector<File>& files, std::string_view rest = {}) {
  Digester digester;
  int number = 0;
  for (const auto& file : files) {
    digester.begin_file("f" + std::to_string(++number));
    for (const auto& record : file) POWERCUT_TRY_STATUS(digester.add_line(to_json(record)));
    POWERCUT_TRY_STATUS(digester.end_file(rest));
  }
  return digester.finish();
}

Digest digest_of(const std::vector<File>& files, std::string_view rest = {}) {
  auto result = digest(files, rest);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? *std::move(result) : Digest{};
}

std::string error_of(const std::vector<File>& files, std::string_view rest = {}) {
  const auto result = digest(files, rest);
  EXPECT_FALSE(result);
  if (result) return {};
  EXPECT_EQ(result.error().kind, ErrorKind::kBadInput);
  return result.error().message;
}

TEST(Digest, OfOneRun) {
  const Digest all =
      digest_of({{run_of(), state_of(0), state_of(999, Outcome::kTimeout),
                  state_of(500, Outcome::kExitStatus), cause_of("/db", 1), summary_of(1, 2)}});
  EXPECT_EQ(all.run, run_of());
  EXPECT_EQ(all.summary.checked, 3);
  EXPECT_EQ(all.summary.first_failure, "epoch:500");
  EXPECT_EQ(all.summary.causes, 1);
  EXPECT_FALSE(all.summary.interrupted);
  ASSERT_THAT(all.failures, SizeIs(2));
  EXPECT_EQ(all.failures[1].state, "epoch:999");
  EXPECT_EQ(all.stretches.front(), (Stretch{1, 0}));
  EXPECT_EQ(all.stretches[Digester::kStretches / 2], (Stretch{0, 1}));
  EXPECT_EQ(all.stretches.back(), (Stretch{0, 1}));
}

TEST(Digest, ShardsAddUp) {
  Summary second = summary_of(3, 1);
  second.cuts = 60;
  second.stopped_at_limit = "--time";
  const Digest all =
      digest_of({{run_of(2, 2), state_of(7, Outcome::kExitStatus), second},
                 {run_of(1, 2), state_of(5, Outcome::kExitStatus), summary_of(10, 1)}});
  EXPECT_EQ(all.summary.checked, 15);
  EXPECT_EQ(all.summary.failed, 2);
  EXPECT_EQ(all.summary.cuts, 60);
  EXPECT_EQ(all.summary.possible, 2000);
  EXPECT_EQ(all.summary.looked_at, 2000);
  EXPECT_EQ(all.summary.distinct, 15);
  EXPECT_EQ(all.summary.seconds, 4);
  EXPECT_EQ(all.summary.stopped_at_limit, "--time");
  EXPECT_FALSE(all.summary.interrupted);
  EXPECT_EQ(all.summary.first_failure, "epoch:5");
  EXPECT_EQ(all.run.shards, 1);
  EXPECT_THAT(all.run.notes, ElementsAre("merged from 2 shards"));
}

TEST(Digest, ShardsThatAreMissingAreSaid) {
  const Digest all = digest_of({{run_of(2, 4), state_of(7), summary_of(1, 0)}});
  EXPECT_TRUE(all.summary.interrupted);
  EXPECT_FALSE(all.summary.succeeded());
  EXPECT_THAT(all.run.notes, ElementsAre("3 of 4 shards are missing: 1, 3, 4"));
}

TEST(Digest, SeveralRunsInOneFileAsIfInSeveral) {
  const Digest all = digest_of(
      {{run_of(1, 2), state_of(1), summary_of(1, 0), run_of(2, 2), state_of(2), summary_of(1, 0)}});
  EXPECT_EQ(all.summary.checked, 2);
  EXPECT_TRUE(all.summary.succeeded());
}

TEST(Digest, WhatDoesNotBelongTogetherIsBadInput) {
  Exploration other = run_of(2, 2);
  other.model = "exact";
  EXPECT_THAT(
      error_of({{run_of(1, 2)}, {other}}),
      HasSubstr("'f2', line 1: this is not of the same run as what comes before it: model is "
                "\"exact\", not \"epoch\""));
  EXPECT_THAT(error_of({{run_of(1, 2)}, {run_of(1, 2)}}), HasSubstr("shard 1 has been there"));
  EXPECT_THAT(error_of({{run_of()}, {run_of()}}), HasSubstr("only shards of one run"));
  EXPECT_THAT(error_of({{run_of(3, 2)}}), HasSubstr("no shard 3 of 2"));
  EXPECT_THAT(error_of({{run_of(0, 0)}}), HasSubstr("no shard 0 of 0"));
  EXPECT_THAT(error_of({{state_of(1)}}), HasSubstr("'f1', line 1: the line that says"));
  EXPECT_THAT(error_of({{}}), HasSubstr("there are no findings in 'f1'"));
  EXPECT_THAT(error_of({}), HasSubstr("there are no findings"));
  EXPECT_THAT(error_of({{run_of(), summary_of(1, 0)}}, "garbage"), HasSubstr("'f1', line 3"));
}

TEST(Digest, ARunThatWasKilledCountsItsStates) {
  StateResult by_reads = state_of(3);
  by_reads.source = Source::kReads;
  StateResult by_cache = state_of(4);
  by_cache.source = Source::kCache;
  const Digest all =
      digest_of({{run_of(), state_of(1), by_reads, by_cache, state_of(6, Outcome::kExitStatus),
                  state_of(5, Outcome::kExitStatus)}},
                R"({"type":"state","sta)");
  EXPECT_TRUE(all.summary.interrupted);
  EXPECT_EQ(all.summary.checked, 5);
  EXPECT_EQ(all.summary.run, 3);
  EXPECT_EQ(all.summary.by_reads, 1);
  EXPECT_EQ(all.summary.by_cache, 1);
  EXPECT_EQ(all.summary.by_content(), 0);
  EXPECT_THAT(all.run.notes, ElementsAre("the last line of 'f1' is cut off",
                                         "'f1' has no summary: its run was killed, or goes on"));
  ASSERT_THAT(all.causes, SizeIs(1));
  EXPECT_EQ(all.causes[0].states, 2);
  EXPECT_EQ(all.causes[0].step, "check");
  EXPECT_EQ(all.causes[0].message, "row 7 is missing");
  EXPECT_EQ(all.causes[0].first, "epoch:5");
  EXPECT_EQ(all.causes[0].minimal, "");
}

TEST(Digest, ALastLineWithoutNewlineIsALine) {
  const Digest all = digest_of({{run_of(), state_of(1)}}, to_json(summary_of(1, 0)));
  EXPECT_TRUE(all.summary.succeeded());
  EXPECT_THAT(all.run.notes, IsEmpty());
}

TEST(Digest, CausesOfShardsAreOneWhereTheSameIsLost) {
  const Digest all =
      digest_of({{run_of(1, 2), cause_of("/db", 2), cause_of("/log", 1), summary_of(1, 1)},
                 {run_of(2, 2), cause_of("/db", 2), cause_of("/db", 1), summary_of(1, 1)}});
  ASSERT_THAT(all.causes, SizeIs(3));
  EXPECT_EQ(all.causes[0].states, 20);
  EXPECT_EQ(all.causes[0].checks, 6);
  EXPECT_EQ(all.causes[1].states, 10);
  EXPECT_EQ(all.causes[2].number, 3);
  EXPECT_EQ(all.summary.causes, 3);
}

TEST(Digest, AFlushIsNeededIfOneShardSaysSo) {
  const FlushVerdict needed = {
      .entry = 9, .kind = "flush", .is_needed = true, .state = "x", .states = 2};
  const FlushVerdict other = {.entry = 9, .kind = "flush", .states = 5};
  for (const bool is_first : {true, false}) {
    const Digest all = digest_of({{run_of(1, 2), is_first ? needed : other, summary_of(1, 0)},
                                  {run_of(2, 2), is_first ? other : needed, summary_of(1, 0)}});
    ASSERT_THAT(all.flushes, SizeIs(1));
    EXPECT_TRUE(all.flushes[0].is_needed);
    EXPECT_EQ(all.flushes[0].state, "x");
    EXPECT_EQ(all.flushes[0].states, 7);
  }
}

TEST(Digest, KeepsABoundedNumberTheEarliest) {
  File file = {run_of()};
  for (EntryIndex i = 2 * Digester::kMostFailures; i > 0; --i)
    file.push_back(state_of(i, Outcome::kExitStatus));
  for (std::size_t i = 0; i < Digester::kMostCauses + 5; ++i)
    file.push_back(cause_of(std::to_string(i), 1));
  file.push_back(summary_of(0, 2 * Digester::kMostFailures));
  const Digest all = digest_of({file});
  ASSERT_THAT(all.failures, SizeIs(Digester::kMostFailures));
  EXPECT_EQ(all.failures.front().entries, 1);
  EXPECT_EQ(all.failures.back().entries, Digester::kMostFailures);
  EXPECT_THAT(all.causes, SizeIs(Digester::kMostCauses));
  EXPECT_EQ(all.causes_left_out, 5);
  EXPECT_EQ(all.summary.causes, Digester::kMostCauses + 5);
  EXPECT_THAT(all.run.notes, ElementsAre("of 1000 failing states 500 are listed"));
}

TEST(Digest, AsRecordsItCanBeReadAgain) {
  const Digest first = digest_of({{run_of(1, 3), state_of(1), state_of(2, Outcome::kExitStatus),
                                   cause_of("/db", 1), FlushVerdict{.entry = 9, .kind = "fua"},
                                   Disagreement{"a", "b", "c", "d"}, summary_of(1, 1)}});
  File file;
  first.for_each_record([&](const Record& record) { file.push_back(record); });
  const Digest again = digest_of({file});
  EXPECT_EQ(again.run, first.run);
  EXPECT_EQ(again.summary, first.summary);
  EXPECT_EQ(again.causes, first.causes);
  EXPECT_EQ(again.flushes, first.flushes);
  EXPECT_EQ(again.disagreements, first.disagreements);
  EXPECT_EQ(again.failures, first.failures);
}

}  // namespace
}  // namespace powercut::findings
