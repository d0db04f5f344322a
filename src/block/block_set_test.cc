// SPDX-License-Identifier: Apache-2.0
#include "block/block_set.h"

#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"

namespace powercut {
namespace {

// Ranges that begin and end at, before and behind the borders of groups.
std::uint64_t some_block(Prng& prng) {
  return prng.below(4) * 32'768 + prng.below(5) * 8'191 + prng.below(3);
}

TEST(BlockSet, IsASet) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    BlockSet blocks;
    std::set<std::uint64_t> model;
    for (int step = 0; step < 6; ++step) {
      const std::uint64_t begin = some_block(prng);
      const std::uint64_t end = begin + (prng.below(2) == 0 ? prng.below(9) : some_block(prng) / 2);
      blocks.insert(begin, end);
      for (std::uint64_t block = begin; block < end; ++block) model.insert(block);
      ASSERT_EQ(blocks.size(), model.size());
      for (int look = 0; look < 20; ++look) {
        const std::uint64_t at = some_block(prng);
        ASSERT_EQ(blocks.contains(at), model.contains(at));
        const std::uint64_t limit = at + 1 + some_block(prng);
        std::uint64_t expected = at;
        while (expected < limit && model.contains(expected) == model.contains(at)) ++expected;
        ASSERT_EQ(blocks.run_end(at, limit), expected);
      }
    }
    blocks.clear();
    EXPECT_EQ(blocks.size(), 0u);
    EXPECT_FALSE(blocks.contains(*model.begin()));
  }
}

TEST(BlockSet, AHugeRangeTakesNoTime) {
  BlockSet blocks;
  constexpr std::uint64_t kEnd = (1ull << 46) / 4096;  // 64 TiB
  blocks.insert(1, kEnd);
  EXPECT_EQ(blocks.size(), kEnd - 1);
  EXPECT_EQ(blocks.run_end(1, kEnd + 5), kEnd);
}

}  // namespace
}  // namespace powercut
