// SPDX-License-Identifier: Apache-2.0
#include "replay/compare.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "block/file_device.h"
#include "block/memory_device.h"
#include "io/posix_file.h"
#include "state/timeline.h"
#include "support/log_builder.h"
#include "support/rounds.h"

namespace powercut::replay {
namespace {

constexpr ByteCount kSize = 3 * kMiB + 100;

std::unique_ptr<FileDevice> sparse_device() {
  auto file = PosixFile::open_temporary();
  EXPECT_TRUE(file && (*file)->truncate(kSize));
  return *FileDevice::make(std::move(*file));
}

void put(BlockDevice& device, ByteOffset offset, std::string_view text) {
  ASSERT_TRUE(device.write(offset, std::as_bytes(std::span(text)), Fua::kNo));
}

TEST(Compare, EqualDevicesAreIdentical) {
  const auto left = sparse_device();
  MemoryDevice right(kSize);
  for (BlockDevice* device :
       {static_cast<BlockDevice*>(left.get()), static_cast<BlockDevice*>(&right)}) {
    put(*device, 0, "first");
    put(*device, kSize - 4, "last");
  }
  const auto comparison = compare(*left, right, kSize);
  ASSERT_TRUE(comparison);
  EXPECT_TRUE(comparison->is_identical());
  EXPECT_EQ(comparison->compared_bytes, kSize);
}

TEST(Compare, FindsEveryDifferenceAndMergesNeighbours) {
  const auto left = sparse_device();
  const auto right = sparse_device();
  put(*left, 1000, "x");
  put(*right, kMiB - 1, "yy");  // across two chunks
  put(*left, kSize - 1, "z");
  const auto comparison = compare(*left, *right, kSize);
  ASSERT_TRUE(comparison);
  EXPECT_FALSE(comparison->is_identical());
  EXPECT_EQ(comparison->differing_blocks, 4u);
  EXPECT_EQ(comparison->differing_ranges, 3u);
  ASSERT_EQ(comparison->differences.size(), 3u);
  EXPECT_EQ(comparison->differences[0].range, (ByteRange{512, 1024}));
  EXPECT_EQ(comparison->differences[0].first_byte, 1000u);
  EXPECT_EQ(comparison->differences[0].left, std::byte{'x'});
  EXPECT_EQ(comparison->differences[0].right, std::byte{0});
  EXPECT_EQ(comparison->differences[1].range, (ByteRange{kMiB - 512, kMiB + 512}));
  EXPECT_EQ(comparison->differences[1].first_byte, kMiB - 1);
  EXPECT_EQ(comparison->differences[2].range, (ByteRange{3 * kMiB, kSize}));
}

// A single differing byte, wherever it stands and on whichever side, is found.
TEST(Compare, MissesNoByte) {
  Prng prng(1);
  for (std::uint64_t i = 0; i < test::rounds(200); ++i) {
    const auto left = sparse_device();
    const auto right = sparse_device();
    const ByteOffset shared = prng.below(kSize);
    put(*left, shared, "s");
    put(*right, shared, "s");
    ByteOffset at = prng.below(kSize);
    if (at == shared) continue;
    put(prng.one_in(2) ? *left : *right, at, "d");
    const auto comparison = compare(*left, *right, kSize);
    ASSERT_TRUE(comparison);
    ASSERT_EQ(comparison->differences.size(), 1u) << at << " " << shared;
    EXPECT_EQ(comparison->differences[0].first_byte, at);
  }
}

TEST(Compare, KeepsTheFirstDifferencesAndCountsAll) {
  MemoryDevice left(100 * 1024);
  MemoryDevice right(100 * 1024);
  for (ByteOffset at = 0; at < 100 * 1024; at += 1024) put(left, at, "x");
  const auto comparison = compare(left, right, 100 * 1024, {.max_differences = 3});
  ASSERT_TRUE(comparison);
  EXPECT_EQ(comparison->differing_ranges, 100u);
  EXPECT_EQ(comparison->differences.size(), 3u);
  EXPECT_EQ(comparison->differences.back().range, (ByteRange{2048, 2560}));
}

TEST(Compare, ComparesOnlyWhatIsAsked) {
  MemoryDevice left(4096);
  MemoryDevice right(8192);
  put(right, 4096, "x");
  EXPECT_TRUE(compare(left, right, 4096)->is_identical());
}

TEST(LastWriters, AreTheLastEntriesInTheRangeThatCoverTheByte) {
  test::LogBuilder log;
  log.write(0, "AAAA").write(1, "B").mark("m").discard(1, 1).write(2, "C").write(1, "D");
  const auto file = log.file();
  auto reader = log::Reader::open(*file);
  ASSERT_TRUE(reader);
  const auto writer_of = [&](ByteOffset byte, EntryIndex from, EntryIndex to, bool with_discards) {
    std::vector<Difference> differences = {{.range = {}, .first_byte = byte}};
    EXPECT_TRUE(find_last_writers(*reader, from, to, with_discards, differences));
    return differences[0].last_writer ? static_cast<int>(differences[0].last_writer->index) : -1;
  };
  EXPECT_EQ(writer_of(512, 0, 6, true), 5);
  EXPECT_EQ(writer_of(512, 0, 5, true), 3);
  EXPECT_EQ(writer_of(512, 0, 5, false), 1);
  EXPECT_EQ(writer_of(511, 0, 6, true), 0);
  EXPECT_EQ(writer_of(511, 1, 6, true), -1);
  EXPECT_EQ(writer_of(2048, 0, 6, true), -1);
}

TEST(Compare, FindsTheLastWriterInACrashState) {
  test::LogBuilder log;
  log.write(0, "A").flush().write(0, "BC").write(1, "D").zeroes(2, 1);
  const auto timeline = state::Timeline::open(log.file("x.log"), {.size_bytes = 4 * 512});
  ASSERT_TRUE(timeline);
  const auto view = (*timeline)->moment("epoch:2:lost:3")->view;
  std::vector<Difference> differences(4);
  for (std::size_t i = 0; i < 4; ++i) differences[i].first_byte = i * 512 + 7;
  ASSERT_TRUE(find_last_writers(*view, (*timeline)->index(), differences));
  EXPECT_EQ(differences[0].last_writer->index, 2u);
  EXPECT_EQ(differences[1].last_writer->index, 2u);
  EXPECT_EQ(differences[2].last_writer->index, 4u);
  EXPECT_FALSE(differences[3].last_writer);
}

}  // namespace
}  // namespace powercut::replay
