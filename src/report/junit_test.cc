// SPDX-License-Identifier: Apache-2.0
#include "report/junit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/test_samples.h"

namespace powercut::report {
namespace {

using findings::Digest;
using testing::HasSubstr;
using testing::Not;

// Of a run that found nothing: all of it.
TEST(Junit, APassingRun) {
  Digest digest;
  digest.run.log = "run.log";
  digest.run.model = "prefix";
  digest.run.at = "all";
  digest.run.checker = "ext4";
  digest.run.cuts = 3;
  digest.summary.cuts = digest.summary.looked_at = digest.summary.distinct = 3;
  digest.summary.checked = digest.summary.run = digest.summary.passed = 3;
  digest.summary.seconds = 1.5;
  EXPECT_EQ(report_junit(digest, ""), R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="powercut" tests="1" failures="0" errors="0" time="1.500">
  <testsuite name="powercut: ext4 on run.log" tests="1" failures="0" errors="0" time="1.500" skipped="0">
    <properties>
      <property name="log" value="run.log"/>
      <property name="log_entries" value="0"/>
      <property name="device_size_bytes" value="0"/>
      <property name="model" value="prefix"/>
      <property name="seed" value="0"/>
      <property name="at" value="all"/>
      <property name="checker" value="ext4"/>
      <property name="cuts" value="3"/>
      <property name="possible_log2" value="0.00"/>
      <property name="looked_at" value="3"/>
      <property name="distinct" value="3"/>
      <property name="checked" value="3"/>
      <property name="run" value="3"/>
      <property name="by_reads" value="0"/>
      <property name="by_cache" value="0"/>
      <property name="passed" value="3"/>
      <property name="failed" value="0"/>
      <property name="causes" value="0"/>
      <property name="audited" value="0"/>
      <property name="disagreements" value="0"/>
      <property name="pairs" value="0"/>
      <property name="pairs_covered" value="0"/>
      <property name="states_per_second" value="2.0"/>
    </properties>
    <testcase classname="powercut: ext4 on run.log" name="all crash states" time="1.500"/>
    <system-out>run.log: 0 entries, 0 bytes device; 3 cuts at all
model prefix, checker ext4, 1 job
3 states checked in 1.5 s (2.0/s): 3 passed, 0 failed
</system-out>
  </testsuite>
</testsuites>
)");
}

TEST(Junit, CausesAreFailingCasesWithNamesThatLast) {
  const std::string text = report_junit(sample_digest(), "the ledger");
  EXPECT_EQ(what_is_wrong(text), "");
  EXPECT_THAT(text, HasSubstr(R"(<testsuite name="the ledger" tests="4" failures="4" errors="0")"));
  EXPECT_THAT(text,
              HasSubstr(R"(<testcase classname="the ledger" name="all crash states" time="2.000">
      <failure type="failing-states" message="31 of 1,234 states failed">stopped by --time)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"x( name="./check.sh exited with status 1: row 7 is missing (lost: /app.db)" time="0.000">
      <failure type="exit-status" message="./check.sh exited with status 1: row 7 is missing">CAUSE 1 )x"));
  EXPECT_THAT(text, HasSubstr(R"(name="e2fsck -fn did not end in time" time)"));
  EXPECT_THAT(text,
              HasSubstr(R"(<failure type="disagreement" message="1 of 12 states had another)"));
  EXPECT_THAT(text, HasSubstr("flushes and FUA: 2 looked at, 1 needed"));
}

TEST(Junit, CausesOfOneNameAreToldApart) {
  Digest digest = sample_digest();
  digest.causes.push_back(digest.causes[0]);
  digest.causes.push_back(digest.causes[0]);
  const std::string text = report_junit(digest, "");
  EXPECT_THAT(text, HasSubstr("(lost: /app.db)\""));
  EXPECT_THAT(text, HasSubstr("(lost: /app.db) [2]\""));
  EXPECT_THAT(text, HasSubstr("(lost: /app.db) [3]\""));
}

TEST(Junit, NothingCheckedAndIncompleteAreErrors) {
  Digest digest;
  EXPECT_THAT(report_junit(digest, ""),
              HasSubstr(R"(<error type="nothing-checked" message="no state was checked">)"));
  digest.summary.checked = digest.summary.passed = 2;
  digest.summary.interrupted = true;
  digest.run.notes = {"1 of 2 shards are missing: 2"};
  const std::string text = report_junit(digest, "");
  EXPECT_THAT(text, HasSubstr("errors=\"1\""));
  EXPECT_THAT(text, HasSubstr(R"(<error type="incomplete" message="interrupted: )"));
  EXPECT_THAT(text, HasSubstr("note: 1 of 2 shards are missing: 2\n</error>"));
}

TEST(Junit, AnAuditThatAgreesIsAPassingCase) {
  Digest digest = sample_digest();
  digest.disagreements.clear();
  digest.summary.disagreements = 0;
  EXPECT_THAT(report_junit(digest, "x"),
              HasSubstr(R"(name="the same verdict each time" time="0.000"/>)"));
}

TEST(Junit, HostileTextsStayTexts) {
  const std::string text = report_junit(sample_digest(hostile_text()), hostile_text());
  EXPECT_EQ(what_is_wrong(text), "");
  for (const char* evil : {"<script", "\x1b", "\x07", "\x7f", "\xff", "<!--", "\u009b", "\ufffe"})
    EXPECT_THAT(text, Not(HasSubstr(evil))) << evil;
  EXPECT_EQ(text.find('\0'), std::string::npos);
}

}  // namespace
}  // namespace powercut::report
