// SPDX-License-Identifier: Apache-2.0
// Over file systems that their own programs have made and filled, without a mount.
#include "check/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/nbd_server.h"
#include "support/temporary_directory.h"

namespace powercut::check {
namespace {

using test::have_program;
using test::run_or_fail;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kText = "a row that stands nowhere else";
constexpr ByteCount kBlock = 4 * kKiB;

// The first place of a text that begins a block.
ByteOffset find_in(const std::string& path, const std::string& text) {
  std::ifstream file(path, std::ios::binary);
  std::string part(256 * kBlock, '\0');
  for (ByteOffset at = 0; file.read(part.data(), static_cast<std::streamsize>(part.size()));
       at += part.size()) {
    const std::size_t found = part.find(text);
    if (found != std::string::npos) return at + found;
  }
  throw std::runtime_error("there is no such text in " + path);
}

class PlacesTest : public testing::Test {
 protected:
  // A folder with /sub/app.log, whose third block begins with kText.
  void SetUp() override {
    std::filesystem::create_directories(files_ + "/sub");
    std::ofstream file(files_ + "/sub/app.log", std::ios::binary);
    file << std::string(2 * kBlock, 'x') << kText << std::string(2 * kBlock, 'y');
    ASSERT_TRUE(file.flush());
  }

  void make_disk(ByteCount size) const {
    std::ofstream(disk_).close();
    std::filesystem::resize_file(disk_, size);
  }

  [[nodiscard]] ByteRange text_block() const {
    const ByteOffset at = find_in(disk_, kText);
    return {at, at + kBlock};
  }

  [[nodiscard]] std::vector<std::string> names(const std::vector<ByteRange>& ranges) const {
    const auto places = find_places(disk_, directory_.path(), ranges);
    if (!places) throw std::runtime_error(places.error().message);
    EXPECT_EQ(places->note, "");
    return places->names;
  }

  test::TemporaryDirectory directory_;
  const std::string files_ = directory_ / "files";
  const std::string disk_ = directory_ / "disk.img";
};

TEST_F(PlacesTest, OfExt4) {
  if (!have_program("mkfs.ext4") || !have_program("debugfs"))
    GTEST_SKIP() << "no mkfs.ext4 or debugfs";
  make_disk(64 * kMiB);
  run_or_fail({"mkfs.ext4", "-q", "-b", "4096", "-d", files_, disk_});
  const ByteRange text = text_block();
  // The journal begins with its super block.
  const std::string journal("\xc0\x3b\x39\x98\0\0\0\4", 8);
  const ByteOffset journal_at = find_in(disk_, journal);
  EXPECT_THAT(names({text,
                     {0, 4096},
                     {4096, 8192},
                     {journal_at, journal_at + kBlock},
                     {text.begin - 2 * kBlock, text.begin + kBlock},
                     {63 * kMiB, 64 * kMiB}}),
              ElementsAre("/sub/app.log at byte 8192", "super block", "group descriptors",
                          "journal", "/sub/app.log at byte 0", ""));
}

TEST_F(PlacesTest, OfExt4StructuresAndDirectories) {
  if (!have_program("mkfs.ext4") || !have_program("debugfs"))
    GTEST_SKIP() << "no mkfs.ext4 or debugfs";
  make_disk(64 * kMiB);
  run_or_fail({"mkfs.ext4", "-q", "-b", "4096", "-d", files_, disk_});
  const std::string stats = run_or_fail({"debugfs", "-R", "stats", disk_});
  const auto block_behind = [&](const std::string& word) {
    const std::size_t at = stats.find(word);
    return at == std::string::npos ? 0 : std::stoull(stats.substr(at + word.size()));
  };
  const ByteOffset entry = find_in(disk_, "app.log");  // in its directory
  const auto block = [](std::uint64_t number) {
    return ByteRange{number * kBlock, (number + 1) * kBlock};
  };
  EXPECT_THAT(
      names({block(block_behind("block bitmap at ")), block(block_behind("inode bitmap at ")),
             block(block_behind("inode table at ")), block(entry / kBlock)}),
      ElementsAre("block bitmap of group 0", "inode bitmap of group 0", "inode table of group 0",
                  "directory /sub"));
}

TEST_F(PlacesTest, OfXfs) {
  if (!have_program("mkfs.xfs") || !have_program("xfs_db")) GTEST_SKIP() << "no mkfs.xfs or xfs_db";
  make_disk(320 * kMiB);
  const std::string prototype = directory_ / "prototype";
  std::ofstream(prototype) << "/dev/null\n0 0\nd--755 0 0\nsub d--755 0 0\napp.log ---644 0 0 "
                           << files_ << "/sub/app.log\n$\n$\n";
  run_or_fail({"mkfs.xfs", "-q", "-f", "-p", prototype, disk_});
  EXPECT_THAT(names({text_block(), {0, 512}}),
              ElementsAre("/sub/app.log", "super block and headers"));
}

TEST_F(PlacesTest, OfBtrfs) {
  if (!have_program("mkfs.btrfs") || !have_program("btrfs"))
    GTEST_SKIP() << "no mkfs.btrfs or btrfs";
  make_disk(128 * kMiB);
  run_or_fail({"mkfs.btrfs", "-q", "--rootdir", files_, disk_});
  EXPECT_THAT(names({text_block(), {64 * kKiB, 68 * kKiB}}),
              ElementsAre("/sub/app.log at byte 8192", "super block"));
}

TEST_F(PlacesTest, OfAnythingElseNothingIsSaid) {
  make_disk(64 * kKiB);
  EXPECT_THAT(names({{0, 512}, {4096, 8192}}), ElementsAre("", ""));
}

TEST_F(PlacesTest, AMissingProgramAndADamagedFileSystemLeaveANote) {
  if (!have_program("mkfs.ext4") || !have_program("debugfs"))
    GTEST_SKIP() << "no mkfs.ext4 or debugfs";
  make_disk(1 * kMiB);
  std::fstream disk(disk_, std::ios::in | std::ios::out | std::ios::binary);
  disk.seekp(1024 + 0x38);
  disk << "\x53\xef";
  disk.close();
  const auto places = find_places(disk_, directory_.path(), {{0, 512}});
  ASSERT_TRUE(places) << places.error().message;
  EXPECT_THAT(places->names, ElementsAre(""));
}

}  // namespace
}  // namespace powercut::check
