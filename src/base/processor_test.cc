// SPDX-License-Identifier: Apache-2.0
#include "base/processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace powercut {
namespace {

using ::testing::ElementsAre;

TEST(Processors, OneIsChosenAndLetGo) {
  const auto before = usable_processors();
  ASSERT_FALSE(before.empty());
  for (const unsigned processor : before) {
    const OnProcessor on(processor);
    EXPECT_THAT(usable_processors(), ElementsAre(processor));
  }
  EXPECT_EQ(usable_processors(), before);
}

TEST(Processors, AThreadStaysWhereItWasStarted) {
  const unsigned last = usable_processors().back();
  std::vector<unsigned> its_own;
  std::thread thread;
  {
    const OnProcessor on(last);
    thread = std::thread([&] { its_own = usable_processors(); });
  }
  thread.join();
  EXPECT_THAT(its_own, ElementsAre(last));
}

TEST(Processors, NoneOrOneThatThereIsNotChangesNothing) {
  const auto before = usable_processors();
  const OnProcessor none(std::nullopt);
  EXPECT_EQ(usable_processors(), before);
  const OnProcessor absent(CPU_SETSIZE - 1);
  EXPECT_EQ(usable_processors(), before);
}

}  // namespace
}  // namespace powercut
