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
  run.model = "prefix";
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
  expect_round_trip(Summary{131, 130, 129, 1, 2.5, "entry:7", true, true});
}

TEST(Findings, RoundTripWithNothingOptional) {
  expect_round_trip(Exploration{});
  expect_round_trip(StateResult{});
  expect_round_trip(Summary{});
}

TEST(Findings, EachOutcomeRoundTrips) {
  for (const Outcome outcome : {Outcome::kPassed, Outcome::kExitStatus, Outcome::kSignal,
                                Outcome::kTimeout, Outcome::kMount}) {
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
  for (const char* line :
       {"", "{", "[]", "1", "{}", R"({"type":"moon"})", R"({"type":"state"})", R"({"type":1})",
        R"({"type":"state","state":"entry:1","entries":1,"outcome":"maybe","seconds":0})",
        R"({"type":"state","state":"entry:1","entries":1,"outcome":"signal","seconds":0})",
        R"({"type":"summary","cuts":"many"})"}) {
    const Result<Record> record = from_json(line);
    ASSERT_FALSE(record) << line;
    EXPECT_EQ(record.error().kind, ErrorKind::kBadInput);
  }
}

TEST(Summary, SucceedsOnlyIfAllStatesWereCheckedAndPassed) {
  EXPECT_TRUE((Summary{3, 3, 3, 0, 1, {}, false, false}).succeeded());
  EXPECT_FALSE((Summary{0, 0, 0, 0, 1, {}, false, false}).succeeded());
  EXPECT_FALSE((Summary{3, 3, 2, 1, 1, {}, false, false}).succeeded());
  EXPECT_FALSE((Summary{3, 2, 2, 0, 1, {}, true, false}).succeeded());
  EXPECT_FALSE((Summary{3, 2, 2, 0, 1, {}, false, true}).succeeded());
}

}  // namespace
}  // namespace powercut::findings
