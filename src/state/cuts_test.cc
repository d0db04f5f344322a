// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/cut_walk.h"
#include "state/state_id.h"
#include "support/log_builder.h"

namespace powercut::state {
namespace {

using log::kFlagFlush;
using log::kFlagFua;
using test::LogBuilder;
using testing::ElementsAre;
using testing::IsEmpty;

using Cuts = std::vector<EntryIndex>;

LogBuilder example() {
  LogBuilder log;
  //  0             1        2             3        4                        5             6
  log.write(0, "A")
      .flush()
      .mark("first")
      .fua(1, "B")
      .flush(kFlagFua | kFlagFlush)
      .mark("first")
      .write(0, "C");
  return log;
}

Cuts cuts_of(const LogBuilder& builder, const std::vector<std::string>& texts, EntryIndex from = 0,
             EntryIndex to = 1000) {
  const auto timeline = Timeline::open(builder.file("x.log"), {.size_bytes = 4096});
  EXPECT_TRUE(timeline);
  const auto selection = parse_cut_selection(texts);
  EXPECT_TRUE(selection) << selection.error().message;
  auto walk = CutWalk::make(**timeline, Model::kPrefix, *selection, from, to);
  EXPECT_TRUE(walk) << walk.error().message;
  Cuts cuts;
  while (true) {
    const auto cut = walk->next();
    EXPECT_TRUE(cut) << cut.error().message;
    if (!*cut) break;
    cuts.push_back((*cut)->at);
  }
  EXPECT_FALSE(*walk->next());
  return cuts;
}

TEST(Cuts, EachKindOfPlace) {
  EXPECT_THAT(cuts_of(example(), {"all"}), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(cuts_of(example(), {"flush"}), ElementsAre(2, 5));
  EXPECT_THAT(cuts_of(example(), {"fua"}), ElementsAre(4, 5));
  EXPECT_THAT(cuts_of(example(), {"mark"}), ElementsAre(3, 6));
  EXPECT_THAT(cuts_of(example(), {"every:3"}), ElementsAre(3, 6));
  EXPECT_THAT(cuts_of(example(), {"every:8"}), IsEmpty());
}

TEST(Cuts, SelectionsAddUpAndNoCutComesTwice) {
  EXPECT_THAT(cuts_of(example(), {"flush,mark"}), ElementsAre(2, 3, 5, 6));
  EXPECT_THAT(cuts_of(example(), {"flush", "fua", "every:5"}), ElementsAre(2, 4, 5));
}

TEST(Cuts, LimitsHoldForKindsButNotForInstants) {
  EXPECT_THAT(cuts_of(example(), {"all"}, 2, 5), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(cuts_of(example(), {"flush,entry:7,0,start"}, 3, 5), ElementsAre(0, 5, 7));
}

TEST(Cuts, AnEmptyLogHasOneAtMost) {
  EXPECT_THAT(cuts_of(LogBuilder(), {"all"}), ElementsAre(0));
  EXPECT_THAT(cuts_of(LogBuilder(), {"flush,mark,fua,every:1"}), IsEmpty());
}

TEST(ParseCutSelection, Terms) {
  const auto selection = parse_cut_selection({"flush,mark,every:10", "17", "flush:3", "mark:a,b"});
  ASSERT_TRUE(selection) << selection.error().message;
  CutSelection expected;
  expected.flushes = expected.marks = true;
  expected.every = 10;
  for (const char* text : {"17", "flush:3", "mark:a,b"})
    expected.instants.push_back(*parse_instant(text));
  EXPECT_EQ(*selection, expected);
}

TEST(ParseCutSelection, Nonsense) {
  for (const char* text : {"", ",", "flush,", "flushes", "every:", "every:0", "every:x", "every:-1",
                           "every:99999999999999999999"}) {
    const auto selection = parse_cut_selection({text});
    ASSERT_FALSE(selection) << text;
    EXPECT_EQ(selection.error().kind, ErrorKind::kUsage);
  }
}

TEST(StateId, IsAnInstantInText) {
  EXPECT_EQ(to_string(StateId::of_prefix(412)), "entry:412");
  const auto instant = parse_instant(to_string(StateId::of_prefix(412)));
  ASSERT_TRUE(instant);
  EXPECT_EQ(instant->number, 412U);
}

}  // namespace
}  // namespace powercut::state
