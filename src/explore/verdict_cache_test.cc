// SPDX-License-Identifier: Apache-2.0
#include "explore/verdict_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "explore/cache_format.h"
#include "io/memory_file.h"
#include "support/temporary_directory.h"

namespace powercut::explore {
namespace {

using testing::HasSubstr;

constexpr Hash128 kKey = {1, 2};

RememberedRun example(std::uint64_t number) {
  RememberedRun run;
  run.key = kKey;
  run.marks = {number, 3};
  run.verdict = {check::Outcome::kExitStatus, -4, "step", "all of it", "a part"};
  for (std::uint64_t i = 0; i < number; ++i) run.reads.push_back({i, {i, number}});
  return run;
}

bool is_same(const RememberedRun& a, const RememberedRun& b) {
  return encode_run(a) == encode_run(b);
}

std::vector<std::byte> bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

class VerdictCacheTest : public testing::Test {
 protected:
  Result<std::unique_ptr<VerdictCache>> open(const Hash128& key = kKey) {
    return VerdictCache::open(path_, key, [this](const std::string& text) { notice_ = text; });
  }
  void fill(std::uint64_t runs) {
    const auto cache = open();
    ASSERT_TRUE(cache) << cache.error().message;
    for (std::uint64_t i = 0; i < runs; ++i) ASSERT_TRUE((*cache)->add(example(i)));
  }
  std::size_t nr_runs(const Hash128& key = kKey) {
    const auto cache = open(key);
    EXPECT_TRUE(cache) << cache.error().message;
    return cache ? (*cache)->take_runs().size() : 0;
  }

  test::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "cache";
  std::string notice_;
};

TEST_F(VerdictCacheTest, GivesWhatWasAdded) {
  fill(3);
  {
    const auto cache = open();
    ASSERT_TRUE(cache);
    const auto runs = (*cache)->take_runs();
    ASSERT_EQ(runs.size(), 3U);
    for (std::uint64_t i = 0; i < runs.size(); ++i) {
      EXPECT_TRUE(is_same(runs[i], example(i)));
      EXPECT_EQ(runs[i].reads, example(i).reads);
      EXPECT_EQ(runs[i].verdict.code, -4);
      EXPECT_EQ(runs[i].verdict.step_output, "a part");
    }
    ASSERT_TRUE((*cache)->add(example(9)));
  }
  EXPECT_EQ(nr_runs(), 4U);
  EXPECT_EQ(nr_runs({7, 7}), 0U);
  EXPECT_EQ(notice_, "");
}

TEST_F(VerdictCacheTest, ASecondUserIsRefused) {
  const auto first = open();
  ASSERT_TRUE(first);
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kEnvironment);
}

// Wherever it ends, the whole records in front are there, and adding goes on behind them.
TEST_F(VerdictCacheTest, ATornEndIsCutOff) {
  fill(3);
  const auto size = std::filesystem::file_size(path_);
  const auto last = sizeof(RecordHeaderDisk) + encode_run(example(2)).size();
  for (std::uintmax_t length = size - 1; length >= size - last; --length) {
    std::filesystem::resize_file(path_, length);
    EXPECT_EQ(nr_runs(), 2U) << length;
    fill(1);
    EXPECT_EQ(nr_runs(), 3U) << length;
    std::filesystem::remove(path_);
    fill(3);
  }
  EXPECT_EQ(notice_, "");
  std::filesystem::resize_file(path_, sizeof(CacheHeaderDisk) - 1);
  EXPECT_EQ(nr_runs(), 0U);
}

TEST_F(VerdictCacheTest, ADamagedRecordIsPassedOver) {
  fill(3);
  std::fstream(path_, std::ios::in | std::ios::out)
      .seekp(sizeof(CacheHeaderDisk) + sizeof(RecordHeaderDisk))
      .put('x');
  EXPECT_EQ(nr_runs(), 2U);
  EXPECT_THAT(notice_, HasSubstr("1 damaged"));
}

TEST_F(VerdictCacheTest, WhatIsNoCacheStaysAsItIs) {
  for (const std::string text : {"x", "a file of somebody else's"}) {
    std::ofstream(path_) << text;
    const auto before = bytes_of(path_);
    const auto cache = open();
    ASSERT_FALSE(cache);
    EXPECT_EQ(cache.error().kind, ErrorKind::kBadInput);
    EXPECT_EQ(bytes_of(path_), before);
  }
  std::filesystem::remove(path_);
  fill(1);
  std::fstream(path_, std::ios::in | std::ios::out).seekp(8).put('\7');
  const auto before = bytes_of(path_);
  const auto cache = open();
  ASSERT_FALSE(cache);
  EXPECT_THAT(cache.error().message, HasSubstr("version 7"));
  EXPECT_EQ(bytes_of(path_), before);
}

}  // namespace
}  // namespace powercut::explore
