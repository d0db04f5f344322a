// SPDX-License-Identifier: Apache-2.0
#include "check/observed_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/prng.h"
#include "block/memory_device.h"

namespace powercut::check {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ByteCount kBlock = kObservedBlockBytes;

class ObservedDeviceTest : public testing::Test {
 protected:
  // Ten blocks, and one of 1000 bytes.
  static constexpr ByteCount kSize = 10 * kBlock + 1000;

  static void read(ObservedDevice& device, ByteOffset offset, ByteCount length) {
    std::vector<std::byte> buffer(length);
    ASSERT_TRUE(device.read(offset, buffer));
  }
  static void write(ObservedDevice& device, ByteOffset offset, ByteCount length, char c = 'w') {
    const std::vector<std::byte> bytes(length, static_cast<std::byte>(c));
    ASSERT_TRUE(device.write(offset, bytes, Fua::kNo));
  }
  void read(ByteOffset offset, ByteCount length) { read(device_, offset, length); }
  void write(ByteOffset offset, ByteCount length, char c = 'w') {
    write(device_, offset, length, c);
  }

  const std::shared_ptr<MemoryDevice> below_ = std::make_shared<MemoryDevice>(kSize);
  ObservedDevice device_{below_};
};

TEST_F(ObservedDeviceTest, BlocksAreToldInTheOrderOfTheFirstReading) {
  EXPECT_THAT(device_.observed(), IsEmpty());
  read(7 * kBlock, kBlock);
  read(2 * kBlock - 1, 2);
  read(0, 0);
  read(7 * kBlock + 100, 1);
  read(0, 4 * kBlock);
  read(kSize - 1, 1);
  EXPECT_THAT(device_.observed(), ElementsAre(7, 1, 2, 0, 3, 10));
}

TEST_F(ObservedDeviceTest, WhatIsWrittenAsAWholeBeforeItIsReadIsNotObserved) {
  write(kBlock, 2 * kBlock);
  write(4 * kBlock + 1, kBlock);  // neither of two blocks as a whole
  write(10 * kBlock, 1000);       // the last one, which is short
  ASSERT_TRUE(device_.write_zeroes({6 * kBlock, 7 * kBlock}, Unmap::kNo, Fua::kNo));
  ASSERT_TRUE(device_.discard({7 * kBlock, 8 * kBlock}, Fua::kNo));
  read(0, kSize);
  EXPECT_EQ(device_.discard_zeroes(), below_->discard_zeroes());
  if (device_.discard_zeroes()) {
    EXPECT_THAT(device_.observed(), ElementsAre(0, 3, 4, 5, 8, 9));
  } else {
    EXPECT_THAT(device_.observed(), ElementsAre(0, 3, 4, 5, 7, 8, 9));
  }
}

TEST_F(ObservedDeviceTest, ABlockThatWasReadStaysObservedWhenItIsWritten) {
  read(kBlock, 1);
  write(0, 3 * kBlock);
  read(0, 3 * kBlock);
  EXPECT_THAT(device_.observed(), ElementsAre(1));
}

TEST_F(ObservedDeviceTest, RequestsArePassedOn) {
  write(5000, 100, 'x');
  std::vector<std::byte> buffer(100);
  ASSERT_TRUE(below_->read(5000, buffer));
  EXPECT_EQ(std::count(buffer.begin(), buffer.end(), std::byte{'x'}), 100);
  ASSERT_TRUE(device_.flush());
  EXPECT_EQ(device_.size_bytes(), kSize);
  EXPECT_EQ(device_.read(kSize, buffer).error().os_errno, EINVAL);
  EXPECT_EQ(device_.write(kSize, buffer, Fua::kNo).error().os_errno, EINVAL);
  EXPECT_THAT(device_.observed(), IsEmpty());
}

TEST_F(ObservedDeviceTest, HolesAreNotShown) {
  const auto data = device_.next_data(100);
  ASSERT_TRUE(data && *data);
  EXPECT_EQ((*data)->begin, 100U);
  EXPECT_EQ((*data)->end, kSize);
}

TEST_F(ObservedDeviceTest, WhatWasReadStaysObservedOnARenewedDevice) {
  read(3 * kBlock, kBlock);
  write(kBlock, kBlock);
  const auto other = std::make_shared<MemoryDevice>(kSize);
  device_.renew(other);
  EXPECT_THAT(device_.observed(), ElementsAre(3));
  read(kBlock, kBlock);
  read(3 * kBlock, kBlock);
  EXPECT_THAT(device_.observed(), ElementsAre(3, 1));
  write(0, 10, 'o');
  std::vector<std::byte> buffer(10);
  ASSERT_TRUE(other->read(0, buffer));
  EXPECT_EQ(buffer.front(), std::byte{'o'});
}

TEST_F(ObservedDeviceTest, AgreesWithABytewiseModel) {
  Prng prng(20);
  for (int round = 0; round < 200; ++round) {
    ObservedDevice device(below_);
    std::vector<std::uint64_t> expected;
    std::set<std::uint64_t> known;
    const int renewed_at = static_cast<int>(prng.below(24));
    for (int step = 0; step < 12; ++step) {
      if (step == renewed_at) {
        device.renew(below_);
        known = {expected.begin(), expected.end()};
      }
      const ByteOffset begin = prng.below(kSize);
      const ByteOffset end = begin + 1 + prng.below(kSize - begin);
      const bool is_read = prng.below(2) == 0;
      is_read ? read(device, begin, end - begin) : write(device, begin, end - begin);
      for (std::uint64_t block = 0; block * kBlock < kSize; ++block) {
        const ByteOffset first = block * kBlock;
        const ByteOffset last = std::min(first + kBlock, kSize);
        if (is_read ? first < end && begin < last : begin <= first && last <= end) {
          if (known.insert(block).second && is_read) expected.push_back(block);
        }
      }
    }
    ASSERT_EQ(device.observed(), expected) << "round " << round;
  }
}

TEST_F(ObservedDeviceTest, ThreadsReadAtOnce) {
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (std::uint64_t i = 0; i < 500; ++i) read((i * (t + 1)) % 11 * kBlock, 100);
    });
  }
  for (auto& thread : threads) thread.join();
  auto observed = device_.observed();
  std::sort(observed.begin(), observed.end());
  EXPECT_THAT(observed, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
}

}  // namespace
}  // namespace powercut::check
