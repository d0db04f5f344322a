// SPDX-License-Identifier: Apache-2.0
#include "state/prefix_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "block/memory_device.h"
#include "state/device_size.h"
#include "support/golden.h"
#include "support/log_builder.h"
#include "support/sha256.h"

namespace powercut::state {
namespace {

using test::LogBuilder;
using test::sketch;
using testing::HasSubstr;

constexpr ByteCount kSector = 512;

std::vector<std::byte> content(BlockDevice& device) {
  std::vector<std::byte> bytes(device.size_bytes());
  EXPECT_TRUE(device.read(0, bytes));
  return bytes;
}

LogBuilder random_log(Prng& prng, std::uint64_t sectors) {
  LogBuilder log(
      512, prng.one_in(2) ? std::optional(test::test_extension(sectors * kSector)) : std::nullopt);
  for (int i = 0; i < 40; ++i) {
    const Sector sector = prng.below(sectors);
    const std::uint64_t count = prng.between(1, std::min<std::uint64_t>(4, sectors - sector));
    switch (prng.below(6)) {
      case 0:
        log.zeroes(sector, count);
        break;
      case 1:
        log.discard(sector, count);
        break;
      case 2:
        log.flush(prng.one_in(2) ? log::kFlagFua | log::kFlagMetadata : 0);
        break;
      case 3:
        log.mark("m");
        break;
      default:
        log.write(sector, std::string(count, static_cast<char>('A' + prng.below(26))));
    }
  }
  return log;
}

TEST(PrefixImage, EqualsANaiveReplayAtEachStep) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    const std::uint64_t sectors = prng.between(4, 20);
    const LogBuilder log = random_log(prng, sectors);
    const auto file = log.file();
    std::shared_ptr<BlockDevice> base;
    std::vector<std::byte> initial(sectors * kSector);
    if (prng.one_in(2)) {
      prng.fill(initial);
      base = std::make_shared<MemoryDevice>(initial.size());
      ASSERT_TRUE(base->write(0, initial, Fua::kNo));
    }
    auto image = PrefixImage::make(*file, initial.size(), base);
    ASSERT_TRUE(image) << image.error().message;
    for (EntryIndex entries = 0; entries <= log.nr_entries(); entries += prng.between(0, 3)) {
      std::vector<EntryIndex> seen;
      const EntryIndex before = image->entries();
      ASSERT_TRUE(image->advance_to(entries,
                                    [&](const log::Entry& entry) { seen.push_back(entry.index); }));
      EXPECT_EQ(image->entries(), entries);
      EXPECT_EQ(seen.size(), entries - before);
      ASSERT_EQ(content(*image->device()), log.image_after(entries, initial))
          << "after " << entries;
    }
    if (base != nullptr) {
      EXPECT_EQ(content(*base), initial);
    }
  }
}

TEST(PrefixImage, GoldenLogsEndAsTheirManifestsSay) {
  for (const auto& golden : test::golden_logs()) {
    SCOPED_TRACE(golden.name);
    const auto file = golden.unpack();
    auto image = PrefixImage::make(*file, golden.device_size_bytes, nullptr);
    ASSERT_TRUE(image) << image.error().message;
    const Status status = image->advance_to(golden.nr_entries, nullptr);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(test::sha256(content(*image->device())), golden.replay_image_sha256);
  }
}

TEST(PrefixImage, TheLogMustHaveTheEntry) {
  LogBuilder log;
  log.write(0, "A");
  const auto file = log.file();
  auto image = PrefixImage::make(*file, kSector, nullptr);
  ASSERT_TRUE(image);
  const Status status = image->advance_to(2, nullptr);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kBadInput);
}

TEST(PrefixImage, AnEntryBehindTheDevicesEndIsNamed) {
  LogBuilder log;
  log.write(0, "A").write(5, "B");
  const auto file = log.file();
  auto image = PrefixImage::make(*file, 4 * kSector, nullptr);
  ASSERT_TRUE(image);
  const Status status = image->advance_to(2, nullptr);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("entry 1"));
}

TEST(DeviceSizeTest, WhoKnowsItBestIsAskedFirst) {
  LogBuilder builder;
  builder.write(6, "AB").write(0, "C");
  const auto file = builder.file();
  auto reader = log::Reader::open(*file);
  const LogSummary summary = summarize(*reader);
  log::SuperBlock plain;
  log::SuperBlock telling;
  telling.extension = test::test_extension(100 * kSector);

  EXPECT_EQ(device_size(telling, summary, {}, {})->bytes, 100 * kSector);
  EXPECT_FALSE(device_size(telling, summary, {}, {})->is_inferred);
  EXPECT_EQ(device_size(plain, summary, 50 * kSector, {})->bytes, 50 * kSector);
  EXPECT_EQ(device_size(plain, summary, {}, 40 * kSector)->bytes, 40 * kSector);
  EXPECT_EQ(device_size(plain, summary, {}, {})->bytes, 8 * kSector);
  EXPECT_TRUE(device_size(plain, summary, {}, {})->is_inferred);

  EXPECT_FALSE(device_size(telling, summary, 50 * kSector, {}));
  EXPECT_FALSE(device_size(telling, summary, {}, 50 * kSector));
  EXPECT_FALSE(device_size(plain, summary, 50 * kSector, 40 * kSector));
  EXPECT_THAT(device_size(plain, summary, 7 * kSector, {}).error().message, HasSubstr("entry 0"));
  EXPECT_FALSE(device_size(plain, LogSummary{}, {}, {}));
}

}  // namespace
}  // namespace powercut::state
