// SPDX-License-Identifier: Apache-2.0
#include "log/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/prng.h"

namespace powercut::log {
namespace {

using testing::HasSubstr;

std::vector<std::byte> encoded(const Entry& entry) {
  std::vector<std::byte> sector(entry.sector_size);
  encode_entry(entry, sector);
  return sector;
}

std::vector<std::byte> encoded(const SuperBlock& super_block) {
  std::vector<std::byte> sector(super_block.sector_size);
  encode_super_block(super_block, sector);
  return sector;
}

EntryExtension some_extension() {
  return {.operation = Operation::kWrite,
          .log_id = 0x1122334455667788,
          .entry_index = 9,
          .submit_tick = 100,
          .complete_tick = 101,
          .wall_time_ns = 1'700'000'000'000'000'000,
          .payload_hash = 77};
}

Entry some_write() {
  Entry entry;
  entry.sector = 8;
  entry.nr_sectors = 3;
  entry.flags = kFlagFua | kFlagMetadata;
  entry.extension = some_extension();
  return entry;
}

TEST(Codec, SuperBlockRoundTrip) {
  for (const std::uint32_t sector_size : {32u, 512u, 4096u, kMaxSectorSize}) {
    SuperBlock super_block;
    super_block.nr_entries = 123;
    super_block.sector_size = sector_size;
    if (sector_size >= kMinSectorSizeForExtension) {
      SuperBlockExtension extension;
      extension.uuid = *make_uuid();
      extension.device_size_bytes = 1 << 20;
      extension.creation_time_ns = 5;
      extension.initial_content = InitialContent::kImage;
      extension.origin_path = "/a/disk.img";
      extension.stopped_at_entry = 7;
      extension.stopped_errno = 28;
      super_block.extension = extension;
    }
    const auto decoded = decode_super_block(encoded(super_block));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->nr_entries, 123u);
    EXPECT_EQ(decoded->sector_size, sector_size);
    EXPECT_EQ(decoded->extension, super_block.extension);
    EXPECT_FALSE(decoded->extension_damaged);
  }
}

TEST(Codec, APathWithoutItsZeroIsCut) {
  SuperBlock super_block;
  super_block.extension.emplace();
  super_block.extension->origin_path = std::string(kOriginPathSize - 1, 'p');
  std::vector<std::byte> sector(512);
  encode_super_block(super_block, sector);
  const std::size_t end = 512 - sizeof(SuperBlockExtensionDisk) +
                          offsetof(SuperBlockExtensionDisk, origin_path) + kOriginPathSize;
  sector[end - 1] = std::byte{'x'};
  const Le64 hash = payload_hash(ConstBytes(sector).first(512 - sizeof(Le64)));
  std::memcpy(sector.data() + 512 - sizeof hash, &hash, sizeof hash);
  const auto decoded = decode_super_block(sector);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->extension, super_block.extension);
}

TEST(Codec, EntryRoundTrip) {
  const Entry entry = some_write();
  const auto decoded = decode_entry(encoded(entry), 9, 4096);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->index, 9u);
  EXPECT_EQ(decoded->sector, 8u);
  EXPECT_EQ(decoded->nr_sectors, 3u);
  EXPECT_EQ(decoded->flags, entry.flags);
  EXPECT_EQ(decoded->extension, entry.extension);
  EXPECT_EQ(decoded->device_range(), (ByteRange{8 * 512, 11 * 512}));
  EXPECT_EQ(decoded->payload_offset(), 4096u + 512);
  EXPECT_EQ(decoded->end_offset(), 4096u + 512 + 3 * 512);
}

TEST(Codec, MarksKeepTheirTextAndAreCutToFit) {
  for (const bool with_extension : {false, true}) {
    Entry mark;
    mark.flags = kFlagMark;
    mark.mark = std::string(600, 'x');
    if (with_extension) mark.extension = some_extension();
    const auto decoded = decode_entry(encoded(mark), 0, 512);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->mark, std::string(max_mark_bytes(512, with_extension), 'x'));
    EXPECT_EQ(decoded->extension.has_value(), with_extension);
    EXPECT_FALSE(decoded->extension_damaged);
  }
  EXPECT_EQ(max_mark_bytes(512, false), 512u - 33);
  EXPECT_EQ(max_mark_bytes(512, true), 512u - 33 - 96);
  EXPECT_EQ(max_mark_bytes(32, false), 0u);
}

// What other readers look at: the first 32 bytes, and byte 32 of all but marks.
TEST(Codec, TheExtensionLeavesTheKernelsPartAlone) {
  Entry plain = some_write();
  plain.extension.reset();
  const auto with = encoded(some_write());
  const auto without = encoded(plain);
  EXPECT_TRUE(std::equal(with.begin(), with.begin() + 512 - 96, without.begin()));
  EXPECT_EQ(with[32], std::byte{0});
}

TEST(Codec, ADamagedExtensionNeverHidesTheEntry) {
  const auto good = encoded(some_write());
  for (std::size_t at = 512 - 96; at < 512; ++at) {
    auto bad = good;
    bad[at] ^= std::byte{0x10};
    const auto decoded = decode_entry(bad, 9, 4096);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->nr_sectors, 3u);
    EXPECT_FALSE(decoded->extension);
  }
}

// Any bit of a header sector that is changed is noticed, by the hash or as a missing extension.
TEST(Codec, TheHashCoversTheWholeSector) {
  const auto good = encoded(some_write());
  for (std::size_t at = 0; at < 512; ++at) {
    auto bad = good;
    bad[at] ^= std::byte{1};
    const auto decoded = decode_entry(bad, 9, 4096);
    EXPECT_TRUE(!decoded || !decoded->extension) << "byte " << at;
  }
}

TEST(Codec, WhatIsNotALogIsNamed) {
  SuperBlock super_block;
  const auto good = encoded(super_block);
  const auto changed = [&](std::size_t at, std::uint8_t value) {
    auto bytes = good;
    bytes[at] = std::byte{value};
    return decode_super_block(bytes);
  };
  EXPECT_THAT(changed(0, 0).error().message, HasSubstr("not a log: the magic number is"));
  EXPECT_THAT(changed(8, 2).error().message, HasSubstr("version 2"));
  EXPECT_THAT(changed(24, 1).error().message, HasSubstr("sector size 513"));
  EXPECT_THAT(decode_super_block(ConstBytes(good).first(27)).error().message, HasSubstr("too few"));
}

TEST(Codec, ImpossibleEntriesAreRefused) {
  const auto decode = [](std::uint64_t sector, std::uint64_t nr_sectors, std::uint64_t flags,
                         std::uint64_t data_len) {
    std::vector<std::byte> bytes(512);
    const EntryHeaderDisk disk{sector, nr_sectors, flags, data_len};
    std::memcpy(bytes.data(), &disk, sizeof disk);
    return decode_entry(bytes, 3, 1024);
  };
  EXPECT_THAT(decode(0, 0, 0, 0).error().message,
              HasSubstr("entry 3 at byte 1024 has an all-zero header"));
  EXPECT_THAT(decode(0, 1, 32, 0).error().message, HasSubstr("unknown flags 0x20"));
  EXPECT_THAT(decode(0, 0, kFlagMark, 481).error().message, HasSubstr("mark of 481 bytes"));
  EXPECT_THAT(decode(~0ull, 1, 0, 0).error().message, HasSubstr("impossible range"));
  EXPECT_THAT(decode(1ull << 55, 1, 0, 0).error().message, HasSubstr("impossible range"));
  EXPECT_THAT(decode(0, ~0ull >> 9, 0, 0).error().message, HasSubstr("impossible range"));
  EXPECT_TRUE(decode(0, 1, kFlagMetadata | kFlagFua, 0));
  EXPECT_TRUE(decode(0, 1, 0, 512));                                    // an old DAX log
  EXPECT_TRUE(decode(5, 0, kFlagFlush | kFlagFua | kFlagMetadata, 0));  // the kernel's PREFLUSH
}

TEST(Codec, RandomSectorsNeverCrash) {
  Prng prng(1);
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> bytes(512);
    prng.fill(bytes);
    for (std::size_t at = 16; at < 24; ++at) bytes[at] = std::byte{0};
    bytes[16] = static_cast<std::byte>(prng.below(32));
    if (const auto entry = decode_entry(bytes, 0, 512)) {
      EXPECT_GE(entry->end_offset(), entry->log_offset + 512);
    }
    (void)decode_super_block(bytes);
  }
}

TEST(Codec, HashingInPiecesIsHashingAtOnce) {
  std::vector<std::byte> bytes(10'000);
  Prng(4).fill(bytes);
  PayloadHasher hasher;
  hasher.add(ConstBytes(bytes).first(1));
  hasher.add(ConstBytes(bytes).subspan(1));
  EXPECT_EQ(hasher.digest(), payload_hash(bytes));
}

}  // namespace
}  // namespace powercut::log
