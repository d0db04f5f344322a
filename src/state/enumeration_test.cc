// SPDX-License-Identifier: Apache-2.0
#include "state/enumeration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace powercut::state {
namespace {

using Kind = Strategy::Kind;

// Writes of so many sectors, none of which overlap.
std::shared_ptr<const CrashGroup> group_of(const std::vector<std::uint64_t>& sectors) {
  auto group = std::make_shared<CrashGroup>();
  ByteOffset at = 0;
  for (std::size_t i = 0; i < sectors.size(); ++i) {
    group->may.push_back(i);
    group->entries.push_back({.entry = i, .range = {at, at + sectors[i] * 512}});
    at += (sectors[i] + 1) * 512;
  }
  return group;
}

std::vector<Choice> all(const Strategy& strategy, const std::vector<std::uint64_t>& sectors,
                        const ChoiceOptions& options = {}) {
  const auto source = make_choices(strategy, group_of(sectors), options);
  std::vector<Choice> choices;
  Choice choice;
  while (source->next(choice)) choices.push_back(choice);
  EXPECT_FALSE(source->next(choice));
  return choices;
}

std::vector<std::uint64_t> ones(std::size_t size) {
  return std::vector<std::uint64_t>(size, 1);
}

// "k" kept, "l" lost, "t" torn.
std::string text(const Choice& choice) {
  std::string result;
  for (const bool kept : choice.kept) result += kept ? 'k' : 'l';
  for (const auto& each : choice.torn) {
    EXPECT_EQ(result[each.may], 'l');
    result[each.may] = 't';
  }
  return result;
}
std::vector<std::string> texts(const std::vector<Choice>& choices) {
  std::vector<std::string> result;
  for (const auto& choice : choices) result.push_back(text(choice));
  return result;
}

TEST(Pairwise, HasAllFourCombinationsOfAnyTwoInAboutLog2States) {
  for (std::size_t size = 2; size <= 130; ++size) {
    const auto choices = all({.kind = Kind::kPairwise}, ones(size));
    for (std::size_t a = 0; a < size; ++a) {
      for (std::size_t b = a + 1; b < size; ++b) {
        int seen = 0;
        for (const auto& choice : choices)
          seen |= 1 << (2 * (choice.kept[a] ? 1 : 0) + (choice.kept[b] ? 1 : 0));
        ASSERT_EQ(seen, 15) << a << " and " << b << " of " << size;
      }
    }
  }
  for (const std::size_t size : {4u, 16u, 100u, 1000u, 100000u}) {
    const auto choices = all({.kind = Kind::kPairwise}, ones(size));
    EXPECT_LE(static_cast<double>(choices.size()),
              2 * std::ceil(std::log2(static_cast<double>(size))) + 1)
        << size;
  }
  EXPECT_THAT(texts(all({.kind = Kind::kPairwise}, ones(1))), testing::ElementsAre("k", "l"));
}

TEST(Choices, OfEachStrategy) {
  EXPECT_THAT(texts(all({.kind = Kind::kPrefix}, ones(2))), testing::ElementsAre("ll", "kl", "kk"));
  EXPECT_THAT(texts(all({.kind = Kind::kExhaustive}, ones(2))),
              testing::ElementsAre("kk", "lk", "kl", "ll"));
  EXPECT_THAT(texts(all({.kind = Kind::kOne}, ones(2))),
              testing::ElementsAre("kk", "lk", "kl", "ll", "kl", "lk"));
  EXPECT_THAT(texts(all({.kind = Kind::kOne}, {1, 2, 3}, {.unit_bytes = 512})),
              testing::IsSupersetOf({"ktk", "kkt"}));
  EXPECT_EQ(all({.kind = Kind::kOne}, {1, 2, 3}, {.unit_bytes = 512}).size(), 8u + 2 + 4);
  for (const Kind kind :
       {Kind::kPrefix, Kind::kExhaustive, Kind::kOne, Kind::kPairwise, Kind::kAuto})
    EXPECT_FALSE(all({.kind = kind}, {}).empty());
}

TEST(Choices, ExhaustiveTearsInAllWaysUpToItsBound) {
  const auto few = all({.kind = Kind::kExhaustive}, {3, 1}, {.unit_bytes = 512});
  EXPECT_EQ(few.size(), 8u * 2);
  EXPECT_EQ(choice_bits(*group_of({3, 1}), 512), 4u);
  EXPECT_EQ(choice_bits(*group_of({3, 1}), 0), 2u);
  for (const std::uint64_t units : {1, 2, 3, 8, 9, 300}) {
    std::set<std::vector<std::pair<std::uint64_t, std::uint64_t>>> seen;
    for (std::uint64_t i = 0; i < nr_tears(units); ++i) {
      std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
      std::uint64_t survived = 0;
      for (const auto& [first, last] : tear(units, i)) {
        EXPECT_LT(last, units);
        survived += last - first + 1;
        ranges.emplace_back(first, last);
      }
      EXPECT_GT(survived, 0u);
      EXPECT_LT(survived, units);
      EXPECT_TRUE(seen.insert(ranges).second);
    }
  }
}

// Sizes are for the time left: never too small, and not much too large.
TEST(Choices, SizesAreAboutRight) {
  const std::vector<std::uint64_t> sectors = {1, 2, 3, 1, 8, 1, 1, 9};
  for (const Strategy& strategy :
       {Strategy{}, Strategy{.kind = Kind::kPrefix}, Strategy{.kind = Kind::kPairwise},
        Strategy{.kind = Kind::kOne}, Strategy{.kind = Kind::kRandom, .number = 9}}) {
    for (const ByteCount unit : {0, 512}) {
      const ChoiceOptions options{.unit_bytes = unit};
      const auto given = static_cast<double>(all(strategy, sectors, options).size());
      const double said = make_choices(strategy, group_of(sectors), options)->size();
      EXPECT_LE(given, said);
      EXPECT_GE(given + 8, said);
    }
  }
}

TEST(Choices, SaysWhenAllPairsHaveBeenSeen) {
  for (const Kind kind : {Kind::kPairwise, Kind::kExhaustive, Kind::kAuto, Kind::kOne}) {
    const auto source = make_choices({.kind = kind}, group_of(ones(9)), {});
    Choice choice;
    EXPECT_FALSE(source->has_all_pairs());
    while (source->next(choice)) {
    }
    EXPECT_EQ(source->has_all_pairs(), kind != Kind::kOne);
  }
}

TEST(Choices, RandomIsTheSameForTheSameSeed) {
  const Strategy strategy{.kind = Kind::kRandom, .number = 50};
  const std::vector<std::uint64_t> sectors = {1, 8, 1, 20, 1, 1, 1, 1, 1, 1};
  const ChoiceOptions options{.unit_bytes = 512, .seed = 3};
  const auto choices = all(strategy, sectors, options);
  EXPECT_EQ(choices.size(), 50u);
  EXPECT_EQ(choices, all(strategy, sectors, options));
  EXPECT_NE(choices, all(strategy, sectors, {.unit_bytes = 512, .seed = 4}));
  std::uint64_t nr_torn = 0;
  for (const auto& choice : choices) nr_torn += choice.torn.size();
  EXPECT_GT(nr_torn, 5u);
}

TEST(Choices, AutoIsExhaustiveWhereThatIsLittle) {
  EXPECT_THAT(texts(all({}, ones(7))),
              testing::UnorderedElementsAreArray(texts(all({.kind = Kind::kExhaustive}, ones(7)))));
  for (const std::size_t size : {2u, 7u, 40u}) {
    const auto first = texts(all({}, ones(size)));
    EXPECT_EQ(first[0], std::string(size, 'k'));
    EXPECT_EQ(first[1], std::string(size, 'l'));
  }
  const auto large = texts(all({}, ones(40)));
  EXPECT_LT(large.size(), 400u);
  EXPECT_GT(std::set<std::string>(large.begin(), large.end()).size(), 200u);
}

TEST(ParseStrategies, NamesAndNonsense) {
  const auto strategies = parse_strategies("pairwise,random:20,auto");
  ASSERT_TRUE(strategies);
  EXPECT_EQ(*strategies, (std::vector<Strategy>{{.kind = Kind::kPairwise},
                                                {.kind = Kind::kRandom, .number = 20},
                                                {.kind = Kind::kAuto}}));
  for (const char* wrong : {"", "one,", "random", "random:0", "random:x", "pair"})
    EXPECT_EQ(parse_strategies(wrong).error().kind, ErrorKind::kUsage) << wrong;
}

}  // namespace
}  // namespace powercut::state
