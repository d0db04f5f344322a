// SPDX-License-Identifier: Apache-2.0
#include "replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "block/faulty_device.h"
#include "block/file_device.h"
#include "block/memory_device.h"
#include "io/faulty_file.h"
#include "io/posix_file.h"
#include "support/golden.h"
#include "support/log_builder.h"
#include "support/rounds.h"
#include "support/sha256.h"
#include "support/temporary_directory.h"

namespace powercut::replay {
namespace {

using test::LogBuilder;
using test::sketch;
using ::testing::HasSubstr;

constexpr std::uint32_t kSector = 512;

std::unique_ptr<FileDevice> new_file_device(ByteCount size_bytes) {
  auto file = PosixFile::open_temporary();
  EXPECT_TRUE(file && (*file)->truncate(size_bytes));
  return *FileDevice::make(std::move(*file));
}

// With holes wherever there are zeroes.
std::unique_ptr<PosixFile> sparse_copy(const LogBuilder& log) {
  constexpr std::size_t kBlock = 4096;
  const auto bytes = log.bytes();
  auto file = PosixFile::open_temporary();
  EXPECT_TRUE(file && (*file)->truncate(bytes.size()));
  for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
    const auto block = ConstBytes(bytes).subspan(at, std::min(kBlock, bytes.size() - at));
    const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
    if (std::all_of(block.begin(), block.end(), is_zero)) continue;
    EXPECT_TRUE((*file)->write_at(at, block));
  }
  return std::move(*file);
}

std::vector<std::byte> content_of(BlockDevice& device) {
  std::vector<std::byte> bytes(device.size_bytes());
  EXPECT_TRUE(device.read(0, bytes));
  return bytes;
}

Result<Totals> replay_file(const File& file, EntryIndex from, EntryIndex to, BlockDevice& device,
                           const Options& options = {}) {
  auto reader = log::Reader::open(file);
  if (!reader) return Unexpected(reader.error());
  return replay(*reader, from, to, device, options);
}

TEST(Replay, AppliesEntriesInOrder) {
  LogBuilder log;
  log.write(0, "AAAA").write(1, "BB").mark("m").flush().discard(2, 1).write(3, ".");
  const auto file = log.file();
  const char* const expected[] = {"....", "AAAA", "ABBA", "ABBA", "ABBA", "AB.A", "AB.."};
  for (EntryIndex to = 0; to < 7; ++to) {
    MemoryDevice device(4 * kSector);
    const auto totals = replay_file(*file, 0, to, device);
    ASSERT_TRUE(totals) << totals.error().message;
    EXPECT_EQ(sketch(device.content()), expected[to]) << to;
    EXPECT_EQ(totals->to, to);
  }
}

TEST(Replay, GoesOnFromAnInstant) {
  LogBuilder log;
  log.write(0, "A").write(1, "B").write(2, "C");
  const auto file = log.file();
  MemoryDevice device(4 * kSector);
  ASSERT_TRUE(replay_file(*file, 1, 2, device));
  EXPECT_EQ(sketch(device.content()), ".B..");
  const auto totals = replay_file(*file, 2, kToEnd, device);
  ASSERT_TRUE(totals);
  EXPECT_EQ(sketch(device.content()), ".BC.");
  EXPECT_EQ(totals->from, 2u);
  EXPECT_EQ(totals->to, 3u);
  EXPECT_EQ(totals->written_entries, 1u);
}

TEST(Replay, LeavesDiscardsOutIfAsked) {
  LogBuilder log;
  log.write(0, "ABC").discard(1, 1).discard(3, 1);
  const auto file = log.file();
  MemoryDevice device(3 * kSector);
  const auto totals = replay_file(*file, 0, kToEnd, device, {.discards = false});
  ASSERT_TRUE(totals);
  EXPECT_EQ(sketch(device.content()), "ABC");
  EXPECT_EQ(totals->skipped_discards, 2u);
  EXPECT_EQ(totals->discarded_entries, 0u);
}

TEST(Replay, LeavesOutWhatTheFilterRefuses) {
  LogBuilder log;
  log.write(0, "AB").write(1, "C").discard(0, 1);
  const auto file = log.file();
  MemoryDevice device(2 * kSector);
  const auto even = [](const log::Entry& entry) { return entry.index % 2 == 0; };
  const auto totals = replay_file(*file, 0, kToEnd, device, {.filter = even});
  ASSERT_TRUE(totals);
  EXPECT_EQ(sketch(device.content()), ".B");
  EXPECT_EQ(totals->written_entries, 1u);
}

TEST(Replay, UsesTheReaderFromWhereItStands) {
  LogBuilder log;
  log.write(0, "A").write(1, "B").write(2, "C");
  const auto file = log.file();
  MemoryDevice device(3 * kSector);
  auto reader = log::Reader::open(*file);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(replay(*reader, 1, 2, device));
  EXPECT_EQ(sketch(device.content()), ".B.");
  ASSERT_TRUE(replay(*reader, 2, 3, device));
  EXPECT_EQ(sketch(device.content()), ".BC");
  ASSERT_TRUE(replay(*reader, 0, 1, device));
  EXPECT_EQ(sketch(device.content()), "ABC");
}

TEST(Replay, ReadsNoPayloadThatIsKnownToBeZeroes) {
  LogBuilder log(kSector, test::test_extension(kMiB));
  log.write(0, "ABCD").zeroes(1, 2);
  auto bytes = log.bytes();
  // What the payload of the zeroes says does not count: the header does.
  std::fill_n(bytes.end() - 2 * kSector, 2 * kSector, std::byte{'x'});
  const MemoryFile file("zeroes.log", bytes);
  MemoryDevice device(4 * kSector);
  ASSERT_TRUE(replay_file(file, 0, kToEnd, device));
  EXPECT_EQ(sketch(device.content()), "A..D");
}

TEST(Replay, TurnsHolesOfTheLogIntoHolesOfTheDevice) {
  // As recorders write it: the payload is 64 MiB of hole, but for its first and last sector.
  constexpr ByteCount kSize = 64 * kMiB;
  LogBuilder log;
  log::Entry header;
  header.nr_sectors = kSize / kSector;
  log.entry(header, {});
  auto file = PosixFile::open_temporary();
  ASSERT_TRUE(file && (*file)->write_at(0, ConstBytes(log.bytes())));
  const std::vector<std::byte> sector(kSector, std::byte{'A'});
  const ByteOffset payload = 2 * kSector;
  ASSERT_TRUE((*file)->write_at(payload, ConstBytes(sector)));
  ASSERT_TRUE((*file)->write_at(payload + kSize - kSector, ConstBytes(sector)));

  const auto device = new_file_device(kSize);
  ASSERT_TRUE(device->write(kMiB, std::vector<std::byte>(kMiB, std::byte{'B'}), Fua::kNo));
  ASSERT_TRUE(replay_file(**file, 0, kToEnd, *device));
  const auto content = content_of(*device);
  EXPECT_EQ(sketch(ConstBytes(content).first(2 * kSector)), "A.");
  EXPECT_EQ(sketch(ConstBytes(content).last(2 * kSector)), ".A");
  EXPECT_EQ(std::count(content.begin(), content.end(), std::byte{0}), kSize - 2 * kSector);
  const auto hole = device->next_data(kMiB);
  ASSERT_TRUE(hole && *hole);
  EXPECT_GT((*hole)->begin, kSize - kMiB);
}

// --- what is wrong with a log, and where ---

TEST(Replay, RefusesAnEntryBehindTheDevicesEnd) {
  LogBuilder log;
  log.write(0, "A").write(3, "BB").write(1, "C");
  const auto file = log.file("x.log");
  MemoryDevice device(4 * kSector, 1, "x.img");
  const auto totals = replay_file(*file, 0, kToEnd, device);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::kBadInput);
  EXPECT_EQ(totals.error().message,
            "entry 1 at byte 1536 of 'x.log' is a write of bytes 1536 to 2560, but the device has "
            "only 2048 bytes; entries before it have been replayed onto 'x.img'");
  EXPECT_EQ(sketch(device.content()), "A...");
}

TEST(Replay, WritesNothingBehindTheRecordedDevicesEnd) {
  LogBuilder log;
  log.write(0, "A").write(3, "BB");
  const auto file = log.file("x.log");
  MemoryDevice device(8 * kSector);
  EXPECT_FALSE(replay_file(*file, 0, kToEnd, device, {.size_bytes = 4 * kSector}));
  EXPECT_EQ(sketch(device.content()), "A.......");
  EXPECT_TRUE(replay_file(*file, 0, kToEnd, device, {.size_bytes = 5 * kSector}));
  EXPECT_FALSE(
      replay_file(*file, 0, kToEnd, *new_file_device(4 * kSector), {.size_bytes = 8 * kSector}));
}

TEST(Replay, ATornLogIsReplayedUpToTheTear) {
  LogBuilder log;
  log.write(0, "A").write(1, "B").count(3);
  const auto file = log.file();
  MemoryDevice device(4 * kSector);
  const auto totals = replay_file(*file, 0, kToEnd, device);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::kBadInput);
  EXPECT_THAT(totals.error().message, HasSubstr("replayed up to entry:2 only"));
  EXPECT_EQ(sketch(device.content()), "AB..");
  EXPECT_TRUE(replay_file(*file, 0, 2, device)) << "what is whole can be asked for";
}

TEST(Replay, RefusesMoreEntriesThanThereAre) {
  LogBuilder log;
  log.write(0, "A");
  const auto file = log.file();
  MemoryDevice device(kSector);
  EXPECT_THAT(replay_file(*file, 0, 2, device).error().message, HasSubstr("entries in it: 1"));
  EXPECT_THAT(replay_file(*file, 2, 2, device).error().message, HasSubstr("entries in it: 1"));
}

TEST(Replay, RefusesADeviceOfLargerBlocks) {
  LogBuilder log;
  log.write(0, "A");
  const auto file = log.file();
  MemoryDevice device(8192, 4096);
  EXPECT_THAT(replay_file(*file, 0, kToEnd, device).error().message,
              HasSubstr("multiples of 4096"));
}

TEST(Replay, PassesOnTheErrorOfTheDevice) {
  LogBuilder log;
  for (Sector i = 0; i < 1000; ++i) log.write(i, "A");
  const auto file = log.file();
  for (const unsigned workers : {1u, 2u, 4u}) {
    FaultyDevice device(std::make_shared<MemoryDevice>(1000 * kSector, 1, "x.img"),
                        [](Request::Kind, ByteRange range, std::uint64_t) -> Status {
                          const ByteOffset bad = 500 * kSector;
                          if (range.begin <= bad && bad < range.end)
                            return os_error("write of a test", EIO);
                          return {};
                        });
    const auto totals =
        replay_file(*file, 0, kToEnd, device, {.workers = workers, .stripe_size = 4096});
    ASSERT_FALSE(totals);
    EXPECT_EQ(totals.error().os_errno, EIO);
    EXPECT_THAT(totals.error().message, HasSubstr("replaying entry 500 to byte 256000 of 'x.img'"));
  }
}

TEST(Replay, PassesOnTheErrorOfTheFlush) {
  LogBuilder log;
  log.write(0, "A");
  const auto file = log.file();
  FaultyDevice device(std::make_shared<MemoryDevice>(kSector),
                      [](Request::Kind kind, ByteRange, std::uint64_t) -> Status {
                        if (kind == Request::Kind::kFlush) return os_error("flush of a test", EIO);
                        return {};
                      });
  EXPECT_FALSE(replay_file(*file, 0, kToEnd, device));
  EXPECT_TRUE(replay_file(*file, 0, kToEnd, device, {.flush = false}));
}

// --- against the naive model ---

LogBuilder random_log(Prng& prng, std::uint64_t device_sectors, std::uint32_t sector_size) {
  LogBuilder log(sector_size,
                 prng.one_in(2) && sector_size >= 512
                     ? std::optional(test::test_extension(device_sectors * sector_size))
                     : std::nullopt);
  const std::uint64_t entries = prng.between(1, 60);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const Sector sector = prng.below(device_sectors);
    // Mostly short, so that a sector is written several times; sometimes nearly everything.
    const std::uint64_t longest = prng.one_in(8) ? device_sectors : 12;
    const std::uint64_t length = prng.between(1, std::min(longest, device_sectors - sector));
    std::vector<std::byte> payload(length * sector_size);
    prng.fill(payload);
    if (prng.one_in(4)) std::fill_n(payload.begin(), prng.below(payload.size()), std::byte{0});
    switch (prng.below(8)) {
      case 0:
        log.discard(sector, length);
        break;
      case 1:
        log.zeroes(sector, length);
        break;
      case 2:
        log.flush();
        break;
      case 3:
        log.mark("m");
        break;
      default:
        log.write_bytes(sector, payload, prng.one_in(4) ? std::uint64_t{log::kFlagFua} : 0);
    }
  }
  return log;
}

void expect_replays_like_the_model(std::uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Prng prng(seed);
  const std::uint32_t sector_size = 1u << prng.between(5, 13);
  const std::uint64_t device_sectors = prng.between(1, 300);
  const ByteCount size =
      device_sectors * sector_size + (prng.one_in(2) ? prng.below(sector_size) : 0);
  const LogBuilder log = random_log(prng, device_sectors, sector_size);
  std::vector<std::byte> initial(size);
  if (prng.one_in(2)) prng.fill(initial);

  const EntryIndex to = prng.between(0, log.nr_entries());
  const EntryIndex from = prng.between(0, to);
  const Options options = {.discards = !prng.one_in(4),
                           .workers = static_cast<unsigned>(prng.between(1, 4)),
                           .stripe_size = ByteCount{1} << prng.between(13, 16)};
  const auto expected = log.image_after(to, initial, options.discards);
  // The device holds the instant `from`.
  const auto start = log.image_after(from, initial, options.discards);

  MemoryDevice memory(size);
  ASSERT_TRUE(memory.write(0, start, Fua::kNo));
  const auto totals = replay_file(*log.file(), from, to, memory, options);
  ASSERT_TRUE(totals) << totals.error().message;
  EXPECT_EQ(memory.content(), expected);

  const auto device = new_file_device(size);
  ASSERT_TRUE(device->write(0, start, Fua::kNo));
  ASSERT_TRUE(replay_file(*sparse_copy(log), from, to, *device, options));
  EXPECT_EQ(content_of(*device), expected);
}

TEST(Replay, AgreesWithTheModelOnRandomLogs) {
  for (std::uint64_t seed = 1; seed <= test::rounds(400); ++seed) {
    expect_replays_like_the_model(seed);
    if (HasFailure()) return;
  }
}

// --- logs of real recorders ---

TEST(Replay, GoldenLogsGiveTheImagesOfTheirManifests) {
  for (const auto& golden : test::golden_logs()) {
    SCOPED_TRACE(golden.name);
    const auto file = golden.unpack();
    for (const unsigned workers : {1u, 3u}) {
      const auto device = new_file_device(golden.device_size_bytes);
      const auto totals = replay_file(*file, 0, kToEnd, *device, {.workers = workers});
      ASSERT_TRUE(totals) << totals.error().message;
      EXPECT_EQ(totals->to, golden.nr_entries);
      EXPECT_EQ(test::sha256(device->file()), golden.replay_image_sha256);
    }
  }
}

}  // namespace
}  // namespace powercut::replay
