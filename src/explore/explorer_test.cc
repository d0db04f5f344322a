// SPDX-License-Identifier: Apache-2.0
// The run through the states, for all models, with a judge that looks at their contents itself.
#include "explore/explorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/mutex.h"
#include "support/crash_states.h"
#include "support/rounds.h"
#include "support/temporary_directory.h"

namespace powercut::explore {
namespace {

using test::CrashLog;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

constexpr std::size_t kSectors = 4;
constexpr ByteCount kSector = 512;

// A state fails if its content has a certain character in it. Thread-safe.
class ContentJudge final : public Judge {
 public:
  ContentJudge(const state::Timeline& timeline, char bad) : timeline_(timeline), bad_(bad) {}

  Result<std::optional<Judgement>> judge(const state::CrashState& state) override {
    const auto view = timeline_.view(state, state::GroupMap(state));
    std::vector<std::byte> bytes(view->size_bytes());
    POWERCUT_TRY_STATUS(view->read(0, bytes));
    const std::string content = test::sketch(bytes);
    Judgement judgement;
    if (content.find(bad_) != std::string::npos)
      judgement.verdict = {check::Outcome::kExitStatus, 1, "test", "bad\n", "bad\n"};
    const MutexLock lock(mutex_);
    contents_.push_back(content);
    return judgement;
  }

  [[nodiscard]] std::vector<std::string> contents() const {
    const MutexLock lock(mutex_);
    return contents_;
  }

 private:
  const state::Timeline& timeline_;
  const char bad_;
  mutable Mutex mutex_;
  std::vector<std::string> contents_ POWERCUT_GUARDED_BY(mutex_);
};

class Lines final : public Listener {
 public:
  void on_result(const findings::StateResult& result, const state::CrashState&,
                 const Progress& progress) override {
    text_ += to_json(findings::Record(result)) + "\n";
    verdicts_[result.state] = result.outcome;
    EXPECT_GE(progress.share, 0);
    EXPECT_LE(progress.share, 1);
  }
  std::string text_;
  std::map<std::string, findings::Outcome> verdicts_;
};

Status ignore(const findings::Record&) {
  return {};
}

struct Outcome {
  findings::Summary summary;
  std::map<std::string, findings::Outcome> verdicts;
  std::vector<std::string> contents;
  std::string text;
};

class ExplorerTest : public testing::Test {
 protected:
  Plan plan_for(const CrashLog& log, Request request) {
    request.log = directory_ / "test.log";
    request.sidecar = "";
    request.size_bytes = kSectors * kSector;
    log.build().write_to(request.log);
    auto plan = make_plan(request);
    if (!plan) throw std::runtime_error(plan.error().message);
    return *std::move(plan);
  }

  static Outcome run(const Plan& plan, const ExploreOptions& options = {}, char bad = '?') {
    const auto interrupt = check::Interrupt::make();
    const auto marks = MarkTable::make(*plan.timeline);
    ContentJudge judge(*plan.timeline, bad);
    Lines lines;
    auto summary = explore(plan, *marks, judge, options, lines, *interrupt);
    if (!summary) throw std::runtime_error(summary.error().message);
    return {*summary, lines.verdicts_, judge.contents(), lines.text_};
  }

  // Writes that overlap and lie apart, with flushes, FUA and marks; a hundred states or so.
  static CrashLog example() {
    CrashLog log;
    log.write(0, "AB").write(1, "C").mark("one").flush().write(2, "D").fua(0, "E").write(3, "F");
    log.mark("two").write(0, "GH").discard(1, 2).flush().write(1, "IJ").write(2, "K").mark("three");
    return log;
  }

  test::TemporaryDirectory directory_;
};

TEST_F(ExplorerTest, GivesEachStateOfEachModelOnce) {
  for (std::uint64_t seed = 1; seed <= test::rounds(90); ++seed) {
    Prng prng(seed);
    const auto kind = static_cast<CrashLog::Ticks>(seed % 3);
    const CrashLog log = CrashLog::random(prng, kSectors, kind);
    for (const state::Model model : state::kModels) {
      const bool is_exact = model == state::Model::kExact;
      if (is_exact && kind == CrashLog::Ticks::kNone) continue;
      std::set<std::string> expected;
      std::size_t most = 0;
      for (std::uint64_t cut = 0; cut <= (is_exact ? log.last_tick() : log.nr_entries()); ++cut) {
        const auto fates = is_exact                        ? log.exact(cut)
                           : model == state::Model::kEpoch ? log.epoch(cut)
                                                           : log.prefix(cut);
        most = std::max(most, log.choices(fates, 1));
        if (most > 9) break;
        expected.merge(log.states(fates, std::string(kSectors, '.'), 1));
      }
      if (most > 9) continue;
      const Plan plan = plan_for(
          log, {.at = {"all"}, .model = model, .strategy = "exhaustive", .torn = "sector"});
      for (const unsigned jobs : {1U, 3U}) {
        const Outcome outcome = run(plan, {.jobs = jobs});
        ASSERT_THAT(outcome.contents, UnorderedElementsAreArray(expected))
            << "seed " << seed << ", " << to_string(model) << ": " << log.text();
        EXPECT_EQ(outcome.summary.distinct, expected.size());
        EXPECT_EQ(outcome.summary.checked, expected.size());
        EXPECT_TRUE(outcome.summary.succeeded());
        EXPECT_EQ(plan.facts.cuts, outcome.summary.cuts);
      }
    }
  }
}

TEST_F(ExplorerTest, ShardsAreDisjointAndComplete) {
  const CrashLog log = example();
  Request request{.at = {"all"}};
  const Outcome whole = run(plan_for(log, request));
  EXPECT_GT(whole.verdicts.size(), 30U);
  request.shards = 3;
  std::map<std::string, findings::Outcome> together;
  std::uint64_t looked_at = 0;
  for (request.shard = 1; request.shard <= request.shards; ++request.shard) {
    const Outcome part = run(plan_for(log, request));
    EXPECT_GT(part.verdicts.size(), 0U);
    looked_at += part.summary.looked_at;
    for (const auto& verdict : part.verdicts) EXPECT_TRUE(together.insert(verdict).second);
  }
  EXPECT_EQ(together, whole.verdicts);
  EXPECT_EQ(looked_at, whole.summary.looked_at);
}

TEST_F(ExplorerTest, AStateIsGivenByItsName) {
  const CrashLog log = example();
  const Plan plan = plan_for(log, {.at = {"epoch:4:lost:4", "epoch:4:kept:4.9"}});
  const Outcome outcome = run(plan);
  EXPECT_THAT(outcome.verdicts, testing::SizeIs(2));
  EXPECT_EQ(outcome.contents.size(), 2U);
  EXPECT_EQ(plan.facts.model, "epoch");
  EXPECT_TRUE(outcome.summary.succeeded());
}

TEST_F(ExplorerTest, AFailureIsShownAgainByItsName) {
  ExploreOptions options{.reproduce = {"powercut", "explore", "x.log"}};
  for (const state::Model model : {state::Model::kPrefix, state::Model::kEpoch}) {
    const Outcome outcome = run(plan_for(example(), {.at = {"all"}, .model = model}), options, 'K');
    EXPECT_GT(outcome.summary.failed, 0U);
    EXPECT_LT(outcome.summary.failed, outcome.summary.checked);
    EXPECT_FALSE(outcome.summary.succeeded());
    const std::string model_words = model == state::Model::kPrefix ? " --model prefix" : "";
    EXPECT_THAT(outcome.text, HasSubstr("\"powercut explore x.log" + model_words + " --at " +
                                        outcome.summary.first_failure + "\""));
    Request again{.at = {outcome.summary.first_failure}};
    if (model == state::Model::kPrefix) again.model = model;
    EXPECT_EQ(run(plan_for(example(), again), options, 'K').summary.failed, 1U);
  }
}

TEST_F(ExplorerTest, LimitsEndItAndSaySo) {
  const CrashLog log = example();
  const Outcome states = run(plan_for(log, {.at = {"all"}, .max_states = 7}));
  EXPECT_EQ(states.summary.checked, 7U);
  EXPECT_EQ(states.summary.stopped_at_limit, "--max-states");
  EXPECT_TRUE(states.summary.succeeded());
  const Outcome failures = run(plan_for(log, {.at = {"all"}}), {.max_failures = 2}, 'A');
  EXPECT_EQ(failures.summary.failed, 2U);
  EXPECT_EQ(failures.summary.stopped_at_limit, "--max-failures");
  EXPECT_FALSE(failures.summary.succeeded());
  const Outcome time = run(plan_for(log, {.at = {"all"}}), {.time_limit = std::chrono::seconds(0)});
  EXPECT_EQ(time.summary.checked, 0U);
  EXPECT_EQ(time.summary.stopped_at_limit, "--time");
  EXPECT_FALSE(time.summary.succeeded());
}

// A limit never makes a state be missed that stands in front of it: whatever the limit, the same come
// first.
TEST_F(ExplorerTest, ALimitCutsTheSameOrderOff) {
  const CrashLog log = example();
  const auto order = [&](std::uint64_t limit) {
    return run(plan_for(log, {.at = {"all"}, .max_states = limit})).contents;
  };
  const auto all = order(0);
  for (const std::uint64_t limit : {1, 5, 17, 40}) {
    const auto some = order(limit);
    ASSERT_EQ(some.size(), limit);
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin()));
  }
}

TEST_F(ExplorerTest, EqualContentsBehindOtherMarksAreJudgedEachForWhoSeesMarks) {
  CrashLog log;
  log.write(0, "A").mark("one").write(1, "B").mark("two");
  const Plan plan = plan_for(log, {.at = {"mark"}});
  EXPECT_EQ(run(plan).summary.checked, 4U);
  const Outcome apart = run(plan, {.sees_marks = true});
  EXPECT_EQ(apart.summary.checked, 8U);
  EXPECT_THAT(apart.text, AllOf(HasSubstr(R"("mark":"one")"), HasSubstr(R"("mark":"two")")));
}

// The findings of a run that was killed, cut off anywhere, and what a resumed run adds to them, are the
// findings of one that was not.
TEST_F(ExplorerTest, AResumedRunEndsAsOneThatWasNotInterrupted) {
  const CrashLog log = example();
  const Plan plan = plan_for(log, {.at = {"flush,mark"}, .strategy = "pairwise,one"});
  const Outcome whole = run(plan, {}, 'K');
  ASSERT_GT(whole.summary.failed, 0U);
  ASSERT_GT(whole.summary.passed, 0U);
  const std::string text = to_json(findings::Record(plan.facts)) + "\n" + whole.text +
                           to_json(findings::Record(whole.summary)) + "\n";
  const std::string path = directory_ / "findings";
  for (std::size_t bytes = 0; bytes <= text.size(); ++bytes) {
    const bool is_end_of_line =
        bytes == 0 || text[bytes - 1] == '\n' || bytes == text.size() || text[bytes] == '\n';
    if (!is_end_of_line && bytes % 29 != 0) continue;
    std::ofstream(path) << text.substr(0, bytes);
    auto earlier = read_earlier(path, plan.facts, ignore);
    ASSERT_TRUE(earlier) << bytes << ": " << earlier.error().message;
    ASSERT_LE(earlier->kept_bytes, bytes);
    const std::size_t nr_earlier = earlier->states.size();
    ASSERT_TRUE(bytes < text.size() || nr_earlier == whole.verdicts.size());
    const std::string kept = text.substr(0, earlier->kept_bytes);
    ASSERT_TRUE(kept.empty() || kept.ends_with('\n'));
    const Outcome rest = run(plan, {.earlier = *std::move(earlier)}, 'K');
    ASSERT_EQ(rest.verdicts.size() + nr_earlier, whole.verdicts.size()) << bytes;
    findings::Summary summary = rest.summary;
    summary.seconds = whole.summary.seconds;
    ASSERT_EQ(summary, whole.summary) << bytes;
    const std::size_t head = kept.empty() ? 0 : kept.find('\n') + 1;
    ASSERT_EQ((kept + rest.text).substr(head).size(), whole.text.size()) << bytes;
  }
}

TEST_F(ExplorerTest, WhatIsNotOfThisQuestionIsNotGoneOnWith) {
  const CrashLog log = example();
  const Plan plan = plan_for(log, {.at = {"flush"}});
  const std::string path = directory_ / "findings";
  const auto read = [&](const std::string& text) {
    std::ofstream(path) << text;
    return read_earlier(path, plan.facts, ignore);
  };
  findings::Exploration other = plan.facts;
  other.jobs = 7;
  other.log = "elsewhere";
  EXPECT_TRUE(read(to_json(findings::Record(other)) + "\n"));
  other.seed = 5;
  other.torn = "off";
  const auto refused = read(to_json(findings::Record(other)) + "\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("seed: 5 there, 0 now"), HasSubstr("torn: off there, 512 now"),
                    testing::Not(HasSubstr("jobs")), testing::Not(HasSubstr("elsewhere"))));
  other = plan.facts;
  other.shards = 2;
  EXPECT_FALSE(read(to_json(findings::Record(other)) + "\n"));

  const std::string head = to_json(findings::Record(plan.facts)) + "\n";
  const std::string state = R"({"type":"state","state":"epoch:0","entries":0,"source":"run",)"
                            R"("outcome":"passed","seconds":0})"
                            "\n";
  EXPECT_EQ(read(head + state)->states.size(), 1U);
  EXPECT_EQ(read(state).error().kind, ErrorKind::kBadInput);
  EXPECT_EQ(read(head + head).error().kind, ErrorKind::kBadInput);
  EXPECT_EQ(read(head + "nonsense\n" + state).error().kind, ErrorKind::kBadInput);
  // The last thing that was written.
  EXPECT_EQ(read(head + state + "nonsense\n")->kept_bytes, (head + state).size());
  EXPECT_FALSE(read_earlier(path + "x", plan.facts, ignore));
}

}  // namespace
}  // namespace powercut::explore
