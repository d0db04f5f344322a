// SPDX-License-Identifier: Apache-2.0
#include "state/pair_coverage.h"

#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"
#include "state/enumeration.h"

namespace powercut::state {
namespace {

TEST(PairCoverage, EqualsALookAtEachPair) {
  Prng prng(1);
  for (int round = 0; round < 60; ++round) {
    const std::size_t size = prng.between(0, 140);
    PairCoverage coverage(size);
    std::vector<std::vector<int>> seen(size * size, std::vector<int>(4));
    for (std::uint64_t left = prng.below(20); left > 0; --left) {
      Choice choice;
      std::vector<int> fate(size);
      for (std::size_t i = 0; i < size; ++i) {
        fate[i] = static_cast<int>(prng.one_in(9) ? 2 : prng.below(2));
        choice.kept.push_back(fate[i] == 1);
        if (fate[i] == 2) choice.torn.push_back({i, {{0, 0}}});
      }
      coverage.add(choice);
      for (std::size_t a = 0; a < size; ++a) {
        for (std::size_t b = a + 1; b < size; ++b) {
          if (fate[a] < 2 && fate[b] < 2)
            seen[a * size + b][static_cast<std::size_t>(2 * fate[a] + fate[b])] = 1;
        }
      }
    }
    const auto expected = std::count(seen.begin(), seen.end(), std::vector<int>{1, 1, 1, 1});
    EXPECT_EQ(coverage.covered(), static_cast<std::uint64_t>(expected)) << "size " << size;
  }
}

TEST(PairCoverage, NumbersOfPairs) {
  EXPECT_EQ(PairCoverage::pairs(0), 0u);
  EXPECT_EQ(PairCoverage::pairs(1), 0u);
  EXPECT_EQ(PairCoverage::pairs(2), 1u);
  EXPECT_EQ(PairCoverage::pairs(7), 21u);
}

}  // namespace
}  // namespace powercut::state
