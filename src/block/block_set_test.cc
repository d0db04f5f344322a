// SPDX-License-Identifier: Apache-2.0
#include "block/block_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/prng.h"

namespace powercut {
namespace {

constexpr std::uint64_t kChunk = BlockSet::kChunkBlocks;

void expect_same(const BlockSet& set, const std::vector<bool>& model, Prng& prng) {
  ASSERT_EQ(set.size(), static_cast<std::uint64_t>(std::count(model.begin(), model.end(), true)));
  for (std::uint64_t at = 0; at < model.size();) {
    ASSERT_EQ(set.contains(at), model[at]) << "block " << at;
    const auto begin = model.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = std::find(begin, model.end(), !model[at]);
    const auto run_end = static_cast<std::uint64_t>(end - model.begin());
    ASSERT_EQ(set.run_end(at, model.size()), run_end) << "from block " << at;
    const std::uint64_t limit = prng.between(at + 1, model.size());
    ASSERT_EQ(set.run_end(at, limit), std::min(run_end, limit)) << "from block " << at;
    at = prng.one_in(2) ? run_end : prng.between(at + 1, run_end);
  }
}

TEST(BlockSet, EqualsAPlainArray) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    BlockSet set;
    std::vector<bool> model(6 * kChunk + prng.below(kChunk));
    for (int step = 0; step < 30; ++step) {
      std::uint64_t begin = prng.below(model.size());
      const std::uint64_t length = prng.one_in(3) ? 3 * kChunk : prng.one_in(2) ? 70 : 1;
      std::uint64_t end = std::min<std::uint64_t>(model.size(), begin + prng.below(length + 1));
      if (prng.one_in(4)) begin = begin / kChunk * kChunk;
      if (prng.one_in(4)) end = std::max(begin, end / kChunk * kChunk);
      set.insert(begin, end);
      std::fill(model.begin() + static_cast<std::ptrdiff_t>(begin),
                model.begin() + static_cast<std::ptrdiff_t>(end), true);
      ASSERT_NO_FATAL_FAILURE(expect_same(set, model, prng)) << "step " << step;
    }
    set.clear();
    ASSERT_NO_FATAL_FAILURE(expect_same(set, std::vector<bool>(model.size()), prng));
  }
}

TEST(BlockSet, StaysSmall) {
  BlockSet set;
  constexpr std::uint64_t kMany = std::uint64_t{1} << 34;  // blocks of 64 TiB
  EXPECT_EQ(set.run_end(0, kMany), kMany);
  for (std::uint64_t block = 0; block < 100 * kChunk; ++block) set.insert(block, block + 1);
  EXPECT_EQ(set.nr_pieces(), 1u);
  set.insert(kMany - 1, kMany);
  EXPECT_EQ(set.nr_pieces(), 2u);
  EXPECT_EQ(set.run_end(100 * kChunk, kMany), kMany - 1);
  set.insert(0, kMany);
  EXPECT_EQ(set.nr_pieces(), 1u);
  EXPECT_EQ(set.size(), kMany);
}

}  // namespace
}  // namespace powercut
