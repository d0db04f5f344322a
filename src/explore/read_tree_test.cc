// SPDX-License-Identifier: Apache-2.0
#include "explore/read_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/prng.h"

namespace powercut::explore {
namespace {

using Device = std::map<std::uint64_t, std::uint64_t>;  // what is in each block

Hash128 content_of(std::uint64_t value) {
  return {value, 0};
}

std::optional<std::size_t> find(const ReadTree& tree, const Device& device) {
  const auto found = tree.find(
      [&](std::uint64_t block) -> Result<Hash128> { return content_of(device.at(block)); });
  EXPECT_TRUE(found);
  return *found;
}

std::vector<ReadBlock> reads(const Device& device, const std::vector<std::uint64_t>& blocks) {
  std::vector<ReadBlock> result;
  for (const auto block : blocks) result.push_back({block, content_of(device.at(block))});
  return result;
}

TEST(ReadTreeTest, AnEmptyOneFindsNothing) {
  EXPECT_EQ(find(ReadTree(), {}), std::nullopt);
}

TEST(ReadTreeTest, ARunThatReadNothingFitsAll) {
  ReadTree tree;
  tree.insert({}, 7);
  EXPECT_EQ(find(tree, {{1, 1}}), 7U);
}

TEST(ReadTreeTest, OnlyWhatWasReadCounts) {
  ReadTree tree;
  tree.insert(reads({{1, 10}, {2, 20}}, {1, 2}), 0);
  EXPECT_EQ(find(tree, {{1, 10}, {2, 20}, {3, 30}}), 0U);
  EXPECT_EQ(find(tree, {{1, 10}, {2, 20}, {3, 31}}), 0U);
  EXPECT_EQ(find(tree, {{1, 10}, {2, 21}, {3, 30}}), std::nullopt);
  EXPECT_EQ(find(tree, {{1, 11}, {2, 20}, {3, 30}}), std::nullopt);
}

TEST(ReadTreeTest, TheOrderDoesNotCount) {
  ReadTree tree;
  tree.insert(reads({{1, 10}, {2, 20}, {3, 30}}, {1, 2, 3}), 0);
  tree.insert(reads({{1, 10}, {2, 21}, {3, 30}}, {3, 2, 1}), 1);
  tree.insert(reads({{2, 22}, {3, 31}}, {2, 3}), 2);  // did not read block 1
  EXPECT_EQ(find(tree, {{1, 10}, {2, 20}, {3, 30}}), 0U);
  EXPECT_EQ(find(tree, {{1, 10}, {2, 21}, {3, 30}}), 1U);
  EXPECT_EQ(find(tree, {{1, 10}, {2, 22}, {3, 31}}), 2U);
  EXPECT_EQ(find(tree, {{1, 99}, {2, 22}, {3, 31}}), 2U);
  EXPECT_EQ(find(tree, {{1, 10}, {2, 20}, {3, 31}}), std::nullopt);
}

TEST(ReadTreeTest, AnErrorEndsTheSearch) {
  ReadTree tree;
  tree.insert({{1, content_of(1)}}, 0);
  const auto found =
      tree.find([](std::uint64_t) -> Result<Hash128> { return environment_error("broken"); });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "broken");
}

// A tree gives a run exactly if one of those that are in it fits, and then one that fits: for runs of
// any blocks in any order, so of no deterministic program.
TEST(ReadTreeTest, IsAsGoodAsALookAtEachRun) {
  Prng prng(20240611);
  std::uint64_t hits = 0;
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t nr_blocks = prng.between(1, 7);
    const std::uint64_t nr_values = prng.between(2, 3);
    const auto random_device = [&] {
      Device device;
      for (std::uint64_t block = 0; block < nr_blocks; ++block)
        device[block] = prng.below(nr_values);
      return device;
    };
    ReadTree tree;
    std::vector<std::vector<ReadBlock>> runs;
    for (int run = 0; run < 30; ++run) {
      const Device device = random_device();
      std::vector<std::uint64_t> blocks;
      for (std::uint64_t block = 0; block < nr_blocks; ++block) {
        if (!prng.one_in(3)) blocks.push_back(block);
      }
      std::shuffle(blocks.begin(), blocks.end(), prng);
      runs.push_back(reads(device, blocks));
      tree.insert(runs.back(), runs.size() - 1);
      for (int i = 0; i < 10; ++i) {
        const Device state = random_device();
        const auto fits = [&](const std::vector<ReadBlock>& candidate) {
          return std::all_of(candidate.begin(), candidate.end(), [&](const ReadBlock& read) {
            return content_of(state.at(read.block)) == read.content;
          });
        };
        const auto found = find(tree, state);
        EXPECT_EQ(found.has_value(), std::any_of(runs.begin(), runs.end(), fits));
        if (!found) continue;
        EXPECT_TRUE(fits(runs.at(*found)));
        ++hits;
      }
    }
  }
  EXPECT_GT(hits, 1000U);
}

}  // namespace
}  // namespace powercut::explore
