// SPDX-License-Identifier: Apache-2.0
#include "check/disk_copy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/prng.h"
#include "block/read_only_device.h"
#include "support/rounds.h"

namespace powercut::check {
namespace {

constexpr ByteCount kSectorBytes = 512;

// Knows its holes to the sector.
class SparseDevice final : public ReadOnlyDevice {
 public:
  explicit SparseDevice(ByteCount size) : content_(size) {}
  const std::string& name() const override { return name_; }
  ByteCount size_bytes() const override { return content_.size(); }
  std::uint32_t alignment() const override { return kSectorBytes; }
  Status read(ByteOffset offset, MutableBytes buffer) override {
    POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
    const auto from = content_.begin() + static_cast<std::ptrdiff_t>(offset);
    std::copy_n(from, buffer.size(), buffer.begin());
    return {};
  }
  Result<std::optional<ByteRange>> next_data(ByteOffset offset) override {
    const auto is_data = [&](ByteOffset at) {
      const auto sector = MutableBytes(content_).subspan(at, kSectorBytes);
      return std::any_of(sector.begin(), sector.end(),
                         [](std::byte b) { return b != std::byte{}; });
    };
    ByteOffset begin = offset / kSectorBytes * kSectorBytes;
    while (begin < content_.size() && !is_data(begin)) begin += kSectorBytes;
    if (begin >= content_.size()) return std::nullopt;
    ByteOffset end = begin;
    while (end < content_.size() && is_data(end)) end += kSectorBytes;
    return ByteRange{std::max(begin, offset), end};
  }

  void fill(ByteRange range, std::byte value) {
    std::fill_n(content_.begin() + static_cast<std::ptrdiff_t>(range.begin), range.size(), value);
  }
  [[nodiscard]] const std::vector<std::byte>& content() const { return content_; }

 private:
  const std::string name_ = "sparse";
  std::vector<std::byte> content_;
};

ByteRange random_sectors(Prng& prng, ByteCount size, ByteCount most) {
  const std::uint64_t sectors = size / kSectorBytes;
  const std::uint64_t begin = prng.below(sectors);
  const std::uint64_t length = prng.between(1, std::min(sectors - begin, most / kSectorBytes));
  return {begin * kSectorBytes, (begin + length) * kSectorBytes};
}

// As a program has it.
class OpenCopy {
 public:
  explicit OpenCopy(const DiskCopy& copy) : fd_(::open(copy.path().c_str(), O_RDWR | O_CLOEXEC)) {
    EXPECT_TRUE(fd_.valid()) << copy.path();
  }
  [[nodiscard]] std::vector<std::byte> content() const {
    struct stat status {};
    EXPECT_EQ(::fstat(fd_.get(), &status), 0);
    std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
    EXPECT_EQ(::pread(fd_.get(), bytes.data(), bytes.size(), 0), status.st_size);
    return bytes;
  }
  [[nodiscard]] ByteCount space() const {
    struct stat status {};
    EXPECT_EQ(::fstat(fd_.get(), &status), 0);
    return static_cast<ByteCount>(status.st_blocks) * 512;
  }
  [[nodiscard]] bool write(ByteRange range) {
    const std::vector<std::byte> noise(range.size(), std::byte{'n'});
    return ::pwrite(fd_.get(), noise.data(), noise.size(), static_cast<off_t>(range.begin)) ==
           static_cast<ssize_t>(noise.size());
  }
  [[nodiscard]] bool resize(ByteCount size) {
    return ::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0;
  }

 private:
  const UniqueFd fd_;
};

TEST(DiskCopyTest, IsEachDeviceInTurnWhateverHasBeenWrittenToIt) {
  for (std::uint64_t seed = 0; seed < test::rounds(20); ++seed) {
    Prng prng(seed);
    // The last page is not always a whole one.
    const ByteCount size = prng.between(1, 1500) * kSectorBytes;
    DiskCopy copy;
    for (int turn = 0; turn < 10; ++turn) {
      SparseDevice device(size);
      for (std::uint64_t i = prng.below(20); i > 0; --i) {
        const std::byte value{static_cast<unsigned char>(prng.below(3))};
        device.fill(random_sectors(prng, size, prng.one_in(4) ? size : 8 * kKiB), value);
      }
      const auto loaded = copy.load(device);
      ASSERT_TRUE(loaded) << loaded.error().message;
      ASSERT_TRUE(*loaded);
      OpenCopy file(copy);
      ASSERT_TRUE(file.content() == device.content()) << "seed " << seed << ", turn " << turn;
      for (std::uint64_t i = prng.below(10); i > 0; --i)
        ASSERT_TRUE(file.write(random_sectors(prng, size, 40 * kKiB)));
    }
  }
}

TEST(DiskCopyTest, TakesNoMoreSpaceThanTheDataOfTheDevice) {
  SparseDevice device(64 * kMiB);
  DiskCopy copy;
  device.fill({32 * kMiB, 32 * kMiB + 3 * kSectorBytes}, std::byte{'d'});
  ASSERT_TRUE(copy.load(device));
  for (const ByteOffset offset : {ByteOffset{0}, 31 * kMiB, 60 * kMiB})
    ASSERT_TRUE(OpenCopy(copy).write({offset, offset + kMiB}));
  EXPECT_GE(OpenCopy(copy).space(), 3 * kMiB);
  ASSERT_TRUE(copy.load(device));
  EXPECT_EQ(OpenCopy(copy).space(), 4 * kKiB);
}

TEST(DiskCopyTest, TooMuchIsNotCopiedAndTheNextOneIs) {
  SparseDevice device(2 * DiskCopy::kMaxBytes);
  DiskCopy copy;
  device.fill({0, DiskCopy::kMaxBytes}, std::byte{'d'});
  ASSERT_TRUE(*copy.load(device));
  EXPECT_TRUE(OpenCopy(copy).content() == device.content());
  device.fill({DiskCopy::kMaxBytes + 100 * kKiB, DiskCopy::kMaxBytes + 101 * kKiB}, std::byte{'e'});
  EXPECT_FALSE(*copy.load(device));
  device.fill({0, kMiB}, std::byte{});
  ASSERT_TRUE(*copy.load(device));
  EXPECT_TRUE(OpenCopy(copy).content() == device.content());
}

TEST(DiskCopyTest, KeepsItsSizeAndIsGoneAtTheEnd) {
  SparseDevice device(kMiB);
  std::string path;
  {
    DiskCopy copy;
    ASSERT_TRUE(*copy.load(device));
    path = copy.path();
    OpenCopy file(copy);
    EXPECT_FALSE(file.resize(kMiB / 2));
    EXPECT_FALSE(file.resize(2 * kMiB));
    EXPECT_FALSE(file.write({kMiB, kMiB + 1}));
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace powercut::check
