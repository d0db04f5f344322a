// SPDX-License-Identifier: Apache-2.0
#include "state/instant_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/prng.h"
#include "block/file_device.h"
#include "block/memory_device.h"
#include "block/overlay_device.h"
#include "support/golden.h"
#include "support/log_builder.h"
#include "support/prefix_image.h"
#include "support/rounds.h"
#include "support/same_bytes.h"

namespace powercut::state {
namespace {

using test::LogBuilder;
using testing::HasSubstr;

using Bytes = std::vector<std::byte>;

std::shared_ptr<const index::LogIndex> index_of(const LogBuilder& log) {
  auto index = index::LogIndex::open(log.file("x.log"), {});
  if (!index) throw std::runtime_error(index.error().message);
  return std::move(*index);
}

Bytes content(BlockDevice& device, ByteRange range) {
  Bytes bytes(range.size());
  const Status status = device.read(range.begin, bytes);
  EXPECT_TRUE(status) << status.error().message;
  return bytes;
}

std::shared_ptr<MemoryDevice> memory_device(const Bytes& bytes, std::uint32_t alignment = 1) {
  auto device = std::make_shared<MemoryDevice>(bytes.size(), alignment);
  EXPECT_TRUE(device->write(0, bytes, Fua::kNo));
  return device;
}

// A log, and what each of its entries does to the holes of the device.
struct RandomLog {
  struct Effect {
    ByteRange range;
    bool is_hole;
  };
  LogBuilder log;
  std::vector<Effect> effects;
  ByteCount size_bytes = 0;
  bool has_extension = false;

  RandomLog(Prng& prng, std::uint32_t sector_size, int nr_entries) : log(sector_size) {
    const std::uint64_t sectors = prng.between(2, 24);
    // An unaligned tail, which no entry can reach.
    size_bytes = sectors * sector_size + (prng.one_in(3) ? prng.below(sector_size) : 0);
    // Only then zeroes are known from an entry's header.
    has_extension = sector_size >= 512 && prng.one_in(2);
    if (has_extension) log = LogBuilder(sector_size, test::test_extension(size_bytes));
    for (int i = 0; i < nr_entries; ++i) add(prng, sectors);
  }

  // For each byte behind the first `entries`: whether it is in a hole that the log has made.
  [[nodiscard]] std::vector<bool> holes_after(EntryIndex entries, bool at_first) const {
    std::vector<bool> holes(size_bytes, at_first);
    for (EntryIndex i = 0; i < entries; ++i) {
      std::fill(holes.begin() + static_cast<std::ptrdiff_t>(effects[i].range.begin),
                holes.begin() + static_cast<std::ptrdiff_t>(effects[i].range.end),
                effects[i].is_hole);
    }
    return holes;
  }

 private:
  void add(Prng& prng, std::uint64_t sectors) {
    const Sector sector = prng.below(sectors);
    const std::uint64_t count = prng.between(1, std::min<std::uint64_t>(6, sectors - sector));
    const ByteRange range{sector * log.sector_size(), (sector + count) * log.sector_size()};
    switch (prng.below(8)) {
      case 0:
        log.zeroes(sector, count);
        effects.push_back({range, has_extension});
        break;
      case 1:
        log.discard(sector, count);
        effects.push_back({range, true});
        break;
      case 2:
        log.flush(prng.one_in(2) ? log::kFlagFua | log::kFlagMetadata : 0);
        effects.push_back({{}, false});
        break;
      case 3:
        log.mark("m");
        effects.push_back({{}, false});
        break;
      default: {
        Bytes payload(range.size());
        prng.fill(payload);
        log.write_bytes(sector, payload);
        effects.push_back({range, false});
      }
    }
  }
};

// next_data() from everywhere it leads to, from `offset` on.
void expect_holes(BlockDevice& device, ByteOffset offset, const std::vector<bool>& holes) {
  ByteOffset at = offset;
  while (const auto data = *device.next_data(at)) {
    ASSERT_GE(data->begin, at);
    ASSERT_LT(data->begin, data->end);
    ASSERT_LE(data->end, device.size_bytes());
    for (; at < data->begin; ++at) ASSERT_TRUE(holes[at]) << "byte " << at << " is no hole";
    for (; at < data->end; ++at) ASSERT_FALSE(holes[at]) << "byte " << at << " is a hole";
  }
  for (; at < device.size_bytes(); ++at) ASSERT_TRUE(holes[at]) << "byte " << at << " is no hole";
}

void expect_reads(BlockDevice& device, const Bytes& expected, Prng& prng) {
  ASSERT_EQ(content(device, {0, expected.size()}), expected);
  for (int i = 0; i < 4; ++i) {
    const ByteOffset begin = prng.below(expected.size());
    const ByteOffset end = prng.between(begin, expected.size());
    const Bytes part(expected.begin() + static_cast<std::ptrdiff_t>(begin),
                     expected.begin() + static_cast<std::ptrdiff_t>(end));
    ASSERT_EQ(content(device, {begin, end}), part) << "bytes " << begin << " to " << end;
  }
}

TEST(InstantView, EqualsANaiveReplayAtEachInstantOfManyLogs) {
  for (std::uint64_t seed = 1; seed <= test::rounds(2000); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Prng prng(seed);
    const std::uint32_t sector_size = prng.one_in(4) ? 64 : 512;
    const RandomLog random(prng, sector_size, static_cast<int>(prng.between(1, 30)));
    Bytes initial(random.size_bytes);
    std::shared_ptr<BlockDevice> base;
    if (prng.one_in(2)) {
      // Sometimes shorter than the device, sometimes one that takes aligned requests only.
      Bytes bytes(prng.one_in(2) ? random.size_bytes : prng.between(1, random.size_bytes));
      std::uint32_t alignment = 1;
      if (prng.one_in(2) && bytes.size() >= 64) {
        alignment = 64;
        bytes.resize(align_down(bytes.size(), alignment));
      }
      prng.fill(bytes);
      std::copy(bytes.begin(), bytes.end(), initial.begin());
      base = memory_device(bytes, alignment);
    }
    const ByteCount base_size = base != nullptr ? base->size_bytes() : 0;
    const auto index = index_of(random.log);
    for (EntryIndex entries = 0; entries <= random.log.nr_entries(); ++entries) {
      SCOPED_TRACE(testing::Message() << "after " << entries);
      InstantView view(index, entries, random.size_bytes, base);
      ASSERT_NO_FATAL_FAILURE(expect_reads(view, random.log.image_after(entries, initial), prng));
      auto holes = random.holes_after(entries, true);
      const auto written = random.holes_after(entries, false);
      // Where the log has written nothing, the two differ: there it is as in the initial content.
      for (ByteOffset at = 0; at < base_size; ++at) {
        if (holes[at] != written[at]) holes[at] = false;
      }
      ASSERT_NO_FATAL_FAILURE(expect_holes(view, prng.below(random.size_bytes), holes));
    }
  }
}

TEST(InstantView, ReportsTheHolesOfTheInitialContentWhereNothingIsWritten) {
  auto file = PosixFile::open_temporary();
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->truncate(kMiB));
  ASSERT_TRUE((*file)->write_at(256 * kKiB, Bytes(64 * kKiB, std::byte{'b'})));
  const auto hole = (*file)->next_data(0);
  if (!hole || !*hole || (*hole)->begin == 0) GTEST_SKIP() << "no holes in $TMPDIR";
  std::shared_ptr<BlockDevice> base = *FileDevice::make(std::move(*file));

  LogBuilder log;
  log.discard(1024, 4).write(513, "A");
  InstantView view(index_of(log), 2, 2 * kMiB, base);
  EXPECT_EQ(*view.next_data(0), (ByteRange{256 * kKiB, 320 * kKiB}));
  InstantView half(index_of(log), 0, 2 * kMiB, base);
  EXPECT_EQ(*half.next_data(300 * kKiB), (ByteRange{300 * kKiB, 320 * kKiB}));
  EXPECT_EQ(*half.next_data(320 * kKiB), std::nullopt);
  EXPECT_EQ(*half.next_data(2 * kMiB), std::nullopt);
}

TEST(InstantView, DataWithoutEndIsGivenInPieces) {
  LogBuilder log;
  const Bytes piece(kMiB, std::byte{'x'});
  for (Sector i = 0; i < 20; ++i) log.write_bytes(i * 2048, piece);
  InstantView view(index_of(log), 20, 32 * kMiB, nullptr);
  ByteOffset at = 0;
  for (int calls = 0; calls < 100; ++calls) {
    const auto data = *view.next_data(at);
    if (!data) break;
    EXPECT_EQ(data->begin, at);
    at = data->end;
  }
  EXPECT_EQ(at, 20 * kMiB);
}

TEST(InstantView, IsReadOnlyAndSaysSo) {
  LogBuilder log;
  log.write(0, "AB");
  InstantView view(index_of(log), 1, 1024, nullptr);
  const Bytes sector(512);
  for (const Status& status :
       {view.write(0, sector, Fua::kNo), view.write_zeroes({0, 512}, Unmap::kYes, Fua::kNo),
        view.discard({0, 512}, Fua::kNo)}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().os_errno, EROFS);
    EXPECT_THAT(status.error().message, HasSubstr("x.log at entry:1"));
  }
  EXPECT_TRUE(view.flush());
  EXPECT_EQ(test::sketch(content(view, {0, 1024})), "AB");
  EXPECT_EQ(view.read(1000, MutableBytes()).has_value(), true);
  Bytes too_long(1025);
  EXPECT_EQ(view.read(0, too_long).error().os_errno, EINVAL);
}

TEST(InstantView, AnOverlayTakesTheWrites) {
  LogBuilder log;
  log.write(0, "ABCD").write(1, "x");
  const auto view = std::make_shared<InstantView>(index_of(log), 1, 2048, nullptr);
  auto overlay = OverlayDevice::make(view);
  ASSERT_TRUE(overlay);
  ASSERT_TRUE((*overlay)->write(512 * 2, Bytes(512, std::byte{'z'}), Fua::kNo));
  EXPECT_EQ(test::sketch(content(**overlay, {0, 2048})), "ABzD");
  EXPECT_EQ(test::sketch(content(*view, {0, 2048})), "ABCD");
}

TEST(InstantView, ALogThatIsCutShortMeanwhileIsAnErrorThatNamesTheEntry) {
  LogBuilder log;
  log.write(0, "A").write(1, "B");
  std::shared_ptr<MemoryFile> file = log.file("x.log");
  std::shared_ptr<const index::LogIndex> index = *index::LogIndex::open(file, {});
  InstantView view(index, 2, 1024, nullptr);
  ASSERT_TRUE(file->truncate(log.end_offset() - 512));
  Bytes bytes(512);
  EXPECT_TRUE(view.read(0, bytes));
  const Status status = view.read(512, bytes);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("entry 1"));
}

// Where they differ first; nothing if they are the same.
std::optional<ByteOffset> difference(BlockDevice& a, BlockDevice& b) {
  EXPECT_EQ(a.size_bytes(), b.size_bytes());
  for (ByteOffset at = 0; at < a.size_bytes();) {
    const auto data_a = *a.next_data(at);
    const auto data_b = *b.next_data(at);
    if (!data_a && !data_b) break;
    // A hole of one may be data of the other, as long as that is zeroes.
    ByteRange next = data_a ? *data_a : *data_b;
    if (data_a && data_b && data_b->begin < next.begin) next = *data_b;
    next.end = std::min(next.end, next.begin + kMiB);
    const Bytes bytes_a = content(a, next);
    const Bytes bytes_b = content(b, next);
    at = next.end;
    if (test::same_bytes(bytes_a, bytes_b)) continue;
    const auto [first, second] = std::mismatch(bytes_a.begin(), bytes_a.end(), bytes_b.begin());
    return next.begin + static_cast<ByteOffset>(first - bytes_a.begin());
  }
  return std::nullopt;
}

// A sparse disk with something here and there.
std::shared_ptr<BlockDevice> sparse_base(ByteCount size_bytes, Prng& prng) {
  auto file = *PosixFile::open_temporary();
  EXPECT_TRUE(file->truncate(size_bytes));
  Bytes bytes(64 * kKiB);
  for (int i = 0; i < 64; ++i) {
    prng.fill(bytes);
    EXPECT_TRUE(file->write_at(prng.below((size_bytes - bytes.size()) / 512) * 512, bytes));
  }
  return *FileDevice::make(std::move(file));
}

std::uint64_t seed_of_this_run() {
  const char* text = std::getenv("POWERCUT_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 20261123;
}

TEST(InstantView, EqualsTheReplayAtRandomInstantsOfTheGoldenLogs) {
  const std::uint64_t seed = seed_of_this_run();
  SCOPED_TRACE(testing::Message() << "POWERCUT_TEST_SEED=" << seed);
  Prng prng(seed);
  for (const auto& golden : test::golden_logs()) {
    SCOPED_TRACE(golden.name);
    const std::shared_ptr<PosixFile> file = golden.unpack();
    auto opened = index::LogIndex::open(file, {});
    ASSERT_TRUE(opened) << opened.error().message;
    const std::shared_ptr<const index::LogIndex> index = std::move(*opened);
    const std::shared_ptr<BlockDevice> base =
        prng.one_in(2) ? sparse_base(golden.device_size_bytes, prng) : nullptr;
    auto image = test::PrefixImage::make(*file, golden.device_size_bytes, base);
    ASSERT_TRUE(image) << image.error().message;
    std::vector<EntryIndex> instants = {0, golden.nr_entries};
    for (int i = 0; i < 6; ++i) instants.push_back(prng.between(0, golden.nr_entries));
    std::sort(instants.begin(), instants.end());
    for (const EntryIndex entries : instants) {
      ASSERT_TRUE(image->advance_to(entries));
      InstantView view(index, entries, golden.device_size_bytes, base);
      EXPECT_EQ(difference(view, *image->device()), std::nullopt) << "after " << entries;
    }
  }
}

TEST(InstantView, TheComparisonNoticesAnEntryTooFew) {
  const auto golden = test::golden_log("raw-512");
  const std::shared_ptr<PosixFile> file = golden.unpack();
  const std::shared_ptr<const index::LogIndex> index = *index::LogIndex::open(file, {});
  auto image = test::PrefixImage::make(*file, golden.device_size_bytes, nullptr);
  // The first entry that writes.
  EntryIndex entries = 1;
  while (!index->entry(entries - 1)->writes() || index->entry(entries - 1)->reads_as_zeroes) {
    ++entries;
  }
  ASSERT_TRUE(image->advance_to(entries));
  InstantView right(index, entries, golden.device_size_bytes, nullptr);
  InstantView canary(index, entries - 1, golden.device_size_bytes, nullptr);
  EXPECT_EQ(difference(right, *image->device()), std::nullopt);
  EXPECT_NE(difference(canary, *image->device()), std::nullopt);
}

}  // namespace
}  // namespace powercut::state
