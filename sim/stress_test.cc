// SPDX-License-Identifier: Apache-2.0
// G1 to G4 under many clients at once.
#include "sim/stress.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "log/verify.h"
#include "sim/checkers.h"
#include "sim/seed.h"

namespace powercut::sim {
namespace {

StressOptions random_options(std::uint64_t seed) {
  Prng prng(seed ^ 0x5eed);
  StressOptions options;
  options.seed = seed;
  options.threads = prng.between(1, 6);
  constexpr std::uint32_t kSectorSizes[] = {32, 512, 512, 512, 4096};
  options.sector_size = kSectorSizes[prng.below(std::size(kSectorSizes))];
  options.extensions = options.sector_size >= 512 && !prng.one_in(4);
  options.file_alignment = prng.one_in(2) ? 1 : options.sector_size;
  options.device_size_bytes = options.sector_size * prng.between(32, 200);
  options.super_update_interval = prng.between(1, 100);
  options.one_in_fails = prng.one_in(4) ? 30 : 0;
  // A request of several parts may fail in the middle: what is done of it is recorded.
  options.whole_sectors_only = options.one_in_fails > 0;
  return options;
}

TEST(Stress, TheLogKeepsItsPromises) {
  std::uint64_t entries = 0;
  Cases cases;
  while (!cases.is_over() && !testing::Test::HasFailure()) {
    const std::uint64_t seed = cases.next();
    const StressOptions options = random_options(seed);
    const History history = run_stress(options);
    entries += history.entries.size();
    EXPECT_THAT(check(history), testing::IsEmpty())
        << "to repeat the requests: POWERCUT_SEED=" << seed;
    const auto verified = log::verify(*options.log_file, {});
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_TRUE(verified->is_whole()) << verified->findings.front().message;
  }
  fmt::print("{} runs, {} entries\n", cases.count(), entries);
}

}  // namespace
}  // namespace powercut::sim
