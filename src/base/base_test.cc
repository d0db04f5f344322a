// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>

#include "base/endian.h"
#include "base/prng.h"
#include "base/result.h"
#include "base/units.h"

namespace powercut {
namespace {

TEST(LittleEndian, StoresTheLowByteFirst) {
  Le32 stored = 0x01020304;
  std::array<unsigned char, 4> bytes{};
  std::memcpy(bytes.data(), &stored, sizeof stored);
  EXPECT_EQ(bytes, (std::array<unsigned char, 4>{4, 3, 2, 1}));
  EXPECT_EQ(stored.value(), 0x01020304u);
}

TEST(Units, CheckedArithmeticRefusesToWrap) {
  EXPECT_EQ(checked_add(1, 2), 3u);
  EXPECT_EQ(checked_add(~0ull, 1), std::nullopt);
  EXPECT_EQ(checked_multiply(1ull << 32, 1ull << 32), std::nullopt);
  EXPECT_EQ(checked_multiply(1ull << 32, 1ull << 31), 1ull << 63);
}

TEST(Units, Alignment) {
  EXPECT_EQ(align_down(1023, 512), 512u);
  EXPECT_EQ(align_up(513, 512), 1024u);
  EXPECT_EQ(align_up(512, 512), 512u);
  EXPECT_TRUE(is_aligned(0, 4096));
  EXPECT_FALSE(is_aligned(512, 4096));
}

Result<int> half(int value) {
  if (value % 2 != 0) return bad_input("odd");
  return value / 2;
}
Result<int> quarter(int value) {
  const int halved = POWERCUT_TRY(half(value));
  return half(halved);
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(quarter(8), 2);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_EQ(quarter(6).error().kind, ErrorKind::kBadInput);
}

TEST(Result, OsErrorKeepsTheNumber) {
  const Status status = os_error("open 'x'", ENOENT);
  EXPECT_EQ(status.error().message, "open 'x': No such file or directory");
  EXPECT_EQ(status.error().client_errno(), ENOENT);
}

TEST(Prng, OneSeedRepeats) {
  Prng a(7);
  Prng b(7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a(), b());
}

}  // namespace
}  // namespace powercut
