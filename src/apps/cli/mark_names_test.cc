// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/mark_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "apps/cli/file_names.h"
#include "base/prng.h"
#include "support/log_builder.h"

namespace powercut::apps {
namespace {

using test::LogBuilder;
using testing::ElementsAre;

TEST(FileNames, EveryTextHasOneAndIsFoundByIt) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "%"},
      {"a", "a"},
      {".", "%2E"},
      {"..", "%2E."},
      {"...", "..."},
      {"a/b", "a%2Fb"},
      {"100%", "100%25"},
      {"a\nb\x7f", "a%0Ab%7F"},
      {".hidden", ".hidden"},
      {"\xc3\xa9 x", "\xc3\xa9 x"},
  };
  for (const auto& [text, name] : cases) {
    EXPECT_EQ(file_name_of(text), name);
    EXPECT_EQ(text_of_file_name(name), text);
  }
  for (const char* name : {"%%", "%2", "a%", "%2f", "%GG"}) {
    EXPECT_EQ(text_of_file_name(name), std::nullopt) << name;
  }
}

std::unique_ptr<index::LogIndex> index_of(const LogBuilder& log) {
  auto index = index::LogIndex::open(log.file(), {});
  if (!index) throw std::runtime_error(index.error().message);
  return std::move(*index);
}

std::vector<std::string> names_of(const MarkNames& names) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < names.size(); ++i) result.push_back(names.name(i));
  return result;
}

TEST(MarkNames, AreThoseOfTheInstants) {
  LogBuilder log;
  log.mark("a").write(0, "A").mark("b").mark("a").mark("x#7").mark("a/b").mark("").mark("");
  MarkNames names;
  ASSERT_TRUE(names.refresh(*index_of(log)));
  EXPECT_THAT(names_of(names), ElementsAre("a", "b", "a#2", "x#7#1", "a%2Fb", "%", "#2"));
  for (std::size_t i = 0; i < names.size(); ++i)
    EXPECT_EQ(names.find(names.name(i)), names.entry(i)) << names.name(i);
  EXPECT_EQ(names.entry(2), 3u);
  EXPECT_EQ(names.find("a#1"), 0u);
  for (const char* name : {"a#3", "c", "x#7", "a#0", "a%", "b#2", "%entry=0", "a%entry=0"})
    EXPECT_EQ(names.find(name), std::nullopt) << name;
  EXPECT_EQ(names.first_from(0), 0u);
  EXPECT_EQ(names.first_from(1), 1u);
  EXPECT_EQ(names.first_from(100), names.size());
}

TEST(MarkNames, LongOnesAreCut) {
  LogBuilder log(4096);
  const std::string text(1000, '/');
  log.mark(text).mark(text).mark(std::string(198, 'x') + std::string(200, '\xc3')).mark("a");
  MarkNames names;
  ASSERT_TRUE(names.refresh(*index_of(log)));
  std::set<std::string> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_LE(names.name(i).size(), 255u);
    EXPECT_TRUE(seen.insert(names.name(i)).second);
    EXPECT_EQ(names.find(names.name(i)), names.entry(i)) << names.name(i);
  }
  EXPECT_THAT(names.name(1), testing::EndsWith("%2F%entry=1"));
}

TEST(MarkNames, GrowWithTheLogAsIfTheyHadBeenReadAtOnce) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    LogBuilder log;
    MarkNames grown;
    for (int step = 0; step < 10; ++step) {
      for (std::uint64_t i = prng.below(8); i > 0; --i) {
        if (prng.one_in(3)) log.flush();
        log.mark(std::string(1, static_cast<char>('a' + prng.below(4))));
      }
      ASSERT_TRUE(grown.refresh(*index_of(log)));
    }
    MarkNames fresh;
    ASSERT_TRUE(fresh.refresh(*index_of(log)));
    EXPECT_EQ(names_of(grown), names_of(fresh));
    for (std::size_t i = 0; i < fresh.size(); ++i)
      EXPECT_EQ(grown.find(fresh.name(i)), fresh.entry(i));
  }
}

TEST(MarkNames, AMarkThatWasTheFirstOfItsKindMayVanish) {
  LogBuilder before;
  before.mark("pending").mark("pending").mark("a");
  LogBuilder after;
  after.flush().mark("pending").mark("a").mark("b");
  MarkNames names;
  ASSERT_TRUE(names.refresh(*index_of(before)));
  EXPECT_THAT(names_of(names), ElementsAre("pending", "pending#2", "a"));
  ASSERT_TRUE(names.refresh(*index_of(after)));
  EXPECT_THAT(names_of(names), ElementsAre("pending", "a", "b"));
}

}  // namespace
}  // namespace powercut::apps
