// SPDX-License-Identifier: Apache-2.0
#include "report/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace powercut::report {
namespace {

using findings::Exploration;
using findings::Outcome;
using findings::StateResult;
using findings::Summary;
using testing::HasSubstr;
using testing::Not;

StateResult failure() {
  StateResult result;
  result.state = "entry:412";
  result.entries = 412;
  result.mark = "ack 17";
  result.outcome = Outcome::kExitStatus;
  result.code = 4;
  result.step = "e2fsck -fn";
  result.output = "one\ntwo\n";
  result.reproduce = "powercut explore run.log --at entry:412 --fs ext4";
  return result;
}

TEST(Duration, InUnitsThatSuitIt) {
  EXPECT_EQ(duration_text(0), "0 ms");
  EXPECT_EQ(duration_text(0.012), "12 ms");
  EXPECT_EQ(duration_text(0.1), "0.1 s");
  EXPECT_EQ(duration_text(59.94), "59.9 s");
  EXPECT_EQ(duration_text(200), "3 min 20 s");
  EXPECT_EQ(duration_text(3599.7), "1 h 00 min");
  EXPECT_EQ(duration_text(7500), "2 h 05 min");
}

TEST(RunText, SaysWhatIsExplored) {
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
  run.notes = {"the log has a torn tail"};
  EXPECT_EQ(
      run_text(run),
      "run.log: 688 entries, 64 MiB device; 131 cuts at flush,mark, from mark mkfs (entry 98) on\n"
      "model prefix, checker ext4, 2 jobs\n"
      "note: the log has a torn tail\n");
  run.from = 0;
  run.notes.clear();
  run.cuts = run.jobs = 1;
  run.log_entries = 1;
  run.device_size_bytes = 1000;
  EXPECT_EQ(run_text(run),
            "run.log: 1 entry, 1000 bytes device; 1 cut at flush,mark\n"
            "model prefix, checker ext4, 1 job\n");
}

TEST(FailureText, NamesStateVerdictOutputAndCommand) {
  EXPECT_EQ(failure_text(failure(), {}),
            "FAIL entry:412 (behind mark ack 17): e2fsck -fn exited with status 4\n"
            "  | one\n"
            "  | two\n"
            "  reproduce: powercut explore run.log --at entry:412 --fs ext4\n");
}

TEST(FailureText, BriefTakesTheLastLineOfTheOutput) {
  StateResult result = failure();
  EXPECT_EQ(brief_failure_text(result, {}), "FAIL entry:412 (behind mark ack 17): two\n");
  result.output = "\n\n";
  EXPECT_EQ(brief_failure_text(result, {}),
            "FAIL entry:412 (behind mark ack 17): e2fsck -fn exited with status 4\n");
  result.output = std::string(200, 'x');
  EXPECT_EQ(brief_failure_text(result, {}),
            "FAIL entry:412 (behind mark ack 17): " + std::string(77, 'x') + "...\n");
}

TEST(FailureText, LongMarksAreCut) {
  StateResult result = failure();
  result.mark = std::string(500, 'm');
  EXPECT_THAT(brief_failure_text(result, {}),
              HasSubstr("(behind mark " + std::string(37, 'm') + "...): two"));
}

TEST(FailureText, NamesWhatWasKept) {
  StateResult result = failure();
  result.kept_image = "keep/entry-412.img";
  result.kept_output = "keep/entry-412.out";
  EXPECT_THAT(failure_text(result, {}), HasSubstr("  image:     keep/entry-412.img\n"
                                                  "  output:    keep/entry-412.out\n"));
}

TEST(FailureText, ShowsTheEndOfLongOutput) {
  StateResult result = failure();
  result.output.clear();
  for (int i = 0; i < 100; ++i) result.output += "line " + std::to_string(i) + "\n";
  const std::string text = failure_text(result, {});
  EXPECT_THAT(text, HasSubstr("(88 lines before)"));
  EXPECT_THAT(text, HasSubstr("| line 99\n"));
  EXPECT_THAT(text, HasSubstr("| line 88\n"));
  EXPECT_THAT(text, Not(HasSubstr("| line 87\n")));
}

TEST(FailureText, LetsNoControlCharactersThrough) {
  StateResult result = failure();
  result.output = "\x1b[2Jboo\a\n50%\r100%\nunix\r\n";
  result.mark = "\x1b[31m";
  const std::string text = failure_text(result, {});
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("| [2Jboo\n  | 100%\n  | unix\n"));
}

TEST(VerdictText, EachOutcome) {
  StateResult result = failure();
  EXPECT_EQ(verdict_text(result), "e2fsck -fn exited with status 4");
  result.outcome = Outcome::kSignal;
  result.code = SIGSEGV;
  EXPECT_EQ(verdict_text(result), "e2fsck -fn was killed by signal 11 (Segmentation fault)");
  result.outcome = Outcome::kTimeout;
  EXPECT_EQ(verdict_text(result), "e2fsck -fn did not end in time");
  result.outcome = Outcome::kMount;
  result.step = "mount";
  EXPECT_EQ(verdict_text(result), "mount failed");
  result.outcome = Outcome::kPassed;
  EXPECT_EQ(verdict_text(result), "passed");
}

Summary summary_of(std::uint64_t cuts, std::uint64_t passed, std::uint64_t failed) {
  Summary summary;
  summary.cuts = cuts;
  summary.checked = passed + failed;
  summary.passed = passed;
  summary.failed = failed;
  summary.seconds = 2;
  return summary;
}

TEST(SummaryText, AllPassed) {
  EXPECT_EQ(summary_text(summary_of(131, 131, 0), 0, {}),
            "131 states checked in 2.0 s (65.5/s): 131 passed, 0 failed\n");
}

TEST(SummaryText, FailuresThatWereNotShownAreCounted) {
  Summary summary = summary_of(131, 100, 31);
  summary.first_failure = "entry:98";
  EXPECT_EQ(summary_text(summary, 10, {}),
            "... and 21 failing states that are not shown here\n"
            "131 states checked in 2.0 s (65.5/s): 100 passed, 31 failed, first at entry:98\n");
}

TEST(SummaryText, NoStateIsNoSuccess) {
  EXPECT_THAT(summary_text({}, 0, {}), HasSubstr("no state was checked"));
}

TEST(SummaryText, AnInterruptedRunSaysSo) {
  Summary summary = summary_of(131, 20, 0);
  summary.interrupted = true;
  EXPECT_EQ(summary_text(summary, 0, {}),
            "interrupted: 20 of 131 states checked, so this is no verdict on the rest\n"
            "20 states checked in 2.0 s (10.0/s): 20 passed, 0 failed\n");
  summary.checked = summary.passed = 0;
  EXPECT_THAT(summary_text(summary, 0, {}), Not(HasSubstr("no state was checked")));
}

TEST(SummaryText, StoppedAtTheLimit) {
  Summary summary = summary_of(131, 19, 1);
  summary.stopped_at_limit = "--max-failures";
  EXPECT_THAT(summary_text(summary, 1, {}), HasSubstr("limit of failures: 20 of 131 states"));
}

TEST(Color, OnlyWhenAskedFor) {
  const Summary summary = summary_of(2, 1, 1);
  EXPECT_THAT(summary_text(summary, 1, {}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(summary_text(summary, 1, {true}), HasSubstr("\x1b[31m1 failed\x1b[0m"));
  EXPECT_THAT(failure_text(failure(), {true}), HasSubstr("\x1b[31mFAIL\x1b[0m"));
}

}  // namespace
}  // namespace powercut::report
