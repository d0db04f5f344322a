// SPDX-License-Identifier: Apache-2.0
#include "findings/finding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace powercut::findings {
namespace {

using testing::HasSubstr;
using testing::Not;

Exploration full_run() {
  Exploration run;
  run.log = "run.log";
  run.log_entries = 688;
  run.device_size_bytes = 64 * kMiB;
  run.log_id = "0a1b";
  run.model = "prefix";
  run.strategy = "pairwise,one";
  run.torn = "4096";
  run.discard = "random:7";
  run.seed = 7;
  run.to = 688;
  run.shard = 2;
  run.shards = 4;
  run.at = "flush,mark";
  run.from = 98;
  run.from_reason = "mark mkfs";
  run.cuts = 131;
  run.checker = "ext4";
  run.jobs = 2;
  run.notes = {"the log has a torn tail", "and \"quotes\""};
  return run;
}

StateResult full_failure() {
  StateResult result;
  result.state = "entry:412";
  result.entries = 412;
  result.mark = "ack 17";
  result.source = Source::kReads;
  result.same_as = "entry:410";
  result.outcome = Outcome::kExitStatus;
  result.code = 4;
  result.seconds = 0.25;
  result.step = "e2fsck -fn";
  result.output = "line 1\nline 2\t\"x\"\n";
  result.reproduce = "powercut explore run.log --at entry:412 --check 'test '\\''a'\\'''";
  result.kept_image = "keep/entry-412.img";
  result.kept_output = "keep/entry-412.out";
  return result;
}

Cause full_cause() {
  Cause cause;
  cause.number = 2;
  cause.outcome = Outcome::kSignal;
  cause.code = 11;
  cause.step = "the checker";
  cause.message = "row 7 is missing";
  cause.states = 10'000;
  cause.first = "epoch:412:lost:409-411";
  cause.minimal = "epoch:412:lost:409";
  cause.lost = {{.entry = 409,
                 .kind = "write",
                 .begin = 512,
                 .end = 1024,
                 .content = "text",
                 .place = "/app.db",
                 .mark = "row 6",
                 .submitted = 811,
                 .completed = 815,
                 .wall_time_ns = 1'795'000'000'000'000}};
  cause.torn = {
      {.entry = 410, .kind = "write", .is_fua = true, .end = 4096, .units = 8, .survived = {0, 3}}};
  cause.survivors = {{.entry = 411, .kind = "zeroes"}};
  cause.barrier = Barrier{410, 412, "mark row 7"};
  cause.checks = 40;
  cause.reproduce = "powercut explore run.log --at epoch:412:lost:409";
  cause.notes = {"given up after 40 checks"};
  return cause;
}

FlushVerdict full_flush() {
  return {.entry = 9,
          .kind = "flush",
          .mark = "row 6",
          .is_needed = true,
          .state = "epoch:12:lost:8:without:9",
          .outcome = Outcome::kExitStatus,
          .code = 1,
          .step = "the checker",
          .reproduce = "powercut explore run.log",
          .states = 12};
}

Summary full_summary() {
  Summary summary;
  std::uint64_t number = 1;
  for (std::uint64_t* count :
       {&summary.cuts, &summary.possible, &summary.looked_at, &summary.distinct, &summary.checked,
        &summary.run, &summary.by_reads, &summary.by_cache, &summary.passed, &summary.failed,
        &summary.audited, &summary.disagreements, &summary.pairs, &summary.pairs_covered,
        &summary.causes}) {
    *count = number++;
  }
  summary.possible_log2 = 70.5;
  summary.seconds = 2.5;
  summary.first_failure = "entry:7";
  summary.interrupted = true;
  summary.stopped_at_limit = "--time";
  return summary;
}

void expect_round_trip(const Record& record) {
  const std::string line = to_json(record);
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  const Result<Record> back = from_json(line);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, record) << line;
}

TEST(Findings, RoundTripWithAllMembers) {
  expect_round_trip(full_run());
  expect_round_trip(full_failure());
  expect_round_trip(full_cause());
  expect_round_trip(full_flush());
  expect_round_trip(Disagreement{"epoch:9", "epoch:8:lost:3", "passed", "e2fsck -fn: 4"});
  expect_round_trip(full_summary());
}

TEST(Findings, RoundTripWithNothingOptional) {
  expect_round_trip(Exploration{});
  expect_round_trip(StateResult{});
  expect_round_trip(Cause{});
  expect_round_trip(FlushVerdict{});
  expect_round_trip(Disagreement{});
  expect_round_trip(Summary{});
}

TEST(Findings, EachOutcomeRoundTrips) {
  for (const Outcome outcome : {Outcome::kPassed, Outcome::kExitStatus, Outcome::kSignal,
                                Outcome::kTimeout, Outcome::kMount, Outcome::kAcknowledgement}) {
    StateResult result;
    result.outcome = outcome;
    expect_round_trip(result);
  }
}

TEST(Findings, AnEmptyMarkIsNotNoMark) {
  StateResult result;
  result.mark = "";
  expect_round_trip(result);
}

TEST(Findings, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  StateResult result;
  result.outcome = Outcome::kExitStatus;
  result.output = "a\xff\xfe";
  const Result<Record> back = from_json(to_json(result));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_THAT(std::get<StateResult>(*back).output, testing::StartsWith("a\xef\xbf\xbd"));
}

TEST(Findings, BadLinesAreBadInput) {
  for (
      const char* line :
      {"", "{", "[]", "1", "{}", R"({"type":"moon"})", R"({"type":"state"})", R"({"type":1})",
       R"({"type":"state","state":"entry:1","entries":1,"source":"run","outcome":"maybe","seconds":0})",
       R"({"type":"state","state":"entry:1","entries":1,"source":"hearsay","outcome":"passed","seconds":0})",
       R"({"type":"summary","cuts":"many"})"}) {
    const Result<Record> record = from_json(line);
    ASSERT_FALSE(record) << line;
    EXPECT_EQ(record.error().kind, ErrorKind::kBadInput);
  }
}

Summary summary_of(std::uint64_t passed, std::uint64_t failed) {
  Summary summary;
  summary.checked = passed + failed;
  summary.passed = passed;
  summary.failed = failed;
  return summary;
}

TEST(Summary, SucceedsOnlyIfStatesWereCheckedAndPassed) {
  EXPECT_TRUE(summary_of(3, 0).succeeded());
  EXPECT_FALSE(summary_of(0, 0).succeeded());
  EXPECT_FALSE(summary_of(2, 1).succeeded());
  Summary summary = summary_of(3, 0);
  summary.stopped_at_limit = "--time";
  EXPECT_TRUE(summary.succeeded());
  summary.interrupted = true;
  EXPECT_FALSE(summary.succeeded());
  summary = summary_of(3, 0);
  summary.disagreements = 1;
  EXPECT_FALSE(summary.succeeded());
}

TEST(Exploration, TwoAskTheSameWhateverShardJobsAndPath) {
  const Exploration run = full_run();
  Exploration other = run;
  other.log = "elsewhere/run.log";
  other.shard = 2;
  other.jobs = 9;
  other.notes.clear();
  EXPECT_TRUE(asks_the_same(run, other));
  other.log_id = "another";
  EXPECT_FALSE(asks_the_same(run, other));
  other = run;
  other.checker = "xfs";
  EXPECT_FALSE(asks_the_same(run, other));
  other = run;
  other.shards = 3;
  EXPECT_FALSE(asks_the_same(run, other));
}

TEST(Exploration, AllDifferencesAreToldTheShardIncluded) {
  const Exploration there = full_run();
  Exploration now = there;
  EXPECT_EQ(all_differences(there, now), "");
  now.log = "elsewhere/run.log";
  now.strategy.clear();
  now.seed = 0;
  now.shard = 3;
  EXPECT_EQ(
      all_differences(there, now),
      "strategy: pairwise,one there, nothing now; seed: 7 there, 0 now; shard: 2 there, 3 now");
}

TEST(Finding, NumbersThatDoNotFitAreRefused) {
  const std::string line = to_json(Exploration{});
  const auto with = [&](const std::string& name, const std::string& number) {
    const std::string member = "\"" + name + "\":";
    const std::size_t begin = line.find(member) + member.size();
    return from_json(line.substr(0, begin) + number + line.substr(line.find_first_of(",}", begin)));
  };
  EXPECT_TRUE(with("log_entries", "18446744073709551615"));
  EXPECT_TRUE(with("jobs", "4294967295"));
  for (const char* number : {"18446744073709551616", "777777777777777777777770", "1.5", "-1"}) {
    EXPECT_FALSE(with("log_entries", number)) << number;
    EXPECT_FALSE(with("jobs", number)) << number;
  }
  EXPECT_FALSE(with("jobs", "4294967296"));
}

}  // namespace
}  // namespace powercut::findings
