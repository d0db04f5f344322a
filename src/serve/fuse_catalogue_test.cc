// SPDX-License-Identifier: Apache-2.0
#include "serve/fuse_catalogue.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/prng.h"
#include "base/unique_fd.h"
#include "block/memory_device.h"
#include "serve/fuse_catalogue_tree.h"
#include "support/temporary_directory.h"

namespace powercut::serve {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ByteCount kSize = 64 * kKiB;

// Files "0" to COUNT - 1, each filled with the lowest byte of its number; "last" is one of them, too.
class Numbers final : public FileSource {
 public:
  explicit Numbers(std::uint64_t count) : count_(count) {}

  Result<std::optional<std::uint64_t>> find(const std::string& name) override {
    if (name == "broken") return os_error("find", EIO);
    if (name == "last") return count_ - 1;
    std::uint64_t number = 0;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data(), end, number);
    if (error != std::errc() || stop != end || number >= count_) return std::nullopt;
    return number;
  }
  Status list(std::uint64_t first, const Sink& sink) override {
    for (std::uint64_t number = first; number < count_; ++number) {
      if (!sink(number, std::to_string(number))) break;
    }
    return {};
  }
  Result<std::shared_ptr<BlockDevice>> open(std::uint64_t number) override {
    ++opened_;
    auto device = std::make_shared<MemoryDevice>(kSize);
    const std::vector<std::byte> bytes(kSize, static_cast<std::byte>(number));
    EXPECT_TRUE(device->write(0, bytes, Fua::kNo));
    return std::shared_ptr<BlockDevice>(device);
  }
  [[nodiscard]] ByteCount size_bytes(std::uint64_t) const override { return kSize; }

  std::atomic<int> opened_ = 0;

 private:
  const std::uint64_t count_;
};

Catalogue catalogue_of(const std::shared_ptr<Numbers>& numbers) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  return {.folders = {{"a", numbers}, {"b", std::make_shared<Numbers>(3)}},
          .texts = {{"info", [calls] { return "call " + std::to_string(++*calls) + "\n"; }}}};
}

class TreeTest : public testing::Test {
 protected:
  InodeNumber look_up(const char* folder, const char* name) {
    return tree_.look_up(tree_.look_up(kRootInode, folder)->inode, name)->inode;
  }
  std::byte first_byte(InodeNumber inode) {
    std::vector<std::byte> bytes(1);
    const FuseVisit visit(tree_.find(inode));
    EXPECT_TRUE(visit && visit.device().read(0, bytes));
    return bytes[0];
  }
  void write(InodeNumber inode, unsigned char value) {
    const FuseVisit visit(tree_.find(inode));
    ASSERT_TRUE(visit);
    ASSERT_TRUE(visit.device().write(0, std::vector{std::byte{value}}, Fua::kNo));
  }

  std::shared_ptr<Numbers> numbers_ = std::make_shared<Numbers>(1000);
  FuseCatalogueTree tree_{catalogue_of(numbers_)};
};

TEST_F(TreeTest, LookingAndListingKeepsNothing) {
  const InodeNumber folder = tree_.look_up(kRootInode, "a")->inode;
  std::set<InodeNumber> inodes;
  std::uint64_t position = 0;
  ASSERT_TRUE(tree_.list(folder, position, [&](const FuseTree::Listed& listed) {
    EXPECT_EQ(tree_.look_up(folder, listed.name)->inode, listed.inode);
    EXPECT_EQ(tree_.attributes(listed.inode)->size_bytes, kSize);
    inodes.insert(listed.inode);
    position = listed.next;
    return listed.name != "499";
  }));
  ASSERT_TRUE(tree_.list(folder, position, [&](const FuseTree::Listed& listed) {
    inodes.insert(listed.inode);
    return true;
  }));
  EXPECT_EQ(inodes.size(), 1000u);
  EXPECT_EQ(tree_.nr_kept(), 0u);
  EXPECT_EQ(numbers_->opened_, 0);
}

TEST_F(TreeTest, NamesThatAreNot) {
  const InodeNumber folder = tree_.look_up(kRootInode, "a")->inode;
  EXPECT_EQ(tree_.look_up(kRootInode, "c").error().os_errno, ENOENT);
  EXPECT_EQ(tree_.look_up(folder, "1000").error().os_errno, ENOENT);
  EXPECT_EQ(tree_.look_up(folder, "broken").error().os_errno, EIO);
  EXPECT_EQ(tree_.look_up(look_up("a", "1"), "x").error().os_errno, ENOTDIR);
  EXPECT_EQ(tree_.attributes(4711), std::nullopt);
  EXPECT_FALSE(tree_.open(4711));
}

TEST_F(TreeTest, AFileIsKeptWhileItIsOpenOrWritten) {
  const InodeNumber inode = look_up("a", "7");
  EXPECT_EQ(look_up("a", "7"), inode);
  EXPECT_NE(look_up("b", "2"), look_up("a", "2"));
  ASSERT_TRUE(tree_.open(inode));
  ASSERT_TRUE(tree_.open(inode));
  EXPECT_EQ(numbers_->opened_, 1);
  EXPECT_EQ(first_byte(inode), std::byte{7});
  tree_.close(inode);
  EXPECT_EQ(tree_.nr_kept(), 1u);
  tree_.close(inode);
  EXPECT_EQ(tree_.nr_kept(), 0u);

  ASSERT_TRUE(tree_.open(inode));
  write(inode, 99);
  tree_.close(inode);
  EXPECT_EQ(tree_.nr_written(), 1u);
  ASSERT_TRUE(tree_.open(inode));
  EXPECT_EQ(first_byte(inode), std::byte{99});
  tree_.close(inode);
  const InodeNumber other = look_up("a", "8");
  ASSERT_TRUE(tree_.open(other));
  EXPECT_EQ(first_byte(other), std::byte{8});
  tree_.close(other);
}

TEST_F(TreeTest, RemovingResetsAndIsANewFile) {
  const InodeNumber folder = tree_.look_up(kRootInode, "a")->inode;
  const InodeNumber old = look_up("a", "999");
  ASSERT_TRUE(tree_.open(old));
  write(old, 99);
  // By another of its names.
  ASSERT_TRUE(tree_.remove(folder, "last"));
  const InodeNumber fresh = look_up("a", "999");
  EXPECT_NE(fresh, old);
  EXPECT_EQ(look_up("a", "last"), fresh);
  ASSERT_TRUE(tree_.open(fresh));
  EXPECT_EQ(first_byte(fresh), std::byte{999 % 256});
  EXPECT_EQ(first_byte(old), std::byte{99}) << "who has it open keeps it";
  write(fresh, 50);
  tree_.close(old);
  EXPECT_EQ(tree_.open(old).error().os_errno, ESTALE);
  tree_.close(fresh);
  EXPECT_EQ(tree_.nr_kept(), 1u);
  // And once more, while nobody has it open.
  ASSERT_TRUE(tree_.remove(folder, "999"));
  EXPECT_EQ(tree_.nr_kept(), 0u);
  EXPECT_EQ(tree_.open(fresh).error().os_errno, ESTALE);
  const InodeNumber third = look_up("a", "999");
  ASSERT_TRUE(tree_.open(third));
  EXPECT_EQ(first_byte(third), std::byte{999 % 256});
  tree_.close(third);
  // A file that is as at first stays what it is.
  ASSERT_TRUE(tree_.remove(folder, "5"));
  EXPECT_EQ(tree_.remove(folder, "1000").error().os_errno, ENOENT);
  EXPECT_EQ(tree_.remove(kRootInode, "info").error().os_errno, EPERM);
}

TEST_F(TreeTest, WithdrawnItHasNothingMore) {
  const InodeNumber inode = look_up("a", "1");
  ASSERT_TRUE(tree_.open(inode));
  tree_.withdraw_all();
  EXPECT_EQ(tree_.find(inode), nullptr);
  EXPECT_FALSE(tree_.open(inode));
  tree_.close(inode);
}

// On real mounts. Without FUSE they are skipped, unless CI is set: there that is a failure.
class CatalogueTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/fuse", R_OK | W_OK) != 0) {
      if (std::getenv("CI") != nullptr) FAIL() << "no /dev/fuse";
      GTEST_SKIP() << "no /dev/fuse";
    }
    std::filesystem::create_directory(root_);
    auto mount = FuseCatalogue::mount(root_, catalogue_of(numbers_), {});
    ASSERT_TRUE(mount) << mount.error().message;
    mount_ = std::move(*mount);
  }
  void TearDown() override {
    if (mount_ == nullptr) return;
    const Status status = mount_->unmount();
    EXPECT_TRUE(status) << status.error().message;
    EXPECT_THAT(names(root_), IsEmpty());
  }

  static std::vector<std::string> names(const std::string& path) {
    std::vector<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      result.push_back(entry.path().filename());
    return result;
  }
  [[nodiscard]] UniqueFd open(const std::string& name, int flags = O_RDWR) const {
    return UniqueFd(::open((root_ + "/" + name).c_str(), flags | O_CLOEXEC));
  }
  static int byte_at(const UniqueFd& fd, off_t offset) {
    unsigned char byte = 0;
    return ::pread(fd.get(), &byte, 1, offset) == 1 ? byte : -1;
  }
  static void write_at(const UniqueFd& fd, off_t offset, unsigned char byte) {
    ASSERT_EQ(::pwrite(fd.get(), &byte, 1, offset), 1) << std::strerror(errno);
  }

  const test::TemporaryDirectory directory_;
  const std::string root_ = directory_ / "mount";
  const std::shared_ptr<Numbers> numbers_ = std::make_shared<Numbers>(100'000);
  std::unique_ptr<FuseCatalogue> mount_;
};

TEST_F(CatalogueTest, FoldersAreListedInOrder) {
  EXPECT_THAT(names(root_), ElementsAre("a", "b", "info"));
  EXPECT_THAT(names(root_ + "/b"), ElementsAre("0", "1", "2"));
  const auto many = names(root_ + "/a");
  ASSERT_EQ(many.size(), 100'000u);
  EXPECT_EQ(many.back(), "99999");
  EXPECT_EQ(numbers_->opened_, 0);
  struct stat info {};
  ASSERT_EQ(::stat((root_ + "/a/77").c_str(), &info), 0);
  EXPECT_TRUE(S_ISREG(info.st_mode));
  EXPECT_EQ(info.st_size, static_cast<off_t>(kSize));
  ASSERT_EQ(::stat((root_ + "/a").c_str(), &info), 0);
  EXPECT_TRUE(S_ISDIR(info.st_mode));
  EXPECT_NE(::access((root_ + "/a/100000").c_str(), F_OK), 0);
}

TEST_F(CatalogueTest, WhatIsWrittenStaysWithTheFileUntilItIsRemoved) {
  write_at(open("a/5"), 100, 42);
  EXPECT_EQ(byte_at(open("a/5"), 100), 42);
  EXPECT_EQ(byte_at(open("a/5"), 99), 5);
  EXPECT_EQ(byte_at(open("a/6"), 100), 6);
  EXPECT_EQ(mount_->nr_written(), 1u);
  const UniqueFd kept = open("a/5");
  ASSERT_EQ(::unlink((root_ + "/a/5").c_str()), 0);
  EXPECT_EQ(byte_at(open("a/5"), 100), 5);
  EXPECT_EQ(byte_at(kept, 100), 42);
  write_at(kept, 100, 43);
  EXPECT_EQ(byte_at(kept, 100), 43);
  EXPECT_EQ(byte_at(open("a/5"), 100), 5);
  EXPECT_EQ(mount_->nr_written(), 0u);
}

TEST_F(CatalogueTest, WhatCannotBeDoneIsRefused) {
  EXPECT_EQ(::truncate((root_ + "/a/5").c_str(), 10), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_FALSE(open("a/5", O_WRONLY | O_TRUNC).valid());
  EXPECT_FALSE(open("a/new", O_WRONLY | O_CREAT).valid());
  EXPECT_FALSE(open("info").valid());
  EXPECT_EQ(::unlink((root_ + "/info").c_str()), -1);
  EXPECT_EQ(::rmdir((root_ + "/a").c_str()), -1);
  const UniqueFd fd = open("a/5");
  void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0);
  ASSERT_NE(shared, MAP_FAILED);
  EXPECT_EQ(*static_cast<const unsigned char*>(shared), 5);
  ::munmap(shared, 4096);
}

TEST_F(CatalogueTest, ATextIsMadeAnewEachTime) {
  const auto text = [&] {
    std::stringstream stream;
    stream << std::ifstream(root_ + "/info").rdbuf();
    return stream.str();
  };
  const std::string first = text();
  EXPECT_THAT(first, testing::MatchesRegex("call [0-9]+\n"));
  EXPECT_NE(text(), first);
}

TEST_F(CatalogueTest, ManyFilesAtOnce) {
  constexpr int kThreads = 32;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Prng prng(static_cast<std::uint64_t>(i));
      const std::string name = "a/" + std::to_string(i);
      int expected = i;
      for (int round = 0; round < 30; ++round) {
        const UniqueFd fd = open(name);
        if (byte_at(fd, 4096) != expected) ++wrong;
        if (byte_at(open("b/1"), 1) != 1) ++wrong;
        if (prng.one_in(3)) {
          if (::unlink((root_ + "/" + name).c_str()) != 0) ++wrong;
          expected = i;
        } else {
          expected = static_cast<int>(prng.below(256));
          write_at(fd, 4096, static_cast<unsigned char>(expected));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(CatalogueTest, UnmountWithAFileOpenCutsItOff) {
  const UniqueFd fd = open("a/5");
  ASSERT_TRUE(fd.valid());
  const Status status = mount_->unmount(std::chrono::milliseconds(50));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().os_errno, EBUSY);
  EXPECT_EQ(byte_at(fd, 0), -1);
}

}  // namespace
}  // namespace powercut::serve
