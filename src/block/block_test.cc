// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "block/faulty_device.h"
#include "block/file_device.h"
#include "block/memory_device.h"
#include "block/overlay_device.h"

namespace powercut {
namespace {

std::vector<std::byte> read_all(BlockDevice& device) {
  std::vector<std::byte> bytes(device.size_bytes());
  const Status status = device.read(0, bytes);
  EXPECT_TRUE(status) << status.error().message;
  return bytes;
}

// The same random requests on the device and on a plain array.
void expect_behaves_like_an_array(BlockDevice& device, std::vector<std::byte> model,
                                  std::uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Prng prng(seed);
  for (int step = 0; step < 200; ++step) {
    const ByteOffset begin = prng.below(model.size());
    const ByteOffset end = prng.between(begin, std::min<ByteOffset>(model.size(), begin + 10000));
    const auto first = model.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = model.begin() + static_cast<std::ptrdiff_t>(end);
    std::vector<std::byte> data(end - begin);
    switch (prng.below(4)) {
      case 0:
        prng.fill(data);
        ASSERT_TRUE(device.write(begin, data, prng.one_in(2) ? Fua::kYes : Fua::kNo));
        std::copy(data.begin(), data.end(), first);
        break;
      case 1:
        ASSERT_TRUE(device.write_zeroes({begin, end}, Unmap::kYes, Fua::kNo));
        std::fill(first, last, std::byte{0});
        break;
      case 2:
        ASSERT_TRUE(device.discard({begin, end}, Fua::kNo));
        std::fill(first, last, std::byte{0});
        break;
      default:
        ASSERT_TRUE(device.read(begin, data));
        ASSERT_TRUE(std::equal(data.begin(), data.end(), first)) << "read at " << begin;
    }
  }
  EXPECT_EQ(read_all(device), model);
}

constexpr ByteCount kSize = 100'000;  // not a multiple of the overlay's block

TEST(MemoryDevice, BehavesLikeAnArray) {
  MemoryDevice device(kSize);
  expect_behaves_like_an_array(device, std::vector<std::byte>(kSize), 1);
}

TEST(FileDevice, BehavesLikeAnArray) {
  auto file = PosixFile::open_temporary();
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->truncate(kSize));
  auto device = FileDevice::make(std::move(*file));
  ASSERT_TRUE(device);
  expect_behaves_like_an_array(**device, std::vector<std::byte>(kSize), 2);
}

TEST(OverlayDevice, BehavesLikeAnArrayAndLeavesTheBaseAlone) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::vector<std::byte> content(kSize);
    Prng(seed).fill(content);
    const auto base = std::make_shared<MemoryDevice>(kSize);
    ASSERT_TRUE(base->write(0, content, Fua::kNo));
    auto overlay = OverlayDevice::make(base);
    ASSERT_TRUE(overlay);
    expect_behaves_like_an_array(**overlay, content, seed);
    EXPECT_EQ(base->content(), content);
    ASSERT_TRUE((*overlay)->reset());
    EXPECT_EQ((*overlay)->overlaid_bytes(), 0u);
    EXPECT_EQ(read_all(**overlay), content);
  }
}

// Over a sparse file, which knows its holes.
TEST(OverlayDevice, HolesAreThoseOfBothLayers) {
  auto file = PosixFile::open_temporary();
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->truncate(1 * kMiB));
  const auto overlay = *OverlayDevice::make(*FileDevice::make(std::move(*file)));
  EXPECT_EQ(*overlay->next_data(0), std::nullopt);
  const std::vector<std::byte> ones(4096, std::byte{1});
  ASSERT_TRUE(overlay->write(256 * kKiB, ones, Fua::kNo));
  EXPECT_EQ(*overlay->next_data(0), (ByteRange{256 * kKiB, 260 * kKiB}));
  EXPECT_EQ(*overlay->next_data(260 * kKiB), std::nullopt);
  ASSERT_TRUE(overlay->write_zeroes({0, 1 * kMiB}, Unmap::kYes, Fua::kNo));
  EXPECT_EQ(*overlay->next_data(0), std::nullopt);
}

TEST(OverlayDevice, WhatIsNotAHoleIsCalledData) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const auto base = std::make_shared<MemoryDevice>(kSize);
    const auto overlay = *OverlayDevice::make(base);
    expect_behaves_like_an_array(*overlay, std::vector<std::byte>(kSize), seed);
    const auto content = read_all(*overlay);
    std::vector<std::byte> found(kSize);
    for (ByteOffset at = 0;;) {
      const auto data = *overlay->next_data(at);
      if (!data) break;
      ASSERT_LT(data->begin, data->end);
      ASSERT_GE(data->begin, at);
      ASSERT_TRUE(
          overlay->read(data->begin, MutableBytes(found).subspan(data->begin, data->size())));
      at = data->end;
    }
    EXPECT_EQ(found, content);
  }
}

TEST(OverlayDevice, MadeLazilyIsTheSameAndHasNoFileUntilItIsWritten) {
  const auto base = std::make_shared<MemoryDevice>(kSize);
  const auto overlay = OverlayDevice::make_lazily(base);
  EXPECT_EQ(read_all(*overlay), std::vector<std::byte>(kSize));
  EXPECT_TRUE(overlay->flush());
  EXPECT_EQ(overlay->overlaid_bytes(), 0u);
  expect_behaves_like_an_array(*overlay, std::vector<std::byte>(kSize), 3);
  EXPECT_GT(overlay->overlaid_bytes(), 0u);
}

TEST(OverlayDevice, TakesAnyAlignmentOverABaseThatDoesNot) {
  const auto base = std::make_shared<MemoryDevice>(16 * 4096, 512);
  const auto overlay = OverlayDevice::make_lazily(base);
  expect_behaves_like_an_array(*overlay, std::vector<std::byte>(16 * 4096), 4);
}

// So large that nothing may grow with it.
class HugeDevice final : public BlockDevice {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] ByteCount size_bytes() const override { return 64 * 1024 * kGiB; }
  Status read(ByteOffset offset, MutableBytes buffer) override {
    POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
    std::fill(buffer.begin(), buffer.end(), std::byte{0});
    return {};
  }
  Status write(ByteOffset, ConstBytes, Fua) override { return os_error("write", EROFS); }
  Status write_zeroes(ByteRange, Unmap, Fua) override { return os_error("write", EROFS); }
  Status discard(ByteRange, Fua) override { return os_error("write", EROFS); }
  Status flush() override { return {}; }
  Result<std::optional<ByteRange>> next_data(ByteOffset) override { return std::nullopt; }

 private:
  const std::string name_ = "huge";
};

TEST(OverlayDevice, OfAHugeDeviceCostsNothingThatGrowsWithIt) {
  const auto overlay = OverlayDevice::make_lazily(std::make_shared<HugeDevice>());
  const std::vector<std::byte> bytes(100, std::byte{7});
  const ByteOffset middle = 32 * 1024 * kGiB + 17;
  // Where a file cannot be that large (ext4: 16 TiB), writing that far out fails.
  const bool can_be_large = overlay->write(middle, bytes, Fua::kNo).has_value();
  ASSERT_TRUE(overlay->write(17, bytes, Fua::kNo));
  EXPECT_EQ(overlay->overlaid_bytes(), can_be_large ? 8192u : 4096u);
  const auto data = overlay->next_data(4096);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->has_value(), can_be_large);
  ASSERT_TRUE(overlay->discard({0, can_be_large ? overlay->size_bytes() : kGiB}, Fua::kNo));
  std::vector<std::byte> read(100);
  ASSERT_TRUE(overlay->read(17, read));
  EXPECT_EQ(read, std::vector<std::byte>(100));
}

TEST(OverlayDevice, KnowsTheHolesOfBothLayers) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    constexpr ByteCount kBlocks = 64;
    const auto make_file = [&] {
      auto file = *PosixFile::open_temporary();
      EXPECT_TRUE(file->truncate(kBlocks * 4096));
      return file;
    };
    std::shared_ptr<BlockDevice> base = *FileDevice::make(make_file());
    std::vector<bool> has_data(kBlocks);
    for (int i = 0; i < 6; ++i) {
      const std::uint64_t block = prng.below(kBlocks);
      const std::vector<std::byte> bytes(4096, std::byte{1});
      ASSERT_TRUE(base->write(block * 4096, bytes, Fua::kNo));
      has_data[block] = true;
    }
    const auto overlay = OverlayDevice::make_lazily(base);
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t first = prng.below(kBlocks);
      const std::uint64_t end = prng.between(first + 1, std::min(kBlocks, first + 8));
      const bool is_write = prng.one_in(2);
      const std::vector<std::byte> bytes((end - first) * 4096, std::byte{2});
      ASSERT_TRUE(is_write ? overlay->write(first * 4096, bytes, Fua::kNo)
                           : overlay->discard({first * 4096, end * 4096}, Fua::kNo));
      for (std::uint64_t block = first; block < end; ++block) has_data[block] = is_write;
    }
    std::vector<bool> reported(kBlocks);
    for (ByteOffset at = 0;;) {
      const auto data = *overlay->next_data(at);
      if (!data) break;
      ASSERT_GE(data->begin, at);
      ASSERT_LT(data->begin, data->end);
      for (at = data->begin; at < data->end; at += 4096) reported[at / 4096] = true;
    }
    ASSERT_EQ(reported, has_data);
  }
}

TEST(BlockDevice, RequestsOutsideOrUnalignedAreRefused) {
  MemoryDevice device(4096, 512);
  std::vector<std::byte> sector(512);
  EXPECT_TRUE(device.write(3584, sector, Fua::kNo));
  EXPECT_EQ(device.write(4096, sector, Fua::kNo).error().os_errno, EINVAL);
  EXPECT_EQ(device.write(1, sector, Fua::kNo).error().os_errno, EINVAL);
  EXPECT_EQ(device.read(~0ull - 1, sector).error().os_errno, EINVAL);
  EXPECT_EQ(device.write_zeroes({0, 100}, Unmap::kNo, Fua::kNo).error().os_errno, EINVAL);
}

TEST(FaultyDevice, AFailedRequestDoesNotReachTheDevice) {
  const auto inner = std::make_shared<MemoryDevice>(4096);
  FaultyDevice device(inner, [](Request::Kind, ByteRange, std::uint64_t number) {
    return number == 1 ? Status(os_error("injected", EIO)) : Status{};
  });
  const std::vector<std::byte> ones(16, std::byte{1});
  EXPECT_TRUE(device.write(0, ones, Fua::kNo));
  EXPECT_FALSE(device.write(16, ones, Fua::kNo));
  EXPECT_EQ(inner->content()[15], std::byte{1});
  EXPECT_EQ(inner->content()[16], std::byte{0});
}

}  // namespace
}  // namespace powercut
