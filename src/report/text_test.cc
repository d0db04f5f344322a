// SPDX-License-Identifier: Apache-2.0
#include "report/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
            "run.log: 1 entry, 1,000 bytes device; 1 cut at flush,mark\n"
            "model prefix, checker ext4, 1 job\n");
}

TEST(RunText, NamesHowCrashStatesAreChosen) {
  Exploration run;
  run.log = "a\nb\x1b[31m";
  run.model = "exact";
  run.strategy = "pairwise,one";
  run.torn = "512";
  run.discard = "stale";
  run.seed = 7;
  run.at = "all";
  run.cuts = 12'345;
  run.checker = "./check.sh\n{}";
  run.shard = 2;
  run.shards = 4;
  EXPECT_EQ(
      run_text(run),
      "a b[31m: 0 entries, 0 bytes device; 12,345 cuts at all\n"
      "model exact, strategy pairwise,one, torn writes in units of 512 bytes, discards stale, "
      "seed 7, checker ./check.sh {}, 1 job, shard 2 of 4\n");
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

TEST(FailureText, ACommandKeepsItsLines) {
  StateResult result = failure();
  result.reproduce = "powercut explore x --check 'a\n\tb\x1b[0m'";
  EXPECT_THAT(failure_text(result, {}),
              HasSubstr("reproduce: powercut explore x --check 'a\n    b[0m'\n"));
}

Summary summary_of(std::uint64_t cuts, std::uint64_t passed, std::uint64_t failed) {
  Summary summary;
  summary.cuts = cuts;
  summary.checked = summary.run = passed + failed;
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
            "interrupted: this is no verdict on the rest\n"
            "20 states checked in 2.0 s (10.0/s): 20 passed, 0 failed\n");
  summary.checked = summary.passed = 0;
  EXPECT_THAT(summary_text(summary, 0, {}), Not(HasSubstr("no state was checked")));
}

TEST(SummaryText, OfAKilledRunTheTimeIsNotKnown) {
  Summary summary = summary_of(131, 20, 0);
  summary.seconds = 0;
  EXPECT_EQ(summary_text(summary, 0, {}), "20 states checked: 20 passed, 0 failed\n");
}

TEST(SummaryText, StoppedAtTheLimit) {
  Summary summary = summary_of(131, 19, 1);
  summary.stopped_at_limit = "--max-failures";
  EXPECT_THAT(summary_text(summary, 1, {}),
              HasSubstr("stopped at the limit of failures (--max-failures)\n"));
}

TEST(SummaryText, HowMuchOfTheSpaceThatIs) {
  Summary summary = summary_of(131, 1'203, 31);
  summary.possible = 1;
  summary.possible_log2 = 70.52;
  summary.looked_at = 5'000;
  summary.distinct = 1'300;
  summary.run = 800;
  summary.by_reads = 400;
  summary.by_cache = 34;
  summary.audited = 12;
  summary.pairs = 5'000;
  summary.pairs_covered = 4'950;
  summary.causes = 2;
  summary.first_failure = "epoch:412:lost:409";
  summary.stopped_at_limit = "--time";
  EXPECT_EQ(
      summary_text(summary, 31, {}),
      "stopped by --time: not all states were looked at\n"
      "131 cuts: 2^70.5 states possible, 5,000 looked at, 1,300 of them with a content of "
      "their own\n"
      "5,000 pairs of writes that can be lost: 4,950 seen in all four combinations\n"
      "verdicts: 800 run, 400 as others that read the same, 34 known from the cache\n"
      "audit: 12 states not run at first: the same verdict\n"
      "1,234 states checked in 2.0 s (617.0/s): 1,203 passed, 31 failed for 2 causes, first at "
      "epoch:412:lost:409\n");
}

findings::Cause cause() {
  findings::Cause cause;
  cause.number = 2;
  cause.outcome = Outcome::kExitStatus;
  cause.code = 1;
  cause.step = "./check.sh";
  cause.message = "row 7 is missing";
  cause.states = 10'000;
  cause.first = "epoch:412:lost:409-411";
  cause.minimal = "epoch:412:lost:409";
  cause.lost = {{.entry = 409,
                 .kind = "write",
                 .begin = 65'536,
                 .end = 69'632,
                 .content = "text",
                 .place = "/app.db",
                 .mark = "row 6"}};
  cause.torn = {{.entry = 410, .kind = "write", .end = 4096, .units = 8, .survived = {0, 1, 2, 5}}};
  cause.survivors = {{.entry = 411, .kind = "zeroes", .begin = 0, .end = 1000}};
  cause.barrier = findings::Barrier{410, 412, "mark row 7"};
  cause.reproduce = "powercut explore run.log --at epoch:412:lost:409";
  return cause;
}

TEST(CauseText, TellsTheWholeStory) {
  EXPECT_EQ(
      cause_text(cause(), {}),
      "CAUSE 2 ./check.sh exited with status 1, in 10,000 states; the first is "
      "epoch:412:lost:409-411\n"
      "  | row 7 is missing\n"
      "  lost:\n"
      "    entry 409: write of 4 KiB at byte 65,536 (text, /app.db, behind mark row 6)\n"
      "  torn:\n"
      "    entry 410: write of 4 KiB at byte 0 (units 0-2, 5 of 8 survived)\n"
      "  and these survived:\n"
      "    entry 411: zeroes of 1,000 bytes at byte 0\n"
      "  A flush behind entry 410 and in front of entry 412 (mark row 7), or FUA on entry 410, "
      "would have ruled this out.\n"
      "  reproduce: powercut explore run.log --at epoch:412:lost:409\n");
}

TEST(CauseText, WhenAWriteWasAndWhatElseIsToBeKnown) {
  findings::Cause noted = cause();
  noted.lost[0].submitted = 811;
  noted.lost[0].completed = 815;
  noted.notes = {"the search was given up"};
  const std::string text = cause_text(noted, {});
  EXPECT_THAT(text, HasSubstr("(text, /app.db, ticks 811-815, behind mark row 6)"));
  EXPECT_THAT(text, HasSubstr("  note: the search was given up\n  reproduce"));
}

TEST(CauseText, WithoutLossAndWithoutExplanation) {
  findings::Cause plain = cause();
  plain.lost.clear();
  plain.torn.clear();
  plain.survivors.clear();
  plain.barrier.reset();
  EXPECT_THAT(cause_text(plain, {}),
              HasSubstr("  nothing has to be lost for it: epoch:412:lost:409 fails\n  reproduce"));
  plain.minimal.clear();
  EXPECT_THAT(cause_text(plain, {}), HasSubstr("  | row 7 is missing\n  reproduce"));
}

TEST(CauseText, LetsNoControlCharactersThrough) {
  const std::string evil = "\x1b[2J\xc2\x9b\x7f\n";
  findings::Cause hostile = cause();
  hostile.step = hostile.message = hostile.first = hostile.minimal = hostile.reproduce = evil;
  hostile.lost[0].kind = hostile.lost[0].content = hostile.lost[0].place = evil;
  hostile.lost[0].mark = hostile.barrier->because = evil;
  const std::string text = cause_text(hostile, {});
  for (const char* bad : {"\x1b", "\xc2", "\x7f"}) EXPECT_THAT(text, Not(HasSubstr(bad)));
}

TEST(FlushesText, NeededOnesWithHowItFailsWithoutThem) {
  const findings::FlushVerdict needed = {.entry = 9,
                                         .kind = "flush",
                                         .mark = "row 6",
                                         .is_needed = true,
                                         .outcome = Outcome::kExitStatus,
                                         .code = 1,
                                         .step = "./check.sh",
                                         .reproduce = "powercut explore run.log --at x"};
  const auto other = [](EntryIndex entry) {
    return findings::FlushVerdict{.entry = entry, .kind = "flush"};
  };
  EXPECT_EQ(
      flushes_text({other(4), other(5), other(6), needed, other(20)}, {}),
      "flushes and FUA: 5 looked at, 1 needed\n"
      "  entry 9: needed flush (behind mark row 6): without it ./check.sh exited with status 1\n"
      "    reproduce: powercut explore run.log --at x\n"
      "  never made a difference here: entries 4-6, 20\n");
  EXPECT_EQ(flushes_text({}, {}), "");
  EXPECT_THAT(flushes_text(std::vector(10, needed), {}),
              HasSubstr("  needed, too: entries 9, 9\n"));
}

TEST(DisagreementText, SaysWhatItMeans) {
  EXPECT_EQ(disagreement_text({"epoch:9", "epoch:8", "passed", "check failed"}, {}),
            "AUDIT epoch:9: check failed, and was taken for: passed (as epoch:8)\n"
            "  The checker does not always give the same verdict, or reads what is not on the "
            "device.\n");
  EXPECT_THAT(disagreement_text({"epoch:9", "", "passed", "check failed"}, {}),
              HasSubstr("(from the cache)"));
}

TEST(ReportText, PutsItTogether) {
  findings::Digest digest;
  digest.run.log = "run.log";
  digest.run.model = "prefix";
  digest.run.at = "all";
  digest.run.checker = "true";
  digest.causes = std::vector<findings::Cause>(21, cause());
  digest.summary = summary_of(2, 1, 1);
  digest.summary.causes = 25;
  digest.disagreements = {{"epoch:9", "epoch:8", "passed", "check failed"}};
  digest.flushes = {{.entry = 4, .kind = "flush"}};
  const std::string one = cause_text(cause(), {}) + "\n";
  std::string causes;
  for (int i = 0; i < 20; ++i) causes += one;
  EXPECT_EQ(report_text(digest, {}),
            run_text(digest.run) + "\n" + causes + "... and 5 causes that are not shown here\n\n" +
                disagreement_text(digest.disagreements[0], {}) + "\n" +
                flushes_text(digest.flushes, {}) + "\n" + summary_text(digest.summary, 1, {}));
}

TEST(Color, OnlyWhenAskedFor) {
  const Summary summary = summary_of(2, 1, 1);
  EXPECT_THAT(summary_text(summary, 1, {}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(summary_text(summary, 1, {true}), HasSubstr("\x1b[31m1 failed\x1b[0m"));
  EXPECT_THAT(failure_text(failure(), {true}), HasSubstr("\x1b[31mFAIL\x1b[0m"));
}

}  // namespace
}  // namespace powercut::report
