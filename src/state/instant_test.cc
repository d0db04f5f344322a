// SPDX-License-Identifier: Apache-2.0
#include "state/instant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/golden.h"
#include "support/log_builder.h"

namespace powercut::state {
namespace {

using Kind = Instant::Kind;
using test::LogBuilder;
using ::testing::HasSubstr;

TEST(Instant, ParsesEachForm) {
  EXPECT_EQ(parse_instant("start"), (Instant{Kind::kStart}));
  EXPECT_EQ(parse_instant("end"), (Instant{Kind::kEnd}));
  EXPECT_EQ(parse_instant("0"), (Instant{Kind::kEntry, 0}));
  EXPECT_EQ(parse_instant("17"), (Instant{Kind::kEntry, 17}));
  EXPECT_EQ(parse_instant("entry:17"), (Instant{Kind::kEntry, 17}));
  EXPECT_EQ(parse_instant("flush:3"), (Instant{Kind::kFlush, 3}));
  EXPECT_EQ(parse_instant("mark:mkfs"), (Instant{Kind::kMark, 1, "mkfs"}));
  EXPECT_EQ(parse_instant("mark:mkfs#2"), (Instant{Kind::kMark, 2, "mkfs"}));
  EXPECT_EQ(parse_instant("mark:"), (Instant{Kind::kMark, 1, ""}));
}

TEST(Instant, ANumberSignBelongsToTheNameUnlessDigitsEndIt) {
  EXPECT_EQ(parse_instant("mark:a#b"), (Instant{Kind::kMark, 1, "a#b"}));
  EXPECT_EQ(parse_instant("mark:a#"), (Instant{Kind::kMark, 1, "a#"}));
  EXPECT_EQ(parse_instant("mark:a#2#3"), (Instant{Kind::kMark, 3, "a#2"}));
  EXPECT_EQ(parse_instant("mark:a#+2"), (Instant{Kind::kMark, 1, "a#+2"}));
}

TEST(Instant, RefusesAnythingElse) {
  for (const char* text : {"", "x", "-1", "+1", " 1", "1 ", "0x10", "entry:", "entry:x",
                           "flush:", "flush:0", "flush:-1", "18446744073709551616", "mark:a#0",
                           "mark:a#18446744073709551616", "End", "marks:a"}) {
    const auto instant = parse_instant(text);
    ASSERT_FALSE(instant) << text;
    EXPECT_EQ(instant.error().kind, ErrorKind::kUsage) << text;
    EXPECT_THAT(instant.error().message, HasSubstr("mark:NAME")) << text;
  }
}

TEST(Instant, PrintsSoThatItParsesBack) {
  for (const Instant& instant :
       {Instant{Kind::kStart}, Instant{Kind::kEnd}, Instant{Kind::kEntry, 5},
        Instant{Kind::kFlush, 2}, Instant{Kind::kMark, 1, "a"}, Instant{Kind::kMark, 2, "a"},
        Instant{Kind::kMark, 1, "a#2"}, Instant{Kind::kMark, 3, "a#2"},
        Instant{Kind::kMark, 1, "#"}, Instant{Kind::kMark, 1, "x#y"}}) {
    EXPECT_EQ(parse_instant(to_string(instant)), instant) << to_string(instant);
  }
}

// The three ways of resolving, which must agree.
Result<EntryIndex> resolve_all(const LogBuilder& log, std::string_view text) {
  const auto file = log.file("x.log");
  auto instant = parse_instant(text);
  EXPECT_TRUE(instant) << text;
  auto reader = log::Reader::open(*file);
  EXPECT_TRUE(reader) << reader.error().message;
  const LogSummary summary = summarize(*reader);
  const auto by_summary = resolve(*instant, summary);
  const auto by_pass = resolve(*instant, *reader);
  const auto index = index::LogIndex::open(log.file("x.log"), {});
  EXPECT_TRUE(index) << index.error().message;
  const auto by_index = resolve(*instant, **index);
  EXPECT_EQ(by_index.has_value(), by_pass.has_value()) << text;
  if (by_index && by_pass) {
    EXPECT_EQ(*by_index, *by_pass) << text;
  } else if (!by_index && !by_pass) {
    EXPECT_EQ(by_index.error().message, by_pass.error().message);
    EXPECT_EQ(by_index.error().kind, by_pass.error().kind);
  }
  EXPECT_EQ(by_summary.has_value(), by_pass.has_value()) << text;
  if (by_summary && by_pass) {
    EXPECT_EQ(*by_summary, *by_pass) << text;
  } else if (!by_summary && !by_pass) {
    EXPECT_EQ(by_summary.error().message, by_pass.error().message);
  }
  return by_pass;
}

LogBuilder example() {
  LogBuilder log;
  log.write(0, "A").mark("m").flush().write(1, "B").write(2, "C", log::kFlagFlush | log::kFlagFua);
  log.mark("n").mark("m").discard(0, 1).mark("step#3");
  return log;
}

TEST(Resolve, CountsTheEntriesUpToAndIncludingWhatIsNamed) {
  const LogBuilder log = example();
  const std::pair<const char*, EntryIndex> cases[] = {
      {"start", 0},  {"0", 0},        {"entry:4", 4},  {"9", 9},
      {"end", 9},    {"flush:1", 3},  {"flush:2", 5},  {"mark:m", 2},
      {"mark:n", 6}, {"mark:m#1", 2}, {"mark:m#2", 7}, {"mark:step#3#1", 9},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(resolve_all(log, text), expected) << text;
}

TEST(Resolve, SaysWhatThereIsInstead) {
  const LogBuilder log = example();
  const std::pair<const char*, const char*> cases[] = {
      {"10", "there is no instant entry:10 in 'x.log': it has 9 entries"},
      {"flush:3", "it has 2 flushes"},
      {"mark:m#3", "it has 2 of that name"},
      {"mark:step3", "did you mean mark:step#3#1?"},
      {"mark:unlike", "it has 4 marks, from mark:m to mark:step#3#1"},
      {"mark:step#3", "the mark named 'step#3' is written mark:step#3#1"},
  };
  for (const auto& [text, expected] : cases) {
    const auto n = resolve_all(log, text);
    ASSERT_FALSE(n) << text;
    EXPECT_EQ(n.error().kind, ErrorKind::kUsage) << text;
    EXPECT_THAT(n.error().message, HasSubstr(expected)) << text;
  }
  const auto n = resolve_all(LogBuilder().write(0, "A"), "mark:m");
  ASSERT_FALSE(n);
  EXPECT_THAT(n.error().message, HasSubstr("it has no marks"));
}

TEST(Resolve, InATornLogFindsWhatStandsBeforeTheTearOnly) {
  LogBuilder log = example();
  log.count(20);
  EXPECT_EQ(resolve_all(log, "mark:m#2"), 7u);
  EXPECT_EQ(resolve_all(log, "9"), 9u);
  for (const char* text : {"end", "10", "flush:3", "mark:m#3"}) {
    const auto n = resolve_all(log, text);
    ASSERT_FALSE(n) << text;
    EXPECT_EQ(n.error().kind, ErrorKind::kBadInput) << text;
    EXPECT_THAT(n.error().message, HasSubstr("torn")) << text;
  }
}

TEST(Resolve, KnowsTheEmptyLog) {
  EXPECT_EQ(resolve_all(LogBuilder(), "start"), 0u);
  EXPECT_EQ(resolve_all(LogBuilder(), "end"), 0u);
  EXPECT_EQ(resolve_all(LogBuilder(), "0"), 0u);
}

TEST(LogSummary, CountsEachKind) {
  LogBuilder log(512, test::test_extension(kMiB));
  log.write(0, "AB").zeroes(8, 4).discard(100, 10).flush().fua(50, "C").mark("m");
  const auto file = log.file();
  auto reader = log::Reader::open(*file);
  ASSERT_TRUE(reader);
  const LogSummary summary = summarize(*reader);
  EXPECT_EQ(summary.nr_entries, 6u);
  EXPECT_EQ(summary.end_offset, log.end_offset());
  EXPECT_EQ(summary.writes, (LogSummary::Total{2, 3 * 512}));
  EXPECT_EQ(summary.zeroes, (LogSummary::Total{1, 4 * 512}));
  EXPECT_EQ(summary.discards, (LogSummary::Total{1, 10 * 512}));
  EXPECT_EQ(summary.nr_fua, 1u);
  EXPECT_EQ(summary.flushes, (std::vector<EntryIndex>{3}));
  EXPECT_EQ(summary.marks, (std::vector<LogSummary::Mark>{{"m", 5}}));
  EXPECT_EQ(summary.least_device_size_bytes, 110u * 512);
  EXPECT_EQ(summary.furthest_entry, 2u);
  EXPECT_TRUE(summary.ending.is_whole());
}

TEST(LogSummary, AgreesWithTheGoldenManifests) {
  for (const auto& golden : test::golden_logs()) {
    SCOPED_TRACE(golden.name);
    const auto file = golden.unpack();
    auto reader = log::Reader::open(*file);
    ASSERT_TRUE(reader) << reader.error().message;
    const LogSummary summary = summarize(*reader);
    EXPECT_TRUE(summary.ending.is_whole()) << summary.ending.message;
    EXPECT_EQ(summary.nr_entries, golden.nr_entries);
    EXPECT_EQ(summary.end_offset, golden.used_bytes.value_or(summary.end_offset));
    EXPECT_LE(summary.least_device_size_bytes, golden.device_size_bytes);
    if (!golden.marks) continue;
    ASSERT_EQ(summary.marks.size(), golden.marks->size());
    for (std::size_t i = 0; i < summary.marks.size(); ++i) {
      EXPECT_EQ(summary.marks[i].name, (*golden.marks)[i].name);
      EXPECT_EQ(summary.marks[i].entry, (*golden.marks)[i].entry);
    }
  }
}

}  // namespace
}  // namespace powercut::state
