// SPDX-License-Identifier: Apache-2.0
#include "apps/support/output.h"

#include <gtest/gtest.h>

#include "apps/support/run.h"

namespace powercut::apps {
namespace {

TEST(HumanBytes, HasOneUnitAndNoCarry) {
  EXPECT_EQ(human_bytes(0), "0 bytes");
  EXPECT_EQ(human_bytes(1023), "1023 bytes");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes(~std::uint64_t{0}), "16384.0 PiB");
}

TEST(Counted, FollowsTheNumber) {
  EXPECT_EQ(counted(0, "epoch"), "0 epochs");
  EXPECT_EQ(counted(1, "entry", "entries"), "1 entry");
  EXPECT_EQ(counted(1234567, "entry", "entries"), "1,234,567 entries");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
}

TEST(ExitStatus, IsThatOfTheKind) {
  EXPECT_EQ(exit_status({ErrorKind::kFinding, 0, ""}), 1);
  EXPECT_EQ(exit_status({ErrorKind::kUsage, 0, ""}), 2);
  EXPECT_EQ(exit_status({ErrorKind::kBadInput, 0, ""}), 3);
  EXPECT_EQ(exit_status({ErrorKind::kEnvironment, 0, ""}), 4);
}

}  // namespace
}  // namespace powercut::apps
