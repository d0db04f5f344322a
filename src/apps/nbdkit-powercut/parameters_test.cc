// SPDX-License-Identifier: Apache-2.0
#include "apps/nbdkit-powercut/parameters.h"

#include <gtest/gtest.h>

namespace powercut::apps {
namespace {

TEST(ServeParameters, TheLogIsEnough) {
  const auto parameters = read_serve_parameters({{"log", "run.log"}});
  ASSERT_TRUE(parameters) << parameters.error().message;
  EXPECT_EQ(parameters->log, "run.log");
  EXPECT_FALSE(parameters->base);
  EXPECT_FALSE(parameters->size_bytes);
  EXPECT_FALSE(parameters->index);
  EXPECT_EQ(parameters->default_export, "end");
}

TEST(ServeParameters, EachArrives) {
  const auto parameters = read_serve_parameters(
      {{"log", "l"}, {"base", "b"}, {"size", "4K"}, {"index", "i"}, {"default", "mark:mkfs"}});
  ASSERT_TRUE(parameters) << parameters.error().message;
  EXPECT_EQ(parameters->base, "b");
  EXPECT_EQ(parameters->size_bytes, 4096u);
  EXPECT_EQ(parameters->index, "i");
  EXPECT_EQ(parameters->default_export, "mark:mkfs");
}

TEST(ServeParameters, NoIndexAtAll) {
  EXPECT_EQ(read_serve_parameters({{"log", "l"}, {"index", "none"}})->index, "");
}

TEST(ServeParameters, ALogIsNeeded) {
  EXPECT_FALSE(read_serve_parameters({{"base", "b"}}));
}

}  // namespace
}  // namespace powercut::apps
