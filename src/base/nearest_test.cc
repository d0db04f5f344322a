// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace powercut {
namespace {

const std::vector<std::string> kNames = {"compare", "no-discard", "log-super-update-interval",
                                         "to"};

TEST(Nearest, FindsWhatWasMistyped) {
  EXPECT_EQ(nearest("compore", kNames), "compare");
  EXPECT_EQ(nearest("no-discards", kNames), "no-discard");
  EXPECT_EQ(nearest("ro", kNames), "to");
}

TEST(Nearest, FindsAnEndOrBeginning) {
  EXPECT_EQ(nearest("interval", kNames), "log-super-update-interval");
  EXPECT_EQ(nearest("log-super", kNames), "log-super-update-interval");
}

TEST(Nearest, FindsNothingWhereNothingIsNear) {
  EXPECT_EQ(nearest("mount", kNames), std::nullopt);
  EXPECT_EQ(nearest("", kNames), std::nullopt);
  EXPECT_EQ(nearest("to", {}), std::nullopt);
  EXPECT_EQ(nearest(std::string(10'000, 'x'), kNames), std::nullopt);
}

}  // namespace
}  // namespace powercut
