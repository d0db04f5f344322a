// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/prng.h"
#include "io/faulty_file.h"
#include "io/image_lock.h"
#include "io/memory_file.h"
#include "io/posix_file.h"

namespace powercut {
namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = "/tmp/powercut-io-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

OpenOptions writable_new() {
  return {.writable = true, .create = OpenOptions::Create::kIfAbsent};
}

std::vector<std::byte> read_all(const File& file) {
  std::vector<std::byte> bytes(*file.size());
  EXPECT_TRUE(read_exactly(file, 0, bytes));
  return bytes;
}

// Random calls on a file and on the memory file, which serves as the model.
void expect_same_as_memory(File& file, std::uint64_t seed, ByteCount unit) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Prng prng(seed);
  MemoryFile model;
  for (int step = 0; step < 60; ++step) {
    const ByteOffset offset = prng.below(64) * unit;
    std::vector<std::byte> a(prng.below(8) * unit);
    std::vector<std::byte> b(prng.between(1, 8) * unit);
    prng.fill(a);
    prng.fill(b);
    const std::vector<ConstBytes> pieces = {a, b};
    switch (prng.below(3)) {
      case 0:
        ASSERT_TRUE(file.write_at(offset, pieces));
        ASSERT_TRUE(model.write_at(offset, pieces));
        break;
      case 1:
        ASSERT_TRUE(file.write_zeroes({offset, offset + b.size()}));
        ASSERT_TRUE(model.write_zeroes({offset, offset + b.size()}));
        break;
      default:
        file.preallocate({offset, offset + b.size()});
    }
  }
  EXPECT_EQ(read_all(file), model.content());
}

TEST(PosixFile, AgreesWithTheMemoryFile) {
  const TemporaryDirectory directory;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto file = PosixFile::open(directory.file(std::to_string(seed).c_str()), writable_new());
    ASSERT_TRUE(file) << file.error().message;
    expect_same_as_memory(**file, seed, 100);
  }
}

TEST(PosixFile, AgreesWithTheMemoryFileUnderDirectIo) {
  const TemporaryDirectory directory;
  OpenOptions options = writable_new();
  options.direct = true;
  auto file = PosixFile::open(directory.file("direct"), options);
  if (!file && file.error().os_errno == EINVAL) {
    // tmpfs before Linux 6.6 has no O_DIRECT; that is the error a user would get as well.
    EXPECT_THAT(file.error().message, testing::HasSubstr("Invalid argument"));
    return;
  }
  ASSERT_TRUE(file) << file.error().message;
  expect_same_as_memory(**file, 5, 4096);
}

TEST(PosixFile, ManyPiecesInOneWrite) {
  const TemporaryDirectory directory;
  auto file = PosixFile::open(directory.file("pieces"), writable_new());
  ASSERT_TRUE(file);
  std::vector<std::byte> content(1000);
  Prng(3).fill(content);
  std::vector<ConstBytes> pieces;
  for (std::size_t i = 0; i < content.size(); ++i)
    pieces.push_back(ConstBytes(content).subspan(i, 1));
  ASSERT_TRUE((*file)->write_at(0, pieces));
  EXPECT_EQ(read_all(**file), content);
}

TEST(PosixFile, HolesAreFound) {
  const TemporaryDirectory directory;
  auto file = PosixFile::open(directory.file("holes"), writable_new());
  ASSERT_TRUE(file);
  const std::vector<std::byte> data(4096, std::byte{1});
  ASSERT_TRUE((*file)->write_at(1 * kMiB, data));
  ASSERT_TRUE((*file)->truncate(4 * kMiB));
  EXPECT_EQ(*(*file)->next_data(0), (ByteRange{kMiB, kMiB + 4096}));
  EXPECT_EQ(*(*file)->next_data(2 * kMiB), std::nullopt);
  EXPECT_TRUE(*(*file)->is_hole({0, kMiB}));
  EXPECT_FALSE(*(*file)->is_hole({0, kMiB + 1}));
  EXPECT_FALSE(*(*file)->is_hole({kMiB + 4095, kMiB + 8192}));
  EXPECT_TRUE(*(*file)->is_hole({kMiB + 4096, kMiB + 8192}));
}

TEST(PosixFile, OpenErrorNamesTheFile) {
  const auto file = PosixFile::open("/nonexistent/x", {});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "cannot open '/nonexistent/x': No such file or directory");
  EXPECT_EQ(file.error().kind, ErrorKind::kBadInput);
}

TEST(PosixFile, ADirectoryIsRefused) {
  const auto file = PosixFile::open("/tmp", {});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "'/tmp' is neither a regular file nor a block device");
}

TEST(ImageLock, SecondWriterIsRefusedReaderIsWelcome) {
  const TemporaryDirectory directory;
  auto first = PosixFile::open(directory.file("image"), writable_new());
  auto second = PosixFile::open(directory.file("image"), {.writable = true});
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(lock_for_writing(**first));
  const Status refused = lock_for_writing(**second);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().os_errno, EBUSY);
  EXPECT_TRUE(is_same_file(**first, **second));
  first->reset();
  EXPECT_TRUE(lock_for_writing(**second));
}

TEST(FaultyFile, TornWriteLeavesAPrefix) {
  FaultyFile file(std::make_unique<MemoryFile>(), [](FaultyFile::Operation, std::uint64_t number) {
    return number == 1 ? std::optional(FaultyFile::Fault{ENOSPC, 3}) : std::nullopt;
  });
  const std::vector<std::byte> bytes(8, std::byte{7});
  ASSERT_TRUE(file.write_at(0, bytes));
  const Status torn = file.write_at(8, bytes);
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().os_errno, ENOSPC);
  EXPECT_EQ(*file.size(), 11u);
}

TEST(MemoryFile, KnowsWhatWasSynced) {
  MemoryFile file;
  const std::vector<std::byte> bytes(2, std::byte{7});
  ASSERT_TRUE(file.write_at(0, bytes));
  ASSERT_TRUE(file.sync());
  ASSERT_TRUE(file.write_at(2, bytes));
  EXPECT_EQ(file.synced_content().size(), 2u);
  EXPECT_EQ(file.content().size(), 4u);
}

}  // namespace
}  // namespace powercut
