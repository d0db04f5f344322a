// SPDX-License-Identifier: Apache-2.0
#include "log/read_ahead.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "io/memory_file.h"
#include "support/rounds.h"

namespace powercut::log {
namespace {

constexpr ByteCount kChunk = ReadAhead::kChunkBytes;
constexpr ByteOffset kBegin = 512;
constexpr std::uint64_t kNrChunks = 20;

// The n-th chunk is filled with n.
std::vector<std::byte> content() {
  std::vector<std::byte> bytes(kBegin, std::byte{0xff});
  for (std::uint64_t n = 0; n < kNrChunks; ++n) bytes.resize(bytes.size() + kChunk, std::byte(n));
  bytes.resize(bytes.size() + kChunk / 2, std::byte{0xff});
  return bytes;
}

void expect_chunk(ReadAhead& ahead, std::uint64_t number, ByteCount within) {
  const ByteOffset begin = kBegin + number * kChunk;
  const auto chunk = ahead.chunk_at(begin + within);
  ASSERT_EQ(chunk.offset, begin);
  ASSERT_EQ(chunk.bytes.size(), kChunk);
  ASSERT_EQ(chunk.bytes.front(), std::byte(number));
  ASSERT_EQ(chunk.bytes.back(), std::byte(number));
}

TEST(ReadAhead, GivesTheFilesChunks) {
  const auto bytes = content();
  const MemoryFile file("log", bytes);
  for (int repeat = 0; repeat < 10; ++repeat) {
    ReadAhead ahead(file, kBegin, bytes.size());
    for (std::uint64_t n = 0; n < kNrChunks; ++n) expect_chunk(ahead, n, n);
  }
}

TEST(ReadAhead, ChunksMayBeLeftOutAndAskedForAgain) {
  const auto bytes = content();
  const MemoryFile file("log", bytes);
  for (std::uint64_t seed = 1; seed <= test::rounds(50); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Prng prng(seed);
    ReadAhead ahead(file, kBegin, bytes.size());
    for (std::uint64_t n = prng.below(3); n < kNrChunks; n += prng.below(9))
      expect_chunk(ahead, n, prng.below(kChunk));
  }
}

TEST(ReadAhead, HasNothingOutsideTheWholeChunks) {
  const auto bytes = content();
  const MemoryFile file("log", bytes);
  ReadAhead ahead(file, kBegin, bytes.size());
  EXPECT_TRUE(ahead.chunk_at(0).bytes.empty());
  EXPECT_TRUE(ahead.chunk_at(kBegin + kNrChunks * kChunk).bytes.empty());
  EXPECT_TRUE(ReadAhead(file, kBegin, 0).chunk_at(kBegin).bytes.empty());
}

TEST(ReadAhead, HasNothingWhereTheFileWasCutShort) {
  const auto bytes = content();
  const MemoryFile file("log", {bytes.begin(), bytes.begin() + kBegin + 3 * kChunk / 2});
  ReadAhead ahead(file, kBegin, bytes.size());
  expect_chunk(ahead, 0, 0);
  EXPECT_TRUE(ahead.chunk_at(kBegin + kChunk).bytes.empty());
  EXPECT_TRUE(ahead.chunk_at(kBegin + 5 * kChunk).bytes.empty());
}

}  // namespace
}  // namespace powercut::log
