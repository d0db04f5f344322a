// SPDX-License-Identifier: Apache-2.0
#include "explore/content.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace powercut::explore {
namespace {

using namespace std::string_view_literals;

std::vector<std::byte> block(std::string_view text, std::size_t offset = 0) {
  std::vector<std::byte> bytes(4096);
  for (std::size_t i = 0; i < text.size(); ++i) bytes[offset + i] = static_cast<std::byte>(text[i]);
  return bytes;
}

TEST(ContentClass, Known) {
  EXPECT_EQ(content_class(block("")), "zeroes");
  EXPECT_EQ(content_class({}), "zeroes");
  EXPECT_EQ(content_class(block("\xc0\x3b\x39\x98\0\0\0\2\0\0\0\7"sv)),
            "ext4 journal commit block");
  EXPECT_EQ(content_class(block("SQLite format 3\0\20\0"sv)), "SQLite database header");
  EXPECT_EQ(content_class(block("\x53\xef"sv, 1024 + 0x38)), "ext4 super block");
  EXPECT_EQ(content_class(block("_BHRfS_M"sv, 0x40)), "btrfs super block");
  EXPECT_EQ(content_class(block("\x1f\x8b\x08\0"sv)), "gzip data");
}

TEST(ContentClass, APageOfPostgresql) {
  auto page = block("\0\1\0\x1f\0\x20\4\x20"sv, 12);
  EXPECT_EQ(content_class(page), "PostgreSQL page");
  page[14] = std::byte{0};
  page[15] = std::byte{0};  // upper below lower
  EXPECT_EQ(content_class(page), "data");
}

TEST(ContentClass, TextWithItsBeginning) {
  EXPECT_EQ(content_class(block("row 7 of \"x\"\ty")), "text \"row 7 of .x..y\"");
  EXPECT_EQ(content_class(block("first\nsecond\n")), "text \"first...\"");
  EXPECT_EQ(content_class(block(std::string(4096, 'a'))),
            "text \"" + std::string(32, 'a') + "...\"");
  // Not with something behind the zeroes, and not with control characters.
  auto bytes = block("row 7");
  bytes[4095] = std::byte{'x'};
  EXPECT_EQ(content_class(bytes), "data");
  EXPECT_EQ(content_class(block("row\x1b[31m")), "data");
}

}  // namespace
}  // namespace powercut::explore
