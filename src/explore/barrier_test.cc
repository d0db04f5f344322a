// SPDX-License-Identifier: Apache-2.0
#include "explore/barrier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "base/prng.h"
#include "state/enumeration.h"
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
using testing::HasSubstr;
using testing::IsEmpty;

constexpr ByteCount kSector = 512;

// What a log is made of: each write has a sector of its own, so that the content of the device tells
// which have survived.
struct Step {
  enum class Kind { kWrite, kFua, kMark } kind = Kind::kWrite;
  Tick submit = 0;
  Tick complete = 0;
};
using Steps = std::vector<Step>;

// With a flush behind so many steps, and its ticks.
struct Flush {
  std::size_t behind = 0;
  Tick submit = 0;
};

CrashLog log_of(const Steps& steps, bool has_ticks, const std::vector<Flush>& flushes = {}) {
  CrashLog log;
  for (std::size_t i = 0; i <= steps.size(); ++i) {
    for (const Flush& flush : flushes) {
      if (flush.behind != i) continue;
      if (has_ticks) log.ticks(flush.submit, flush.submit + 1);
      log.flush();
    }
    if (i == steps.size()) break;
    if (has_ticks) log.ticks(steps[i].submit, steps[i].complete);
    if (steps[i].kind == Step::Kind::kMark) {
      log.mark("m" + std::to_string(i));
    } else {
      log.write(i, std::string(1, static_cast<char>('A' + i)),
                steps[i].kind == Step::Kind::kFua ? std::uint64_t{log::kFlagFua} : 0);
    }
  }
  return log;
}

std::unique_ptr<Timeline> timeline_of(const CrashLog& log, std::size_t sectors) {
  auto timeline = Timeline::open(log.build().file("x.log"), {.size_bytes = sectors * kSector});
  if (!timeline) throw std::runtime_error(timeline.error().message);
  return *std::move(timeline);
}

// What a checker sees: the content, a letter for each write that has survived, and how many marks
// stand in front of the cut.
struct Seen {
  std::string content;
  std::size_t marks = 0;
};
using Predicate = std::function<bool(const Seen&)>;

std::size_t marks_in_front(const Steps& steps, const CrashState& state) {
  std::size_t marks = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool is_in_front = state.group->model == Model::kExact
                                 ? steps[i].complete <= state.group->cut
                                 : i < state.group->cut;
    if (steps[i].kind == Step::Kind::kMark && is_in_front) ++marks;
  }
  return marks;
}

// Of a log without flushes in between, so that steps are entries.
Seen seen_in(const Steps& steps, const CrashState& state) {
  Seen seen{std::string(steps.size(), '.'), marks_in_front(steps, state)};
  const auto survives = [&](EntryIndex entry) {
    if (steps[entry].kind != Step::Kind::kMark)
      seen.content[entry] = static_cast<char>('A' + entry);
  };
  for (EntryIndex i = 0; i < state.group->base; ++i) survives(i);
  for (const auto& entry : state.group->entries) {
    if (entry.is_must) survives(entry.entry);
  }
  for (std::size_t i = 0; i < state.group->may.size(); ++i) {
    if (state.choice.kept[i]) survives(state.group->may_entry(i).entry);
  }
  return seen;
}

struct Found {
  Minimal minimal;
  BarrierFinding finding;
  Seen seen;
};

// Of the first state of this cut that fails; nothing if there is none.
std::optional<Found> find_at(const Steps& steps, const Timeline& timeline, Model model,
                             std::uint64_t cut, const Predicate& fails) {
  FakeJudge judge([&](const CrashState& state) {
    return fails(seen_in(steps, state)) ? failed("bad") : passed();
  });
  const auto group = *timeline.group(model, cut);
  const auto choices = state::make_choices({.kind = state::Strategy::Kind::kExhaustive}, group, {});
  CrashState state{.group = group, .unit_bytes = kSector};
  while (choices->next(state.choice)) {
    if (!fails(seen_in(steps, state))) continue;
    auto minimal = *minimise(state, judge);
    auto finding = *find_barrier(timeline, *minimal, judge);
    const Seen seen = seen_in(steps, minimal->state);
    return Found{*std::move(minimal), *std::move(finding), seen};
  }
  return std::nullopt;
}

constexpr Step kWrite{Step::Kind::kWrite};
constexpr Step kFua{Step::Kind::kFua};
constexpr Step kMark{Step::Kind::kMark};

Found found(const Steps& steps, std::uint64_t cut, const Predicate& fails) {
  const auto timeline = timeline_of(log_of(steps, false), steps.size());
  auto result = find_at(steps, *timeline, Model::kEpoch, cut, fails);
  if (!result) throw std::runtime_error("no state fails");
  return *std::move(result);
}

TEST(Barrier, BetweenALostWriteAndOneThatSurvived) {
  // Data, commit record, something else.
  const auto result = found({kWrite, kWrite, kWrite, kWrite}, 4, [](const Seen& seen) {
    return seen.content[1] == '.' && seen.content[2] == 'C';
  });
  EXPECT_EQ(result.finding.barrier, (findings::Barrier{1, 2, "entry 2 survived"}));
  EXPECT_THAT(result.finding.notes, IsEmpty());
}

TEST(Barrier, BetweenALostWriteAndItsAcknowledgement) {
  const auto result = found({kWrite, kMark, kWrite, kMark, kWrite, kMark}, 6, [](const Seen& seen) {
    return seen.marks >= 2 && seen.content[2] == '.';
  });
  EXPECT_EQ(to_string(id_of(result.minimal.state, kSector)), "epoch:6:lost:2");
  EXPECT_EQ(result.finding.barrier, (findings::Barrier{2, 3, "mark m3"}));
}

TEST(Barrier, BetweenALostWriteAndOneWithFua) {
  const auto result = found({kWrite, kWrite, kFua, kWrite}, 4, [](const Seen& seen) {
    return seen.content[2] == 'C' && seen.content[0] == '.';
  });
  EXPECT_EQ(result.finding.barrier, (findings::Barrier{0, 2, "entry 2 had FUA"}));
}

TEST(Barrier, NoFlushHelpsWhereTwoWritesWouldHaveToBeOne) {
  const auto result = found({kWrite, kWrite, kMark}, 3, [](const Seen& seen) {
    return seen.content[0] == 'A' && seen.content[1] == '.';
  });
  EXPECT_FALSE(result.finding.barrier);
  EXPECT_THAT(result.finding.notes, ElementsAre(HasSubstr("in front of entry 1")));
}

TEST(Barrier, NoFlushHelpsWhereNothingWasLost) {
  const auto result =
      found({kWrite, kWrite}, 2, [](const Seen& seen) { return seen.content == "AB"; });
  EXPECT_FALSE(result.finding.barrier);
  EXPECT_THAT(result.finding.notes, ElementsAre(HasSubstr("nothing has been lost")));
}

TEST(Barrier, WhatWasUnderWayTogetherHasToWait) {
  const Steps steps = {{Step::Kind::kWrite, 1, 3}, {Step::Kind::kWrite, 2, 4}};
  const auto timeline = timeline_of(log_of(steps, true), 2);
  const auto result = find_at(steps, *timeline, Model::kExact, 4,
                              [](const Seen& seen) { return seen.content == ".B"; });
  ASSERT_TRUE(result);
  EXPECT_EQ(result->finding.barrier, (findings::Barrier{0, 1, "entry 1 survived"}));
  EXPECT_THAT(result->finding.notes, ElementsAre(HasSubstr("it has to wait for the flush")));
}

// Random logs, and what a checker may complain of.

std::uint64_t seed_of_this_run() {
  const char* text = std::getenv("POWERCUT_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 20261123;
}

// In the order of completion, as a recorder has them; ticks leave room for a flush.
Steps random_steps(Prng& prng) {
  Steps steps(prng.between(2, 6));
  std::vector<std::pair<Tick, Tick>> ticks;
  for (Tick tick = 10; ticks.size() < steps.size(); tick += 20)
    ticks.emplace_back(tick > 40 ? tick - 10 * prng.below(4) - 5 : tick - 5, tick);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i] = {prng.one_in(4)   ? Step::Kind::kMark
                : prng.one_in(4) ? Step::Kind::kFua
                                 : Step::Kind::kWrite,
                ticks[i].first, ticks[i].second};
    if (steps[i].kind == Step::Kind::kMark) steps[i].submit = steps[i].complete - 1;
  }
  return steps;
}

// Some are kept and some lost, with so many marks at least.
Predicate random_predicate(Prng& prng, const Steps& steps) {
  std::string wanted(steps.size(), '?');
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].kind == Step::Kind::kMark) continue;
    if (prng.one_in(3)) wanted[i] = '.';
    if (prng.one_in(3)) wanted[i] = static_cast<char>('A' + i);
  }
  const std::size_t marks = prng.below(3);
  return [=](const Seen& seen) {
    if (seen.marks < marks) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] != '?' && wanted[i] != seen.content[i]) return false;
    }
    return true;
  };
}

// Whether a log with these flushes can still fail with just this content.
bool can_fail(const Steps& steps, bool has_ticks, const std::vector<Flush>& flushes,
              const std::string& content, const Predicate& fails) {
  const CrashLog log = log_of(steps, has_ticks, flushes);
  const std::uint64_t last = has_ticks ? log.last_tick() : log.nr_entries();
  for (std::uint64_t cut = 0; cut <= last; ++cut) {
    std::size_t marks = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      std::size_t entry = i;
      for (const Flush& flush : flushes) entry += flush.behind <= i ? 1 : 0;
      const bool is_in_front = has_ticks ? steps[i].complete <= cut : entry < cut;
      if (steps[i].kind == Step::Kind::kMark && is_in_front) ++marks;
    }
    if (!fails({content, marks})) continue;
    const auto states =
        log.states(has_ticks ? log.exact(cut) : log.epoch(cut), std::string(steps.size(), '.'));
    if (states.count(content) > 0) return true;
  }
  return false;
}

TEST(Barrier, AFlushThereRulesTheFailureOut) {
  const std::uint64_t first = seed_of_this_run();
  std::uint64_t nr_with_barrier = 0;
  std::uint64_t nr_hopeless = 0;
  for (std::uint64_t seed = first; seed < first + test::rounds(3000); ++seed) {
    Prng prng(seed);
    const Steps steps = random_steps(prng);
    const bool has_ticks = prng.one_in(2);
    const Predicate fails = random_predicate(prng, steps);
    const CrashLog log = log_of(steps, has_ticks);
    SCOPED_TRACE(testing::Message() << "POWERCUT_TEST_SEED=" << seed << ": " << log.text());
    const auto timeline = timeline_of(log, steps.size());
    const std::uint64_t last = has_ticks ? log.last_tick() : log.nr_entries();
    const auto result = find_at(steps, *timeline, has_ticks ? Model::kExact : Model::kEpoch,
                                prng.between(last / 2, last), fails);
    if (!result) continue;
    const std::string& content = result->seen.content;
    ASSERT_TRUE(can_fail(steps, has_ticks, {}, content, fails));
    if (const auto& barrier = result->finding.barrier) {
      if (!result->finding.notes.empty()) continue;  // it has to wait
      ++nr_with_barrier;
      for (std::size_t at = barrier->after + 1; at <= barrier->before; ++at) {
        if (has_ticks && at > barrier->after + 1) break;
        const Flush flush{at, steps[barrier->after].complete + 1};
        ASSERT_FALSE(can_fail(steps, has_ticks, {flush}, content, fails))
            << content << " with a flush behind " << at << " steps";
      }
    } else if (!has_ticks && result->finding.notes.front().find("no flush can rule that out") !=
                                 std::string::npos) {
      ++nr_hopeless;
      std::vector<Flush> everywhere;
      for (std::size_t i = 0; i <= steps.size(); ++i) everywhere.push_back({i});
      // All in front of the first lost write is a content that the log has to pass through.
      const auto& kept = result->minimal.state.choice.kept;
      const auto number = std::find(kept.begin(), kept.end(), false) - kept.begin();
      const EntryIndex lost =
          result->minimal.state.group->may_entry(static_cast<std::size_t>(number)).entry;
      std::string prefix(steps.size(), '.');
      for (std::size_t k = 0; k < lost; ++k) {
        if (steps[k].kind != Step::Kind::kMark) prefix[k] = static_cast<char>('A' + k);
      }
      ASSERT_TRUE(can_fail(steps, has_ticks, everywhere, prefix, fails)) << prefix;
    }
  }
  EXPECT_GT(nr_with_barrier, test::rounds(100));
  EXPECT_GT(nr_hopeless, test::rounds(50));
}

}  // namespace
}  // namespace powercut::explore
