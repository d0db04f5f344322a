// SPDX-License-Identifier: Apache-2.0
#include "io/mapped_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>

#include <thread>

namespace powercut {
namespace {

constexpr ByteCount kSize = 256 * kKiB;

std::unique_ptr<PosixFile> file_of_ones() {
  auto file = PosixFile::open_temporary();
  EXPECT_TRUE(file && (*file)->write_at(0, std::vector<std::byte>(kSize, std::byte{1})));
  return *std::move(file);
}

bool is_filled_with(ConstBytes bytes, std::byte value) {
  return std::all_of(bytes.begin(), bytes.end(), [&](std::byte b) { return b == value; });
}

TEST(MappedFile, HoldsTheFile) {
  const auto file = file_of_ones();
  const auto mapped = MappedFile::map(*file, {64 * kKiB, kSize});
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->bytes().size(), kSize - 64 * kKiB);
  EXPECT_TRUE(is_filled_with(mapped->bytes(), std::byte{1}));
  EXPECT_FALSE(mapped->was_lost());
}

TEST(MappedFile, IsZeroesWhereTheFileWasCutShort) {
  const auto file = file_of_ones();
  const auto mapped = MappedFile::map(*file, {0, kSize});
  const auto other = MappedFile::map(*file, {0, kSize});
  ASSERT_TRUE(mapped && other);
  ASSERT_TRUE(file->truncate(128 * kKiB));
  EXPECT_TRUE(is_filled_with(mapped->bytes().first(128 * kKiB), std::byte{1}));
  EXPECT_FALSE(mapped->was_lost());
  EXPECT_TRUE(is_filled_with(mapped->bytes().subspan(128 * kKiB), std::byte{0}));
  EXPECT_TRUE(mapped->was_lost());
  EXPECT_FALSE(other->was_lost());
}

TEST(MappedFile, MayBeLostUnderSeveralThreads) {
  const auto file = file_of_ones();
  for (int i = 0; i < 20; ++i) {
    const auto mapped = MappedFile::map(*file, {0, kSize});
    ASSERT_TRUE(mapped && file->truncate(0));
    const auto look = [&] {
      EXPECT_TRUE(is_filled_with(mapped->bytes(), std::byte{0}));
      EXPECT_TRUE(mapped->was_lost());
    };
    std::thread other(look);
    look();
    other.join();
    ASSERT_TRUE(file->write_at(0, std::vector<std::byte>(kSize, std::byte{1})));
  }
}

TEST(MappedFile, IsNotLostAgainWhenMappedAnew) {
  const auto file = file_of_ones();
  {
    const auto mapped = MappedFile::map(*file, {0, kSize});
    ASSERT_TRUE(mapped && file->truncate(0));
    EXPECT_EQ(mapped->bytes().back(), std::byte{0});
  }
  ASSERT_TRUE(file->write_at(0, std::vector<std::byte>(kSize, std::byte{1})));
  const auto mapped = MappedFile::map(*file, {0, kSize});
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->bytes().back(), std::byte{1});
  EXPECT_FALSE(mapped->was_lost());
}

// Nobody else's errors are hidden. The child process has its own handler.
TEST(MappedFileDeathTest, AnotherSigbusStillEndsTheProcess) {
  const auto die_of_a_fault = [] {
    const auto file = file_of_ones();
    const auto mapped = MappedFile::map(*file, {0, kSize});
    const void* unguarded = ::mmap(nullptr, kSize, PROT_READ, MAP_SHARED, file->fd(), 0);
    (void)file->truncate(0);
    const char byte = *static_cast<const volatile char*>(unguarded);
    return mapped && byte == 0;
  };
  const auto die_of_a_signal = [] {
    const auto file = file_of_ones();
    const auto mapped = MappedFile::map(*file, {0, kSize});
    ::raise(SIGBUS);
  };
  // A sanitizer turns the signal into an exit of its own.
  EXPECT_DEATH(die_of_a_fault(), "");
  EXPECT_DEATH(die_of_a_signal(), "");
}

}  // namespace
}  // namespace powercut
