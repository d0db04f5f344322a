// SPDX-License-Identifier: Apache-2.0
#include "check/acknowledgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace powercut::check {
namespace {

using testing::HasSubstr;
using Kind = Acknowledgement::Kind;

// Of "abc" (FIPS 180-2, B.1).
const std::string kHash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Acknowledgement, TextsAreReadBack) {
  struct Case {
    Acknowledgement what;
    std::string text;
  };
  const Case cases[] = {
      {{Kind::kContent, "d/a \"b\"", {3, kHash}},
       R"({"file":"d/a \"b\"","size":3,"sha256":")" + kHash + "\"}"},
      {{Kind::kRemoved, "d/ö"}, R"({"removed":"d/ö"})"},
      {{Kind::kChanging, "a"}, R"({"changing":"a","exists":true})"},
      {{Kind::kChanging, "a", {}, false}, R"({"changing":"a","exists":false})"},
      {{Kind::kChanging, "a", {}, true, true}, R"({"changing":"a","exists":true,"in_place":true})"},
  };
  for (const Case& example : cases) {
    EXPECT_EQ(*mark_text(example.what), example.text);
    EXPECT_EQ(*parse_acknowledgement(example.text), example.what) << example.text;
  }
}

TEST(Acknowledgement, WhatIsNotKnownIsPassedOver) {
  EXPECT_EQ(*parse_acknowledgement(R"({"changing": "a", "why": ["later"]})"),
            (Acknowledgement{Kind::kChanging, "a"}));
  for (const char* text : {"", "mkfs", "committed 4", R"({"row":4})", R"(["file"])", "file", "{"}) {
    const auto parsed = parse_acknowledgement(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_FALSE(*parsed) << text;
  }
}

TEST(Acknowledgement, WhatCannotBeUnderstoodIsAnError) {
  struct Case {
    std::string text;
    std::string complaint;
  };
  const Case cases[] = {
      {R"({"file":"a")", "parse error"},
      {R"({"file":"a","size":3})", "sha256"},
      {R"({"file":"a","sha256":")" + kHash + "\"}", "size"},
      {R"({"file":"a","size":-3,"sha256":")" + kHash + "\"}", "size"},
      {R"({"file":"a","size":3,"sha256":"abc"})", "sha256"},
      {R"({"file":7,"size":3,"sha256":")" + kHash + "\"}", "string"},
      {R"({"removed":true})", "string"},
      {R"({"changing":"a","exists":1})", "boolean"},
      {R"({"removed":""})", "does not lie below"},
      {R"({"removed":"/etc/passwd"})", "does not lie below"},
      {R"({"removed":"a/../../b"})", "does not lie below"},
      {R"({"removed":".."})", "does not lie below"},
  };
  for (const Case& example : cases) {
    const auto parsed = parse_acknowledgement(example.text);
    ASSERT_FALSE(parsed) << example.text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kBadInput);
    EXPECT_THAT(parsed.error().message, HasSubstr(example.complaint));
  }
  EXPECT_TRUE(parse_acknowledgement(R"({"removed":"..a/b..c"})"));
}

TEST(Acknowledgement, NamesThatAreNotUtf8AreErrors) {
  const auto text = mark_text({Kind::kRemoved, "\xff"});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kUsage);
}

}  // namespace
}  // namespace powercut::check
