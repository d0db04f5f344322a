// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace powercut {
namespace {

TEST(Json, KeepsMembersInTheOrderInWhichTheyWereAdded) {
  Json json = {{"z", 1}, {"a", nullptr}};
  json["m"] = true;
  json["z"] = "again";
  EXPECT_EQ(json.to_line(), R"({"z":"again","a":null,"m":true})");
}

TEST(Json, TakesBracesAsAnObjectHoweverFewMembersThereAre) {
  EXPECT_EQ((Json{{"type", "total"}}).to_line(), R"({"type":"total"})");
  const Json nested = {{"one", {{"name", "value"}}}, {"two", Json::array({"name", "value"})}};
  EXPECT_EQ(nested.to_line(), R"({"one":{"name":"value"},"two":["name","value"]})");
}

TEST(Json, NumbersAreExact) {
  const Json json = Json::array({std::numeric_limits<std::uint64_t>::max(),
                                 std::numeric_limits<std::int64_t>::min(), std::uint8_t{200}, -1});
  EXPECT_EQ(json.to_line(), "[18446744073709551615,-9223372036854775808,200,-1]");
}

TEST(Json, TakesTextAndListsOfEveryType) {
  const std::string string = "string";
  Json json = Json::array({string, std::string_view(string).substr(3), "literal"});
  json.push_back(std::vector<std::string>{"a", "b"});
  json.push_back(std::vector<std::uint64_t>{});
  EXPECT_EQ(json.to_line(), R"(["string","ing","literal",["a","b"],[]])");
}

TEST(Json, NullBecomesAnObjectWithItsFirstMember) {
  Json json;
  EXPECT_EQ(json.to_line(), "null");
  json["kinds"]["write"] = {{"entries", 2}};
  EXPECT_EQ(json.to_line(), R"({"kinds":{"write":{"entries":2}}})");
}

TEST(Json, UpdateSetsWhatIsThereAndAddsWhatIsNot) {
  Json json = {{"a", 1}, {"b", 2}};
  json.update({{"c", 3}, {"a", 4}});
  EXPECT_EQ(json.to_line(), R"({"a":4,"b":2,"c":3})");
}

TEST(Json, CopiesAreDeep) {
  Json json = {{"list", Json::array()}};
  const Json copy = json;
  json["list"].push_back(1);
  EXPECT_EQ(copy.to_line(), R"({"list":[]})");
  EXPECT_EQ(json.to_line(), R"({"list":[1]})");
}

TEST(Json, QuotesTextAndReplacesWhatIsNotUtf8) {
  const Json json = {{"\n", "a\"\\\x1f\xffé"}};
  EXPECT_EQ(json.to_line(), "{\"\\n\":\"a\\\"\\\\\\u001f\xef\xbf\xbdé\"}");
}

TEST(Json, TextHasAMemberALine) {
  EXPECT_EQ((Json{{"a", Json::array({1})}, {"b", Json::array()}}).to_text(),
            "{\n  \"a\": [\n    1\n  ],\n  \"b\": []\n}");
}

TEST(JsonDeathTest, WhatIsOfAnotherKindIsTheCallersMistake) {
  Json text = "text";
  EXPECT_DEATH(text.push_back(1), "array");
  EXPECT_DEATH(text["name"] = 1, "object");
  EXPECT_DEATH(text.update(1), "members");
}

}  // namespace
}  // namespace powercut
