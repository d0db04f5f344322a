// SPDX-License-Identifier: Apache-2.0
#include "report/markup.h"

#include <gtest/gtest.h>

#include <string>

namespace powercut::report {
namespace {

TEST(Escaped, CharactersWithAMeaning) {
  EXPECT_EQ(escaped("<a href=\"x\">&'</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;");
}

TEST(Escaped, KeepsTextOfAnyLanguage) {
  const std::string text = "caf\u00e9 \u4f60\u597d \U0001f600 \u00a0\u07ff\u0800\ufffd";
  EXPECT_EQ(escaped(text), text);
  EXPECT_EQ(escaped(""), "");
}

TEST(Escaped, LeavesControlCharactersOut) {
  std::string all;
  for (int i = 0; i < 0x20; ++i) all += static_cast<char>(i);
  EXPECT_EQ(escaped(all + "\x7f\u0080\u009f"), "\t\n");
  EXPECT_EQ(escaped("a\ufffe\uffff"
                    "b"),
            "ab");
}

TEST(Escaped, ReplacesWhatIsNotUtf8) {
  const std::string r = "\ufffd";
  EXPECT_EQ(escaped("a\xff"
                    "b"),
            "a" + r + "b");
  EXPECT_EQ(escaped("\x80"), r);
  EXPECT_EQ(escaped("\xc3"), r);  // ends too early
  EXPECT_EQ(escaped("\xe2\x82"), r + r);
  EXPECT_EQ(escaped("\xc0\xaf"), r + r);  // longer than need be
  EXPECT_EQ(escaped("\xe0\x80\xaf"), r + r + r);
  EXPECT_EQ(escaped("\xed\xa0\x80"), r + r + r);  // a surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), r + r + r + r);
  EXPECT_EQ(escaped("\xc3<"), r + "&lt;");  // does not swallow what follows
}

}  // namespace
}  // namespace powercut::report
