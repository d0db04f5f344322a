// SPDX-License-Identifier: Apache-2.0
#include "replay/mover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "block/file_device.h"
#include "block/memory_device.h"
#include "io/memory_file.h"
#include "io/posix_file.h"
#include "support/temporary_directory.h"

namespace powercut::replay {
namespace {

constexpr ByteCount kLogSize = 5 * kMiB + 777;
constexpr ByteCount kDeviceSize = 4 * kMiB;

std::vector<std::byte> random_bytes(ByteCount size, std::uint64_t seed) {
  std::vector<std::byte> bytes(size);
  Prng prng(seed);
  prng.fill(bytes);
  return bytes;
}

std::unique_ptr<FileDevice> file_device(const std::string& path, ConstBytes content) {
  auto file = PosixFile::open(path, {.writable = true, .create = OpenOptions::Create::kIfAbsent});
  EXPECT_TRUE(file && (*file)->write_at(0, content));
  return *FileDevice::make(std::move(*file));
}

std::vector<std::byte> content_of(BlockDevice& device) {
  std::vector<std::byte> bytes(device.size_bytes());
  EXPECT_TRUE(device.read(0, bytes));
  return bytes;
}

// Copies of odd lengths from odd places, and zeroes between them.
void expect_moves_bytes(Mover& mover, BlockDevice& device, ConstBytes log) {
  std::vector<std::byte> expected = content_of(device);
  Prng prng(3);
  for (int i = 0; i < 100; ++i) {
    const ByteCount length = prng.between(1, i % 10 == 0 ? 3 * kMiB : 9000);
    const ByteOffset from = prng.below(log.size() - length - 2000);
    const ByteOffset to = prng.below(expected.size() - length);
    const auto target = expected.begin() + static_cast<std::ptrdiff_t>(to);
    if (prng.one_in(4)) {
      ASSERT_TRUE(mover.zero({to, to + length}));
      std::fill_n(target, length, std::byte{0});
    } else if (prng.one_in(3) && length <= Mover::kGatherBytes) {
      // In order and near, in order and far, and back.
      const LogPart parts[] = {{from, length / 3},
                               {from + length / 3 + prng.below(2000), length / 3},
                               {prng.below(log.size() - length), length - length / 3 * 2}};
      auto at = target;
      for (const LogPart& part : parts) {
        at = std::copy_n(log.begin() + static_cast<std::ptrdiff_t>(part.offset), part.length, at);
      }
      ASSERT_TRUE(mover.gather(parts, to));
    } else {
      const Status status = mover.copy(from, to, length);
      ASSERT_TRUE(status) << status.error().message;
      std::copy_n(log.begin() + static_cast<std::ptrdiff_t>(from), length, target);
    }
  }
  EXPECT_EQ(content_of(device), expected);
}

TEST(Mover, CopiesFromFileToFile) {
  const test::TemporaryDirectory directory;
  const auto log_bytes = random_bytes(kLogSize, 1);
  auto log = PosixFile::open(directory / "log",
                             {.writable = true, .create = OpenOptions::Create::kIfAbsent});
  ASSERT_TRUE(log && (*log)->write_at(0, ConstBytes(log_bytes)));
  const auto device = file_device(directory / "device", random_bytes(kDeviceSize, 2));
  Mover mover(**log, *device);
  expect_moves_bytes(mover, *device, log_bytes);
}

TEST(Mover, CopiesToOtherDevices) {
  const auto log_bytes = random_bytes(kLogSize, 1);
  const MemoryFile log("log", log_bytes);
  MemoryDevice device(kDeviceSize);
  Mover mover(log, device);
  expect_moves_bytes(mover, device, log_bytes);
}

TEST(Mover, SaysWhereTheLogEnds) {
  const test::TemporaryDirectory directory;
  auto log = PosixFile::open(directory / "log",
                             {.writable = true, .create = OpenOptions::Create::kIfAbsent});
  ASSERT_TRUE(log && (*log)->write_at(0, ConstBytes(random_bytes(5000, 1))));
  const auto device = file_device(directory / "device", random_bytes(kDeviceSize, 2));
  const Status status = Mover(**log, *device).copy(0, 0, 6000);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kBadInput);
  EXPECT_THAT(status.error().message, testing::HasSubstr("ends at byte 5000"));
}

TEST(Mover, SaysWhereItCannotWrite) {
  const test::TemporaryDirectory directory;
  auto log = PosixFile::open(directory / "log",
                             {.writable = true, .create = OpenOptions::Create::kIfAbsent});
  ASSERT_TRUE(log && (*log)->write_at(0, ConstBytes(random_bytes(5000, 1))));
  (void)file_device(directory / "device", random_bytes(5000, 2));
  auto read_only = PosixFile::open(directory / "device", {});
  const auto device = *FileDevice::make(std::move(*read_only));
  const Status status = Mover(**log, *device).copy(0, 512, 512);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().os_errno, EBADF);
  EXPECT_THAT(status.error().message, testing::HasSubstr("at byte 512"));
}

}  // namespace
}  // namespace powercut::replay
