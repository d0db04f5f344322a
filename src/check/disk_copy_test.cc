// SPDX-License-Identifier: Apache-2.0
#include "check/disk_copy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/prng.h"
#include "block/read_only_device.h"
#include "io/posix_file.h"
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

std::unique_ptr<PosixFile> open_copy(const DiskCopy& copy) {
  auto file = PosixFile::open(copy.path(), {.writable = true});
  EXPECT_TRUE(file) << file.error().message;
  return *std::move(file);
}

std::vector<std::byte> content_of(const PosixFile& file) {
  std::vector<std::byte> bytes(*file.size());
  EXPECT_TRUE(read_exactly(file, 0, bytes));
  return bytes;
}

TEST(DiskCopyTest, IsEachDeviceInTurnWhateverHasBeenWrittenToIt) {
  for (std::uint64_t seed = 0; seed < test::rounds(20); ++seed) {
    Prng prng(seed);
    // The last page is not always a whole one.
    const ByteCount size = prng.between(1, 4000) * kSectorBytes;
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
      const auto file = open_copy(copy);
      ASSERT_TRUE(content_of(*file) == device.content()) << "seed " << seed << ", turn " << turn;
      for (std::uint64_t i = prng.below(10); i > 0; --i) {
        const ByteRange range = random_sectors(prng, size, 40 * kKiB);
        const std::vector<std::byte> noise(range.size(), std::byte{'n'});
        ASSERT_TRUE(file->write_at(range.begin, noise));
      }
    }
  }
}

TEST(DiskCopyTest, TakesNoMoreSpaceThanTheDataOfTheDevice) {
  SparseDevice device(64 * kMiB);
  DiskCopy copy;
  device.fill({32 * kMiB, 32 * kMiB + 3 * kSectorBytes}, std::byte{'d'});
  ASSERT_TRUE(copy.load(device));
  {
    const auto file = open_copy(copy);
    const std::vector<std::byte> noise(kMiB, std::byte{'n'});
    for (const ByteOffset offset : {ByteOffset{0}, 31 * kMiB, 60 * kMiB})
      ASSERT_TRUE(file->write_at(offset, noise));
  }
  ASSERT_TRUE(copy.load(device));
  struct stat status {};
  ASSERT_EQ(::stat(copy.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_blocks * 512, 4096);
}

TEST(DiskCopyTest, TooMuchIsNotCopiedAndTheNextOneIs) {
  SparseDevice device(2 * DiskCopy::kMaxBytes);
  DiskCopy copy;
  device.fill({0, DiskCopy::kMaxBytes}, std::byte{'d'});
  ASSERT_TRUE(*copy.load(device));
  EXPECT_TRUE(content_of(*open_copy(copy)) == device.content());
  device.fill({DiskCopy::kMaxBytes + 100 * kKiB, DiskCopy::kMaxBytes + 101 * kKiB}, std::byte{'e'});
  EXPECT_FALSE(*copy.load(device));
  device.fill({0, kMiB}, std::byte{});
  ASSERT_TRUE(*copy.load(device));
  EXPECT_TRUE(content_of(*open_copy(copy)) == device.content());
}

TEST(DiskCopyTest, KeepsItsSizeAndIsGoneAtTheEnd) {
  SparseDevice device(kMiB);
  std::string path;
  {
    DiskCopy copy;
    ASSERT_TRUE(*copy.load(device));
    path = copy.path();
    const auto file = open_copy(copy);
    EXPECT_FALSE(file->truncate(kMiB / 2));
    EXPECT_FALSE(file->truncate(2 * kMiB));
    EXPECT_FALSE(file->write_at(kMiB, std::vector<std::byte>(1)));
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace powercut::check
