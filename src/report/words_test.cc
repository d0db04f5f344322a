// SPDX-License-Identifier: Apache-2.0
#include "report/words.h"

#include <gtest/gtest.h>

#include <csignal>

namespace powercut::report {
namespace {

using findings::Outcome;

TEST(Duration, InUnitsThatSuitIt) {
  EXPECT_EQ(duration_text(0), "0 ms");
  EXPECT_EQ(duration_text(0.012), "12 ms");
  EXPECT_EQ(duration_text(0.1), "0.1 s");
  EXPECT_EQ(duration_text(59.94), "59.9 s");
  EXPECT_EQ(duration_text(200), "3 min 20 s");
  EXPECT_EQ(duration_text(3599.7), "1 h 00 min");
  EXPECT_EQ(duration_text(7500), "2 h 05 min");
}

TEST(Numbers, InGroupsOfThree) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(999), "999");
  EXPECT_EQ(number_text(1'000), "1,000");
  EXPECT_EQ(number_text(18'446'744'073'709'551'615ULL), "18,446,744,073,709,551,615");
  EXPECT_EQ(count_text(1, "state"), "1 state");
  EXPECT_EQ(count_text(2'000, "state"), "2,000 states");
}

TEST(Numbers, RunsAsRanges) {
  EXPECT_EQ(list_text({}, 9), "");
  EXPECT_EQ(list_text({7}, 1), "7");
  EXPECT_EQ(list_text({0, 1, 2, 5, 8, 9}, 6), "0-2, 5, 8-9");
  EXPECT_EQ(list_text({0, 1, 2, 5, 8, 9}, 2), "0-1 and 4 more");
  EXPECT_EQ(entries_text({3}, 9), "entry 3");
  EXPECT_EQ(entries_text({3, 4}, 9), "entries 3-4");
}

TEST(Numbers, PossibleStatesAsAPowerWhereTheyAreMany) {
  findings::Summary summary;
  summary.possible = 12'345;
  summary.possible_log2 = 13.6;
  EXPECT_EQ(possible_text(summary), "12,345");
  summary.possible_log2 = 2'000.25;
  EXPECT_EQ(possible_text(summary), "2^2000.2");
}

TEST(Shortened, CutsNoCharacterInTwo) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 6), "abc...");
  EXPECT_EQ(shortened("ab\u00e9defg", 6), "ab...");
  EXPECT_EQ(shortened("a\u00e9defgh", 6), "a\u00e9...");
}

TEST(EarlyEnd, SaysWhy) {
  findings::Summary summary;
  EXPECT_EQ(early_end_text(summary), "");
  summary.stopped_at_limit = "--max-states";
  EXPECT_EQ(early_end_text(summary), "stopped by --max-states: not all states were looked at");
  summary.interrupted = true;
  EXPECT_EQ(early_end_text(summary), "interrupted: this is no verdict on the rest");
}

TEST(VerdictText, EachOutcome) {
  findings::StateResult result;
  result.outcome = Outcome::kExitStatus;
  result.code = 4;
  result.step = "e2fsck -fn";
  EXPECT_EQ(verdict_text(result), "e2fsck -fn exited with status 4");
  result.outcome = Outcome::kSignal;
  result.code = SIGSEGV;
  EXPECT_EQ(verdict_text(result), "e2fsck -fn was killed by signal 11 (Segmentation fault)");
  result.outcome = Outcome::kTimeout;
  EXPECT_EQ(verdict_text(result), "e2fsck -fn did not end in time");
  result.outcome = Outcome::kMount;
  result.step = "mount";
  EXPECT_EQ(verdict_text(result), "mount failed");
  result.outcome = Outcome::kAcknowledgement;
  result.code = 2;
  EXPECT_EQ(verdict_text(result), "2 files not as acknowledged");
  result.outcome = Outcome::kPassed;
  EXPECT_EQ(verdict_text(result), "passed");
}

TEST(BarrierText, OffersFuaOnlyWhereItWouldHelp) {
  findings::Cause cause;
  EXPECT_EQ(barrier_text(cause), "");
  cause.barrier = findings::Barrier{4, 6, ""};
  EXPECT_EQ(barrier_text(cause),
            "A flush behind entry 4 and in front of entry 6 would have ruled this out.");
  cause.lost = {{.entry = 3}, {.entry = 4}};
  EXPECT_EQ(barrier_text(cause),
            "A flush behind entry 4 and in front of entry 6, or FUA on entry 4, would have ruled "
            "this out.");
  cause.lost[1].is_fua = true;
  EXPECT_EQ(barrier_text(cause),
            "A flush behind entry 4 and in front of entry 6 would have ruled this out.");
}

TEST(WhenText, TicksAndTimeWhereTheLogHasThem) {
  findings::Write write{.entry = 4};
  EXPECT_EQ(when_text(write), "");
  write.wall_time_ns = 1'795'804'353'123'456'789;
  EXPECT_EQ(when_text(write), "2026-11-27 18:32:33.123456 UTC");
  write.submitted = 811;
  write.completed = 815;
  EXPECT_EQ(when_text(write), "ticks 811-815, 2026-11-27 18:32:33.123456 UTC");
}

}  // namespace
}  // namespace powercut::report
