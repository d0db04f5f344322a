// SPDX-License-Identifier: Apache-2.0
#include "replay/jump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "base/prng.h"
#include "block/faulty_device.h"
#include "block/file_device.h"
#include "block/memory_device.h"
#include "io/posix_file.h"
#include "replay/changes.h"
#include "replay/replay.h"
#include "support/golden.h"
#include "support/log_builder.h"
#include "support/rounds.h"
#include "support/sha256.h"

namespace powercut::replay {
namespace {

using state::Timeline;
using test::LogBuilder;
using test::sketch;
using ::testing::HasSubstr;

constexpr std::uint32_t kSector = 512;

std::unique_ptr<FileDevice> new_file_device(ByteCount size_bytes) {
  auto file = PosixFile::open_temporary();
  EXPECT_TRUE(file && (*file)->truncate(size_bytes));
  return *FileDevice::make(std::move(*file));
}

std::vector<std::byte> content_of(BlockDevice& device) {
  std::vector<std::byte> bytes(device.size_bytes());
  EXPECT_TRUE(device.read(0, bytes));
  return bytes;
}

std::unique_ptr<Timeline> open_timeline(std::shared_ptr<const File> log, ByteCount size_bytes,
                                        std::shared_ptr<BlockDevice> base = nullptr) {
  auto timeline = Timeline::open(
      std::move(log), {.sidecar_path = "", .base = std::move(base), .size_bytes = size_bytes});
  EXPECT_TRUE(timeline) << timeline.error().message;
  return *std::move(timeline);
}

std::unique_ptr<Timeline> timeline_of(const LogBuilder& log, Sector sectors) {
  return open_timeline(log.file(), sectors * log.sector_size());
}

TEST(Jump, GoesForwardsAndBack) {
  LogBuilder log;
  log.write(0, "AAAA").write(1, "BB").mark("m").flush().discard(2, 1).write(3, ".");
  const char* const expected[] = {"....", "AAAA", "ABBA", "ABBA", "ABBA", "AB.A", "AB.."};
  const auto timeline = timeline_of(log, 4);
  for (EntryIndex from = 0; from < 7; ++from) {
    for (EntryIndex to = 0; to < 7; ++to) {
      MemoryDevice device(4 * kSector);
      ASSERT_TRUE(device.write(0, log.image_after(from, 4 * kSector), Fua::kNo));
      const auto totals = jump(*timeline, Position{from, from}, timeline->moment(to), device);
      ASSERT_TRUE(totals) << totals.error().message;
      EXPECT_EQ(sketch(device.content()), expected[to]) << from << " to " << to;
    }
  }
}

TEST(Jump, WritesEachPlaceOnceAndNothingElse) {
  LogBuilder log;
  log.write(0, "A").write(2, "BB").write(2, "CC").write(3, "D").write(5, "E");
  const auto timeline = timeline_of(log, 8);
  std::vector<int> written(8);
  FaultyDevice device(std::make_shared<MemoryDevice>(8 * kSector),
                      [&](Request::Kind kind, ByteRange range, std::uint64_t) -> Status {
                        if (kind == Request::Kind::kFlush) return {};
                        for (Sector i = range.begin / kSector; i < range.end / kSector; ++i)
                          ++written[i];
                        return {};
                      });
  const auto totals = jump(*timeline, Position{1, 1}, timeline->moment(4), device, {.workers = 1});
  ASSERT_TRUE(totals);
  EXPECT_THAT(written, testing::ElementsAre(0, 0, 1, 1, 0, 0, 0, 0));
  EXPECT_EQ(totals->copied_bytes, 2 * kSector);
  ASSERT_TRUE(jump(*timeline, Position{4, 4}, timeline->moment(3), device, {.workers = 1}));
  EXPECT_THAT(written, testing::ElementsAre(0, 0, 1, 2, 0, 0, 0, 0));
  ASSERT_TRUE(jump(*timeline, Position{3, 3}, timeline->moment(3), device, {.workers = 1}));
  EXPECT_THAT(written, testing::ElementsAre(0, 0, 1, 2, 0, 0, 0, 0));
}

TEST(Jump, WithoutAPositionWritesEverything) {
  LogBuilder log;
  log.write(1, "A");
  MemoryDevice device(4 * kSector + 100);
  ASSERT_TRUE(
      device.write(0, std::vector<std::byte>(device.size_bytes(), std::byte{'x'}), Fua::kNo));
  const auto timeline = open_timeline(log.file(), 4 * kSector + 100);
  ASSERT_TRUE(jump(*timeline, std::nullopt, timeline->moment(1), device));
  EXPECT_EQ(sketch(ConstBytes(device.content()).first(4 * kSector)), ".A..");
  const auto tail = device.content();
  EXPECT_TRUE(std::all_of(tail.end() - 100, tail.end(), [](auto b) { return b == std::byte{0}; }));
}

TEST(Jump, TakesWhatWasNotWrittenFromTheBase) {
  LogBuilder log;
  log.write(1, "A").write(2, "B");
  const auto base = std::make_shared<MemoryDevice>(4 * kSector);
  ASSERT_TRUE(base->write(0, std::vector<std::byte>(4 * kSector, std::byte{'i'}), Fua::kNo));
  const auto timeline = open_timeline(log.file(), 4 * kSector, base);
  MemoryDevice device(4 * kSector);
  ASSERT_TRUE(jump(*timeline, std::nullopt, timeline->moment(2), device));
  EXPECT_EQ(sketch(device.content()), "iABi");
  ASSERT_TRUE(jump(*timeline, Position{2, 2}, timeline->moment(1), device));
  EXPECT_EQ(sketch(device.content()), "iAii");
}

TEST(Jump, LeavesWhatLiesBehindTheRecordedDevice) {
  LogBuilder log;
  log.write(1, "A");
  const auto two = timeline_of(log, 2);
  MemoryDevice device(4 * kSector);
  ASSERT_TRUE(
      device.write(0, std::vector<std::byte>(device.size_bytes(), std::byte{'x'}), Fua::kNo));
  ASSERT_TRUE(jump(*two, std::nullopt, two->moment(1), device));
  EXPECT_EQ(sketch(device.content()), ".Axx");
  MemoryDevice small(kSector);
  const auto totals = jump(*two, std::nullopt, two->moment(1), small);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::kBadInput);
}

TEST(Jump, NamesEntryAndPlaceOfAnError) {
  LogBuilder log;
  for (Sector i = 0; i < 100; ++i) log.write(99 - i, "A");
  const auto timeline = timeline_of(log, 100);
  FaultyDevice device(std::make_shared<MemoryDevice>(100 * kSector, 1, "x.img"),
                      [](Request::Kind, ByteRange range, std::uint64_t) -> Status {
                        const ByteOffset bad = 50 * kSector;
                        if (range.begin <= bad && bad < range.end)
                          return os_error("write of a test", EIO);
                        return {};
                      });
  const auto totals = jump(*timeline, Position{0, 0}, timeline->moment(100), device);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().os_errno, EIO);
  EXPECT_THAT(totals.error().message, HasSubstr("replaying entry 49 to byte 25600 of 'x.img'"));
}

TEST(Jump, KnowsWhetherInitialContentIsNeeded) {
  LogBuilder log;
  log.write(0, "AB").write(1, "C").write(2, "D").discard(0, 3);
  const auto timeline = timeline_of(log, 4);
  EXPECT_FALSE(*needs_initial_content(*timeline, Position{0, 0}, timeline->moment(4)));
  EXPECT_FALSE(*needs_initial_content(*timeline, Position{2, 2}, timeline->moment(1)));
  EXPECT_TRUE(*needs_initial_content(*timeline, Position{3, 3}, timeline->moment(1)));
  EXPECT_TRUE(*needs_initial_content(*timeline, Position{4, 4}, timeline->moment(2)));
  EXPECT_FALSE(*needs_initial_content(*timeline, Position{4, 4}, timeline->moment(3)));
  EXPECT_TRUE(*needs_initial_content(*timeline, std::nullopt, timeline->moment(4)));
}

TEST(FindMismatch, LooksAtAllThatWillBeTouched) {
  LogBuilder log;
  log.write(0, "A").write(2, "BB").write(2, "CC").write(5, "E");
  const auto timeline = timeline_of(log, 8);
  MemoryDevice device(8 * kSector);
  ASSERT_TRUE(device.write(0, log.image_after(2, 8 * kSector), Fua::kNo));
  EXPECT_EQ(*find_mismatch(*timeline, timeline->moment(2), timeline->moment(4), device),
            std::nullopt);
  EXPECT_EQ(*find_mismatch(*timeline, timeline->moment(2), timeline->moment(0), device),
            std::nullopt);
  // Sector 7 is none of what is written.
  const std::vector<std::byte> byte(1, std::byte{'x'});
  ASSERT_TRUE(device.write(7 * kSector, byte, Fua::kNo));
  EXPECT_EQ(*find_mismatch(*timeline, timeline->moment(2), timeline->moment(4), device),
            std::nullopt);
  ASSERT_TRUE(device.write(3 * kSector + 7, byte, Fua::kNo));
  const auto found = find_mismatch(*timeline, timeline->moment(2), timeline->moment(4), device);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->range, (ByteRange{3 * kSector, 4 * kSector}));
  EXPECT_EQ((*found)->first_byte, 3 * kSector + 7);
  EXPECT_EQ((*found)->left, std::byte{'B'});
  EXPECT_EQ((*found)->right, std::byte{'x'});
}

// --- random walks, against the naive model ---

LogBuilder random_log(Prng& prng, std::uint64_t device_sectors, std::uint32_t sector_size) {
  LogBuilder log(sector_size);
  const std::uint64_t entries = prng.between(1, 40);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const Sector sector = prng.below(device_sectors);
    const std::uint64_t longest = prng.one_in(8) ? device_sectors : 8;
    const std::uint64_t length = prng.between(1, std::min(longest, device_sectors - sector));
    std::vector<std::byte> payload(length * sector_size);
    switch (prng.below(8)) {
      case 0:
        log.discard(sector, length);
        break;
      case 1:
        log.zeroes(sector, length);
        break;
      case 2:
        prng.one_in(2) ? log.flush() : log.mark("m");
        break;
      default:
        prng.fill(payload);
        log.write_bytes(sector, payload);
    }
  }
  return log;
}

// A log, what its device held at first, and an image of it.
struct Walk {
  std::uint32_t sector_size;
  std::uint64_t device_sectors;
  ByteCount size;
  LogBuilder log;
  std::vector<std::byte> initial;
  std::unique_ptr<Timeline> timeline;
  std::shared_ptr<BlockDevice> device;

  [[nodiscard]] std::vector<std::byte> image(EntryIndex instant) const {
    return log.image_after(instant, initial);
  }
};

Walk random_walk(Prng& prng) {
  Walk walk{.sector_size = prng.one_in(2) ? 512u : 4096u,
            .device_sectors = prng.between(1, 64),
            .size = 0,
            .log = LogBuilder(),
            .initial = {},
            .timeline = nullptr,
            .device = nullptr};
  walk.size =
      walk.device_sectors * walk.sector_size + (prng.one_in(3) ? prng.below(walk.sector_size) : 0);
  walk.log = random_log(prng, walk.device_sectors, walk.sector_size);
  walk.initial.resize(walk.size);
  std::shared_ptr<BlockDevice> base;
  if (prng.one_in(2)) {
    prng.fill(walk.initial);
    if (prng.one_in(2)) {
      base = std::make_shared<MemoryDevice>(walk.size);
    } else {
      base = new_file_device(walk.size);
    }
    EXPECT_TRUE(base->write(0, walk.initial, Fua::kNo));
  }
  walk.timeline = open_timeline(walk.log.file(), walk.size, base);
  if (prng.one_in(3)) {
    walk.device = new_file_device(walk.size);
  } else {
    walk.device = std::make_shared<MemoryDevice>(walk.size);
  }
  return walk;
}

void expect_walks_like_the_model(std::uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Prng prng(seed);
  const Walk walk = random_walk(prng);
  const JumpOptions options = {.workers = static_cast<unsigned>(prng.between(1, 3)),
                               .stripe_size = ByteCount{1} << prng.between(13, 16)};
  std::optional<Position> position;
  for (int step = 0; step < 6; ++step) {
    const EntryIndex to = prng.between(0, walk.log.nr_entries());
    if (position) {
      EXPECT_EQ(*find_mismatch(*walk.timeline, walk.timeline->moment(position->least),
                               walk.timeline->moment(to), *walk.device),
                std::nullopt);
    }
    const auto totals =
        jump(*walk.timeline, position, walk.timeline->moment(to), *walk.device, options);
    ASSERT_TRUE(totals) << totals.error().message;
    ASSERT_EQ(content_of(*walk.device), walk.image(to)) << "step " << step << " to " << to;
    position = Position{to, to};
  }
}

TEST(Jump, AgreesWithTheModelOnRandomWalks) {
  for (std::uint64_t seed = 1; seed <= test::rounds(500); ++seed) {
    expect_walks_like_the_model(seed);
    if (HasFailure()) return;
  }
}

// The model would notice: a jump from where the image is not leaves another image.
TEST(Jump, Canary) {
  std::uint64_t noticed = 0;
  const std::uint64_t nr_walks = test::rounds(100);
  for (std::uint64_t seed = 1; seed <= nr_walks; ++seed) {
    Prng prng(seed);
    const Walk walk = random_walk(prng);
    const EntryIndex last = walk.log.nr_entries();
    ASSERT_TRUE(jump(*walk.timeline, std::nullopt, walk.timeline->moment(last), *walk.device));
    ASSERT_TRUE(
        jump(*walk.timeline, Position{last / 2, last / 2}, walk.timeline->moment(0), *walk.device));
    if (content_of(*walk.device) != walk.image(0)) ++noticed;
  }
  EXPECT_GT(noticed, nr_walks / 2);
}

TEST(Jump, AgreesWithStreaming) {
  for (std::uint64_t seed = 1; seed <= test::rounds(100); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Prng prng(seed);
    const Walk walk = random_walk(prng);
    const EntryIndex to = prng.between(0, walk.log.nr_entries());
    MemoryDevice streamed(walk.size);
    ASSERT_TRUE(streamed.write(0, walk.initial, Fua::kNo));
    const auto file = walk.log.file();
    auto reader = log::Reader::open(*file);
    ASSERT_TRUE(reader && replay(*reader, 0, to, streamed));
    ASSERT_TRUE(jump(*walk.timeline, std::nullopt, walk.timeline->moment(to), *walk.device));
    ASSERT_EQ(content_of(*walk.device), streamed.content());
  }
}

// --- broken off at every request ---

// Lets so many requests through; of the one behind them half is done, and all later ones fail.
class Breaking {
 public:
  Breaking(std::shared_ptr<BlockDevice> inner, std::uint64_t requests)
      : inner_(inner),
        device_(std::move(inner), [this, requests](auto kind, auto range, auto number) {
          return before(kind, range, number, requests);
        }) {}
  [[nodiscard]] BlockDevice& device() { return device_; }
  [[nodiscard]] bool is_broken() const { return is_broken_; }

 private:
  Status before(Request::Kind kind, ByteRange range, std::uint64_t number, std::uint64_t requests) {
    if (number < requests) return {};
    if (number == requests && kind == Request::Kind::kWrite) {
      const std::vector<std::byte> torn(range.size() / 2, std::byte{0xee});
      (void)inner_->write(range.begin, torn, Fua::kNo);
    }
    is_broken_ = true;
    return os_error("broken off by a test", EIO);
  }
  const std::shared_ptr<BlockDevice> inner_;
  std::atomic<bool> is_broken_ = false;
  FaultyDevice device_;
};

TEST(Jump, GoesOnFromWhereverItWasBrokenOff) {
  for (std::uint64_t seed = 1; seed <= test::rounds(40); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Prng prng(seed);
    const Walk walk = random_walk(prng);
    const EntryIndex last = walk.log.nr_entries();
    const EntryIndex from = prng.between(0, last);
    const EntryIndex to = prng.between(0, last);
    const EntryIndex later = prng.between(0, last);
    for (std::uint64_t requests = 0;; ++requests) {
      const auto image = std::make_shared<MemoryDevice>(walk.size);
      ASSERT_TRUE(image->write(0, walk.image(from), Fua::kNo));
      Breaking breaking(image, requests);
      const auto totals = jump(*walk.timeline, Position{from, from}, walk.timeline->moment(to),
                               breaking.device(), {.stripe_size = 8192});
      ASSERT_EQ(totals.has_value(), !breaking.is_broken());
      if (totals) break;
      // To where it was to go, or somewhere else.
      const Position between = Position{from, from}.and_also(Position{to, to});
      MemoryDevice copy(walk.size);
      ASSERT_TRUE(copy.write(0, image->content(), Fua::kNo));
      ASSERT_TRUE(jump(*walk.timeline, between, walk.timeline->moment(to), *image));
      ASSERT_EQ(image->content(), walk.image(to)) << "broken off at request " << requests;
      ASSERT_TRUE(jump(*walk.timeline, between, walk.timeline->moment(later), copy));
      ASSERT_EQ(copy.content(), walk.image(later)) << "broken off at request " << requests;
    }
  }
}

// --- logs of real recorders ---

TEST(Jump, GoldenLogsByRandomInstants) {
  for (const auto& golden : test::golden_logs()) {
    SCOPED_TRACE(golden.name);
    Prng prng(7);
    const std::shared_ptr<PosixFile> log = golden.unpack();
    const auto timeline = open_timeline(log, golden.device_size_bytes);
    const auto device = new_file_device(golden.device_size_bytes);
    std::optional<Position> position = Position{0, 0};
    for (int step = 0; step < 4; ++step) {
      const EntryIndex to = prng.between(0, golden.nr_entries);
      ASSERT_TRUE(jump(*timeline, position, timeline->moment(to), *device));
      position = Position{to, to};
      const auto streamed = new_file_device(golden.device_size_bytes);
      auto reader = log::Reader::open(*log);
      ASSERT_TRUE(reader && replay(*reader, 0, to, *streamed));
      EXPECT_TRUE(compare(*device, *streamed, golden.device_size_bytes)->is_identical()) << to;
    }
    ASSERT_TRUE(jump(*timeline, position, timeline->moment(golden.nr_entries), *device));
    EXPECT_EQ(test::sha256(device->file()), golden.replay_image_sha256);
  }
}

// --- changes ---

TEST(Changes, RangesThatTouchAreOne) {
  LogBuilder log;
  log.write(0, "A").write(1, "B").write(4, "C").write(2, "D").write(4, "E");
  const auto timeline = timeline_of(log, 8);
  std::vector<ByteRange> ranges;
  const auto keep = [&](ByteRange range) -> Status {
    ranges.push_back(range);
    return {};
  };
  ASSERT_TRUE(changed_ranges(timeline->index(), 8 * kSector, 5, 0, keep));
  EXPECT_THAT(ranges,
              testing::ElementsAre(ByteRange{0, 3 * kSector}, ByteRange{4 * kSector, 5 * kSector}));
  ranges.clear();
  ASSERT_TRUE(changed_ranges(timeline->index(), 8 * kSector, 1, 3, keep));
  EXPECT_THAT(ranges, testing::ElementsAre(ByteRange{kSector, 2 * kSector},
                                           ByteRange{4 * kSector, 5 * kSector}));
}

// Sector by sector of two images: which differ.
std::vector<bool> differing_sectors(ConstBytes a, ConstBytes b, std::uint32_t sector_size) {
  std::vector<bool> differing;
  for (std::size_t at = 0; at < a.size(); at += sector_size) {
    const std::size_t length = std::min<std::size_t>(sector_size, a.size() - at);
    differing.push_back(!std::ranges::equal(a.subspan(at, length), b.subspan(at, length)));
  }
  return differing;
}

TEST(Changes, DifferencesOfInstantsAgreeWithTheModel) {
  std::size_t nr_different = 0;
  std::size_t nr_written_only = 0;
  for (std::uint64_t seed = 1; seed <= test::rounds(300); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Prng prng(seed);
    const Walk walk = random_walk(prng);
    const EntryIndex a = prng.between(0, walk.log.nr_entries());
    const EntryIndex b = prng.between(0, walk.log.nr_entries());
    const auto expected = differing_sectors(walk.image(a), walk.image(b), walk.sector_size);
    std::vector<bool> found(expected.size());
    const auto view_a = walk.timeline->view(a);
    const auto view_b = walk.timeline->view(b);
    ByteOffset last_end = 0;
    const auto look_into = [&](ByteRange range) -> Status {
      nr_written_only += range.size() / walk.sector_size;
      return differing_ranges(
          *view_a, *view_b, range, walk.sector_size, [&](ByteRange part) -> Status {
            EXPECT_TRUE(part.begin > last_end || last_end == 0);
            last_end = part.end;
            for (ByteOffset at = part.begin; at < part.end; at += walk.sector_size) {
              found[at / walk.sector_size] = true;
            }
            return {};
          });
    };
    ASSERT_TRUE(changed_ranges(walk.timeline->index(), walk.size, a, b, look_into));
    ASSERT_EQ(found, expected);
    nr_different += static_cast<std::size_t>(std::count(expected.begin(), expected.end(), true));
  }
  // Something differed, and not all that was written did.
  EXPECT_GT(nr_different, test::rounds(1000));
  EXPECT_GT(nr_written_only, nr_different);
}

TEST(Changes, DifferencesInUnits) {
  MemoryDevice left(3 * kMiB);
  MemoryDevice right(3 * kMiB);
  const std::vector<std::byte> byte(1, std::byte{'x'});
  for (const ByteOffset at :
       std::vector<ByteOffset>{5, 511, 512, 2048, kMiB - 1, kMiB, 3 * kMiB - 1}) {
    ASSERT_TRUE(right.write(at, byte, Fua::kNo));
  }
  std::vector<ByteRange> ranges;
  const auto keep = [&](ByteRange range) -> Status {
    ranges.push_back(range);
    return {};
  };
  ASSERT_TRUE(differing_ranges(left, right, {0, 3 * kMiB}, kSector, keep));
  EXPECT_THAT(ranges, testing::ElementsAre(ByteRange{0, 1024}, ByteRange{2048, 2560},
                                           ByteRange{kMiB - 512, kMiB + 512},
                                           ByteRange{3 * kMiB - 512, 3 * kMiB}));
  ranges.clear();
  ASSERT_TRUE(differing_ranges(left, right, {6, 511}, kSector, keep));
  EXPECT_TRUE(ranges.empty());
  ASSERT_TRUE(differing_ranges(left, right, {510, 600}, kSector, keep));
  EXPECT_THAT(ranges, testing::ElementsAre(ByteRange{510, 600}));
}

}  // namespace
}  // namespace powercut::replay
