// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/log_show.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace powercut::apps {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Printable, LeavesTextAndShowsTheRestInHexadecimal) {
  EXPECT_EQ(printable("plain \"text\", größer, 日本"), "plain \"text\", größer, 日本");
  EXPECT_EQ(printable("\x1b[2J\n\x7f"), "\\x1b[2J\\x0a\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b") << "a control character in two bytes";
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
  for (const char* bad : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_EQ(printable(bad).substr(0, 2), "\\x") << bad;
}

TEST(TimeText, IsUtcToTheNanosecond) {
  EXPECT_EQ(time_text(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(time_text(1'000'000'000'000'000'001), "2001-09-09T01:46:40.000000001Z");
}

TEST(EntryJson, HasEveryField) {
  log::Entry entry;
  entry.index = 7;
  entry.log_offset = 4096;
  entry.sector = 3;
  entry.nr_sectors = 2;
  entry.flags = log::kFlagFua | log::kFlagMetadata;
  entry.extension = log::EntryExtension{.operation = log::Operation::kWrite,
                                        .submit_tick = 5,
                                        .complete_tick = 9,
                                        .wall_time_ns = 1,
                                        .payload_hash = 0xab};
  EXPECT_EQ(entry_json(entry).to_line(),
            R"({"entry":7,"log_offset":4096,"kind":"write","sector":3,"nr_sectors":2,)"
            R"("flags":["FUA","METADATA"],"flags_number":18,"operation":"write","submit_tick":5,)"
            R"("complete_tick":9,"time_ns":1,"time":"1970-01-01T00:00:00.000000001Z",)"
            R"("payload_hash":"0x00000000000000ab"})");
}

TEST(EntryJson, AMarkThatIsNoUtf8HasItsBytesToo) {
  log::Entry entry;
  entry.flags = log::kFlagMark;
  entry.mark = "caf\xe9";
  EXPECT_THAT(entry_json(entry).to_line(),
              HasSubstr("\"mark\":\"caf\xef\xbf\xbd\",\"mark_hex\":\"636166e9\""));
  entry.mark = "café";
  EXPECT_THAT(entry_json(entry).to_line(), Not(HasSubstr("mark_hex")));
}

}  // namespace
}  // namespace powercut::apps
