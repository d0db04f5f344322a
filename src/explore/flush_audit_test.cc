// SPDX-License-Identifier: Apache-2.0
#include "explore/flush_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "base/prng.h"
#include "support/crash_states.h"
#include "support/fake_judge.h"
#include "support/rounds.h"

namespace powercut::explore {
namespace {

using state::CrashState;
using state::Model;
using state::Timeline;
using test::CrashLog;
using test::failed;
using test::FakeJudge;
using test::passed;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr ByteCount kSector = 512;
constexpr std::size_t kSectors = 8;

std::unique_ptr<Timeline> timeline_of(const CrashLog& log) {
  auto timeline = Timeline::open(log.build().file("x.log"), {.size_bytes = kSectors * kSector});
  if (!timeline) throw std::runtime_error(timeline.error().message);
  return *std::move(timeline);
}

// The content of a state, a letter a sector; and the cut.
using Predicate = std::function<bool(const std::string&, std::uint64_t cut)>;

std::string content_of(const Timeline& timeline, const CrashState& state) {
  const auto device = timeline.view(state, state::GroupMap(state));
  std::vector<std::byte> bytes(device->size_bytes());
  EXPECT_TRUE(device->read(0, bytes));
  return test::sketch(bytes);
}

std::vector<findings::FlushVerdict> audit(const CrashLog& log, const Predicate& fails,
                                          FlushAuditOptions options = {}) {
  const auto timeline = timeline_of(log);
  FakeJudge judge([&](const CrashState& state) {
    return fails(content_of(*timeline, state), state.group->cut) ? failed("bad") : passed();
  });
  std::vector<findings::FlushVerdict> verdicts;
  options.to = log.nr_entries();
  const auto is_done =
      audit_flushes(*timeline, judge, options,
                    [&](const findings::FlushVerdict& verdict) { verdicts.push_back(verdict); });
  if (!is_done || !*is_done) throw std::runtime_error("no audit");
  // What is said to fail does.
  for (const auto& verdict : verdicts) {
    if (!verdict.is_needed) continue;
    const auto state = timeline->crash_state(*state::parse_state_id(verdict.state));
    EXPECT_TRUE(state) << state.error().message;
    EXPECT_TRUE(fails(content_of(*timeline, *state), state->group->cut)) << verdict.state;
  }
  return verdicts;
}

std::vector<EntryIndex> needed(const std::vector<findings::FlushVerdict>& verdicts) {
  std::vector<EntryIndex> entries;
  for (const auto& verdict : verdicts) {
    if (verdict.is_needed) entries.push_back(verdict.entry);
  }
  return entries;
}

TEST(FlushAudit, TheOneBetweenDataAndCommitIsNeeded) {
  CrashLog log;
  log.write(0, "A").flush().write(1, "B").flush().write(2, "C").flush();
  // B says that A is there.
  const auto verdicts = audit(log,
                              [](const std::string& content, std::uint64_t) {
                                return content[1] == 'B' && content[0] != 'A';
                              },
                              {.reproduce = {"powercut", "explore", "x.log"}});
  ASSERT_EQ(verdicts.size(), 3u);
  EXPECT_THAT(needed(verdicts), ElementsAre(1));
  EXPECT_EQ(verdicts[0].kind, "flush");
  EXPECT_EQ(verdicts[0].state, "epoch:3:lost:0:without:1");
  EXPECT_EQ(verdicts[0].reproduce, "powercut explore x.log --at epoch:3:lost:0:without:1");
  EXPECT_EQ(verdicts[0].outcome, findings::Outcome::kExitStatus);
  EXPECT_GT(verdicts[1].states, 0u);
}

TEST(FlushAudit, TheOneInFrontOfAnAcknowledgementIsNeeded) {
  CrashLog log;
  log.write(0, "A").flush().mark("a is there").write(1, "B").flush();
  const auto verdicts = audit(log, [](const std::string& content, std::uint64_t cut) {
    return cut >= 3 && content[0] != 'A';
  });
  EXPECT_THAT(needed(verdicts), ElementsAre(1));
}

TEST(FlushAudit, TheFuaOfAWrite) {
  CrashLog log;
  log.fua(0, "A").mark("a is there").write(1, "B").flush().fua(2, "C");
  const auto verdicts = audit(log, [](const std::string& content, std::uint64_t cut) {
    return cut >= 2 && content[0] != 'A';
  });
  ASSERT_EQ(verdicts.size(), 3u);
  EXPECT_EQ(verdicts[0].kind, "fua");
  EXPECT_THAT(needed(verdicts), ElementsAre(0));
}

TEST(FlushAudit, AFailureThatHasNothingToDoWithItIsNone) {
  CrashLog log;
  log.write(0, "A").flush().write(1, "B").write(2, "C").flush();
  // Fails with the flushes as well, in front of the second.
  const auto verdicts = audit(log, [](const std::string& content, std::uint64_t) {
    return content[2] == 'C' && content[1] != 'B';
  });
  EXPECT_THAT(needed(verdicts), IsEmpty());
  // The same, whatever is lost.
  const auto always =
      audit(log, [](const std::string& content, std::uint64_t) { return content[1] != 'B'; });
  EXPECT_THAT(needed(always), IsEmpty());
}

TEST(FlushAudit, AFlushBehindNothingMakesNoState) {
  CrashLog log;
  log.flush().write(0, "A").flush().flush();
  const auto verdicts = audit(log, [](const std::string&, std::uint64_t) { return true; });
  ASSERT_EQ(verdicts.size(), 3u);
  EXPECT_EQ(verdicts[0].states, 0u);
  EXPECT_EQ(verdicts[2].states, 0u);
  EXPECT_THAT(needed(verdicts), IsEmpty());
}

TEST(FlushAudit, ByTicks) {
  CrashLog log;
  log.ticks(1, 2).write(0, "A");
  log.ticks(3, 6).flush();
  log.ticks(4, 5).write(1, "B");  // was under way with the flush
  log.ticks(7, 8).write(2, "C");
  const auto verdicts = audit(log,
                              [](const std::string& content, std::uint64_t) {
                                return content[2] == 'C' && content[0] != 'A';
                              },
                              {.model = Model::kExact});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_THAT(needed(verdicts), ElementsAre(1));
  EXPECT_EQ(verdicts[0].state, "exact:8:lost:0:without:1");
}

TEST(FlushAudit, EndsWhenItIsInterruptedAndLooksAtNoMoreThanTheLimit) {
  CrashLog log;
  log.write(0, "A").write(1, "B").write(2, "C").flush().write(3, "D").flush();
  const auto timeline = timeline_of(log);
  FakeJudge judge([](const CrashState&) { return passed(); });
  std::vector<findings::FlushVerdict> verdicts;
  const auto sink = [&](const findings::FlushVerdict& verdict) { verdicts.push_back(verdict); };
  EXPECT_TRUE(*audit_flushes(*timeline, judge, {.to = 6, .max_states = 2}, sink));
  ASSERT_EQ(verdicts.size(), 2u);
  EXPECT_EQ(verdicts[0].states, 2u);
  judge.interrupted_at = judge.checks + 1;
  EXPECT_FALSE(*audit_flushes(*timeline, judge, {.to = 6}, sink));
}

// Against the naive model, with contents that only a missing flush makes possible.
TEST(FlushAudit, NeededIsWhatRulesOutAllFailingContentsOfRandomLogs) {
  const char* text = std::getenv("POWERCUT_TEST_SEED");
  const std::uint64_t first = text != nullptr ? std::strtoull(text, nullptr, 0) : 20261123;
  std::uint64_t nr_needed = 0;
  std::uint64_t nr_not_needed = 0;
  for (std::uint64_t seed = first; seed < first + test::rounds(500); ++seed) {
    Prng prng(seed);
    const CrashLog log = CrashLog::random(prng, kSectors, CrashLog::Ticks::kNone);
    SCOPED_TRACE(testing::Message() << "POWERCUT_TEST_SEED=" << seed << ": " << log.text());
    const std::string base(kSectors, '.');
    // Fails only with contents that the log cannot leave.
    std::set<std::string> possible;
    for (std::size_t cut = 0; cut <= log.nr_entries(); ++cut)
      possible.merge(log.states(log.epoch(cut), base));
    const auto fails = [&](const std::string& content, std::uint64_t) {
      return possible.count(content) == 0 &&
             Prng(seed ^ std::hash<std::string>{}(content)).one_in(3);
    };
    const auto verdicts = audit(log, fails, {.strategies = {{state::Strategy::Kind::kExhaustive}}});
    std::vector<EntryIndex> expected;
    for (const std::size_t entry : log.what_makes_durable()) {
      bool is_needed = false;
      for (std::size_t cut = entry + 1; cut <= log.nr_entries(); ++cut) {
        for (const auto& content : log.states(log.epoch(cut, entry), base))
          is_needed = is_needed || fails(content, cut);
      }
      if (is_needed) expected.push_back(entry);
    }
    ASSERT_EQ(needed(verdicts), expected);
    nr_needed += expected.size();
    nr_not_needed += verdicts.size() - expected.size();
  }
  EXPECT_GT(nr_needed, test::rounds(25));
  EXPECT_GT(nr_not_needed, test::rounds(50));
}

}  // namespace
}  // namespace powercut::explore
