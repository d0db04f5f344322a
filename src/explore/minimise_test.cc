// SPDX-License-Identifier: Apache-2.0
#include "explore/minimise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>

#include "base/prng.h"
#include "support/fake_judge.h"
#include "support/rounds.h"

namespace powercut::explore {
namespace {

using state::Choice;
using state::CrashGroup;
using state::CrashState;
using test::failed;
using test::FakeJudge;
using test::passed;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ByteCount kSector = 512;

// W has so many writes of four sectors each, side by side.
CrashState nothing_lost(std::size_t writes) {
  CrashGroup group{.model = state::Model::kEpoch, .cut = writes};
  for (std::size_t i = 0; i < writes; ++i) {
    group.may.push_back(i);
    group.entries.push_back({.entry = i, .range = {i * 4 * kSector, (i + 1) * 4 * kSector}});
  }
  CrashState state{.group = std::make_shared<const CrashGroup>(std::move(group)),
                   .unit_bytes = kSector};
  state.choice.kept.assign(writes, true);
  return state;
}

CrashState with_lost(std::size_t writes, const std::vector<std::size_t>& lost) {
  CrashState state = nothing_lost(writes);
  for (const std::size_t number : lost) state.choice.kept[number] = false;
  return state;
}

bool is_torn(const CrashState& state, std::size_t number) {
  return std::any_of(state.choice.torn.begin(), state.choice.torn.end(),
                     [&](const Choice::Tear& tear) { return tear.may == number; });
}
bool is_lost(const CrashState& state, std::size_t number) {
  return !state.choice.kept[number] && !is_torn(state, number);
}

Minimal minimal_of(const CrashState& state, FakeJudge& judge, const MinimiseOptions& options = {}) {
  auto minimal = minimise(state, judge, options);
  if (!minimal || !*minimal) throw std::runtime_error("no minimal state");
  return **std::move(minimal);
}
Minimal minimal_of(const CrashState& state, const std::function<bool(const CrashState&)>& fails) {
  FakeJudge judge([&](const CrashState& each) { return fails(each) ? failed("bad") : passed(); });
  return minimal_of(state, judge);
}

std::string id(const CrashState& state) {
  return to_string(id_of(state, kSector));
}

TEST(Minimise, FindsTheOneLostWriteAndTheOneThatSurvived) {
  const auto minimal = minimal_of(
      with_lost(20, {1, 3, 4, 5, 9, 11, 19}),
      [](const CrashState& state) { return is_lost(state, 9) && state.choice.kept[12]; });
  EXPECT_EQ(id(minimal.state), "epoch:20:lost:9");
  EXPECT_THAT(minimal.survivors, ElementsAre(12));
  EXPECT_TRUE(minimal.is_complete);
  EXPECT_EQ(minimal.verdict.step_output, "bad");
}

TEST(Minimise, SeveralWritesThatWereLostTogether) {
  const auto minimal =
      minimal_of(with_lost(20, {1, 3, 4, 5, 9, 11, 12, 13, 19}), [](const CrashState& state) {
        return is_lost(state, 3) && is_lost(state, 11) && is_lost(state, 12);
      });
  EXPECT_EQ(id(minimal.state), "epoch:20:lost:3.11-12");
  EXPECT_THAT(minimal.survivors, IsEmpty());
}

TEST(Minimise, AFailureWithoutALossHasNothingToMinimise) {
  const auto minimal = minimal_of(with_lost(5, {0, 2}), [](const CrashState&) { return true; });
  EXPECT_EQ(id(minimal.state), "epoch:5");
  const auto without_choice = minimal_of(nothing_lost(0), [](const CrashState&) { return true; });
  EXPECT_EQ(id(without_choice.state), "epoch:0");
  EXPECT_EQ(without_choice.checks, 1u);
}

TEST(Minimise, TornWritesAreMadeWholeWhereThatFailsToo) {
  CrashState state = nothing_lost(6);
  for (const std::size_t number : {1, 2, 4}) {
    state.choice.kept[number] = false;
    state.choice.torn.push_back({number, {{0, 1}}});
  }
  // Of 1 some has to be lost, and 4 has to be torn.
  const auto minimal = minimal_of(
      state, [](const CrashState& each) { return !each.choice.kept[1] && is_torn(each, 4); });
  EXPECT_EQ(id(minimal.state), "epoch:6:lost:1:torn:4:0-1");
}

TEST(Minimise, AnotherFailureIsNoFailure) {
  FakeJudge judge([](const CrashState& state) {
    if (!state.choice.kept[0] && !state.choice.kept[1]) return failed("row 17 is lost");
    return state.choice.kept[0] ? passed() : failed("no table");
  });
  EXPECT_EQ(id(minimal_of(with_lost(3, {0, 1, 2}), judge).state), "epoch:3:lost:0-1");
}

TEST(Minimise, NumbersInTheOutputMakeNoOtherFailure) {
  FakeJudge judge([](const CrashState& state) {
    const auto lost = std::count(state.choice.kept.begin(), state.choice.kept.end(), false);
    return lost > 0 ? failed("lost " + std::to_string(lost)) : passed();
  });
  EXPECT_EQ(id(minimal_of(with_lost(3, {0, 1, 2}), judge).state), "epoch:3:lost:0");
}

TEST(Minimise, AFailureThatDoesNotComeAgainIsSaidToBeOne) {
  const auto minimal = minimal_of(with_lost(3, {0, 1}), [](const CrashState&) { return false; });
  EXPECT_FALSE(minimal.failed_again);
  EXPECT_EQ(minimal.checks, 1u);
}

TEST(Minimise, EndsAtTheLimitWithWhatItHas) {
  const auto judge_lost = [](const CrashState& state) {
    for (std::size_t i = 0; i < 64; i += 2) {
      if (state.choice.kept[i]) return passed();
    }
    return failed("bad");
  };
  std::vector<std::size_t> all(64);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  for (const std::uint64_t limit : {1, 2, 10, 60}) {
    FakeJudge judge(judge_lost);
    const auto minimal = minimal_of(with_lost(64, all), judge, {.max_checks = limit});
    EXPECT_FALSE(minimal.is_complete);
    EXPECT_EQ(judge.checks, limit);
    EXPECT_FALSE(judge_lost(minimal.state).passed());
  }
}

TEST(Minimise, AnInterruptAndAnErrorEndIt) {
  FakeJudge judge([](const CrashState&) { return failed("bad"); });
  judge.interrupted_at = 1;
  const auto interrupted = minimise(with_lost(4, {0, 1}), judge);
  ASSERT_TRUE(interrupted);
  EXPECT_FALSE(*interrupted);

  class Broken final : public Judge {
    Result<std::optional<Judgement>> judge(const CrashState&) override {
      return environment_error("no disk");
    }
  } broken;
  const auto error = minimise(with_lost(4, {0, 1}), broken);
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().message, "no disk");
}

// Random predicates over small groups.

std::uint64_t seed_of_this_run() {
  const char* text = std::getenv("POWERCUT_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 20261123;
}

using Mask = std::uint32_t;

Mask lost_of(const CrashState& state) {
  Mask mask = 0;
  for (std::size_t i = 0; i < state.choice.kept.size(); ++i) {
    if (!state.choice.kept[i]) mask |= Mask{1} << i;
  }
  return mask;
}

CrashState state_of(std::size_t writes, Mask lost) {
  CrashState state = nothing_lost(writes);
  for (std::size_t i = 0; i < writes; ++i) state.choice.kept[i] = (lost >> i & 1) == 0;
  return state;
}

TEST(Minimise, OfAnyPredicateTheResultFailsAndIsMinimal) {
  constexpr std::size_t kWrites = 6;
  const std::uint64_t first = seed_of_this_run();
  for (std::uint64_t seed = first; seed < first + test::rounds(2000); ++seed) {
    SCOPED_TRACE(testing::Message() << "POWERCUT_TEST_SEED=" << seed);
    Prng prng(seed);
    const std::uint64_t failing = (prng() & prng()) | std::uint64_t{1} << 63;
    const auto fails = [&](Mask lost) { return (failing >> lost & 1) != 0; };
    const auto minimal = minimal_of(state_of(kWrites, 63),
                                    [&](const CrashState& state) { return fails(lost_of(state)); });
    const Mask lost = lost_of(minimal.state);
    ASSERT_TRUE(fails(lost));
    for (std::size_t i = 0; i < kWrites; ++i) {
      const Mask less = lost & ~(Mask{1} << i);
      ASSERT_FALSE(less != lost && fails(less)) << lost << " without " << i;
    }
    // With only the survivors behind the first lost write it fails, and with none less.
    Mask surviving = 0;
    for (const std::size_t number : minimal.survivors) surviving |= Mask{1} << number;
    const Mask later = lost == 0 ? 0 : 63u & ~((Mask{1} << std::countr_zero(lost)) - 1);
    ASSERT_EQ(surviving & ~(later & ~lost), 0u);
    ASSERT_TRUE(fails(lost | (later & ~surviving)));
    for (const std::size_t number : minimal.survivors) {
      const Mask less = surviving & ~(Mask{1} << number);
      ASSERT_FALSE(fails(lost | (later & ~less)));
    }
  }
}

TEST(Minimise, OfAMonotonePredicateTheResultIsASmallestSet) {
  constexpr std::size_t kWrites = 6;
  const std::uint64_t first = seed_of_this_run();
  for (std::uint64_t seed = first; seed < first + test::rounds(2000); ++seed) {
    SCOPED_TRACE(testing::Message() << "POWERCUT_TEST_SEED=" << seed);
    Prng prng(seed);
    std::vector<Mask> reasons;  // to lose all of one of these is enough
    for (std::uint64_t i = prng.between(1, 3); i > 0; --i)
      reasons.push_back(static_cast<Mask>(prng.between(1, 63)));
    int smallest = 64;
    for (const Mask reason : reasons) smallest = std::min(smallest, std::popcount(reason));
    const auto fails = [&](const CrashState& state) {
      return std::any_of(reasons.begin(), reasons.end(),
                         [&](Mask reason) { return (lost_of(state) & reason) == reason; });
    };
    const auto minimal = minimal_of(state_of(kWrites, 63), fails);
    ASSERT_EQ(std::popcount(lost_of(minimal.state)), smallest);
    ASSERT_THAT(minimal.survivors, IsEmpty());
  }
}

// What each tear of two writes and the loss of four others does is any function.
TEST(Minimise, OfTornWritesNoneCanBeMadeWhole) {
  constexpr std::size_t kWrites = 4;
  enum class Fate : std::uint8_t { kKept, kLost, kTorn };
  const auto fate_of = [](const CrashState& state, std::size_t number) {
    if (state.choice.kept[number]) return Fate::kKept;
    return is_torn(state, number) ? Fate::kTorn : Fate::kLost;
  };
  const auto number_of = [&](const CrashState& state) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < kWrites; ++i)
      number = number * 3 + static_cast<std::uint64_t>(fate_of(state, i));
    return number;
  };
  CrashState all_torn = state_of(kWrites, 15);
  for (std::size_t i = 0; i < kWrites; ++i) all_torn.choice.torn.push_back({i, {{1, 2}}});
  const std::uint64_t first = seed_of_this_run();
  for (std::uint64_t seed = first; seed < first + test::rounds(2000); ++seed) {
    SCOPED_TRACE(testing::Message() << "POWERCUT_TEST_SEED=" << seed);
    const auto fails = [&](const CrashState& state) {
      return number_of(state) == number_of(all_torn) ||
             Prng(seed * 81 + number_of(state)).one_in(5);
    };
    const CrashState minimal = minimal_of(all_torn, fails).state;
    ASSERT_TRUE(fails(minimal));
    for (const auto& tear : minimal.choice.torn) {
      CrashState whole = minimal;
      std::erase_if(whole.choice.torn, [&](const auto& each) { return each.may == tear.may; });
      ASSERT_FALSE(fails(whole)) << id(minimal) << " with " << tear.may << " lost";
    }
    for (std::size_t i = 0; i < kWrites; ++i) {
      if (minimal.choice.kept[i]) continue;
      CrashState whole = minimal;
      std::erase_if(whole.choice.torn, [&](const auto& each) { return each.may == i; });
      whole.choice.kept[i] = true;
      ASSERT_FALSE(fails(whole)) << id(minimal) << " with " << i << " kept";
    }
  }
}

}  // namespace
}  // namespace powercut::explore
