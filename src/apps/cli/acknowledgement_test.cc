// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/acknowledgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temporary_directory.h"

namespace powercut::apps {
namespace {

TEST(Acknowledgement, HasPathSizeAndHash) {
  const test::TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "mnt");
  std::filesystem::create_directory(directory / "mnt/d");
  std::filesystem::create_symlink(directory / "mnt", directory / "link");
  const std::string path = directory / "mnt/d/a b";
  std::ofstream(path) << "abc";
  // Of "abc" (FIPS 180-2, B.1).
  const std::string sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(*content_mark(path, directory / "mnt"),
            R"({"file":"d/a b","size":3,"sha256":")" + sha256 + "\"}");
  EXPECT_EQ(*content_mark(directory / "link/d/a b", directory / "mnt"),
            R"({"file":"d/a b","size":3,"sha256":")" + sha256 + "\"}");
  EXPECT_EQ(*content_mark(path, ""),
            R"({"file":")" + path + R"(","size":3,"sha256":")" + sha256 + "\"}");
  // Beside the mount point, though its name begins with the mount point's.
  std::ofstream(directory / "mnt2") << "";
  EXPECT_THAT(*content_mark(directory / "mnt2", directory / "mnt"),
              testing::StartsWith(R"({"file":")" + (directory / "mnt2") + R"(","size":0,)"));
}

TEST(Acknowledgement, HashesFilesLargerThanItsBuffer) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "large";
  std::ofstream(path).close();
  std::filesystem::resize_file(path, 1048576 + 1);
  // printf of 1048577 zero bytes | sha256sum
  EXPECT_THAT(
      *content_mark(path, ""),
      testing::HasSubstr(R"("size":1048577,"sha256":")"
                         "2cb74edba754a81d121c9db6833704a8e7d417e5b13d1a19f4a52f007d644264"));
}

TEST(Acknowledgement, ChangesSayWhetherTheFileIsThere) {
  const test::TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "d");
  std::filesystem::create_symlink(directory / "d", directory / "link");
  std::ofstream(directory / "d/old") << "x";
  EXPECT_EQ(*change_mark(directory / "link/old", directory.path(), false),
            R"({"changing":"d/old","exists":true})");
  EXPECT_EQ(*change_mark(directory / "link/new", directory.path(), false),
            R"({"changing":"d/new","exists":false})");
  EXPECT_EQ(*change_mark(directory / "d/new", directory.path(), true),
            R"({"changing":"d/new","exists":false,"in_place":true})");
}

TEST(Acknowledgement, OnlyWhatIsGoneHasBeenRemoved) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(*removal_mark(directory / "old", directory.path()), R"({"removed":"old"})");
  EXPECT_EQ(*removal_mark(directory / "d/old", directory.path()), R"({"removed":"d/old"})");
  std::filesystem::create_symlink("nowhere", directory / "old");
  EXPECT_EQ(removal_mark(directory / "old", directory.path()).error().kind, ErrorKind::kUsage);
}

TEST(Acknowledgement, NamesThatCannotBeWrittenAreErrors) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "\xff";
  std::ofstream(path) << "x";
  EXPECT_THAT(content_mark(path, "").error().message, testing::HasSubstr("not UTF-8"));
  EXPECT_THAT(content_mark(directory / "none", "").error().message, testing::HasSubstr("none"));
}

}  // namespace
}  // namespace powercut::apps
