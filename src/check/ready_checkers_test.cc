// SPDX-License-Identifier: Apache-2.0
// Those that need no mount, over file systems that their own programs have made.
#include "check/ready_checkers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/nbd_server.h"
#include "support/temporary_directory.h"

namespace powercut::check {
namespace {

using test::run_or_fail;

class ReadyCheckersTest : public testing::Test {
 protected:
  ReadyCheckersTest() : interrupt_(std::move(*Interrupt::make())) {}

  void make_disk(const std::string& file_system, ByteCount size, const std::string& option) {
    std::ofstream(disk_).close();
    std::filesystem::resize_file(disk_, 0);
    std::filesystem::resize_file(disk_, size);
    run_or_fail({"/bin/sh", "-c", R"(PATH="$PATH:/usr/sbin:/sbin"; exec "mkfs.$1" "$2" "$3")", "sh",
                 file_system, option, disk_});
  }

  // Of an ext file system, which is no longer marked as unmounted.
  void change(const std::string& request) const {
    for (const auto& each : {request, std::string("set_super_value state 0")}) {
      run_or_fail({"/bin/sh", "-c", R"(PATH="$PATH:/usr/sbin:/sbin"; exec debugfs -w -R "$1" "$2")",
                   "sh", each, disk_});
    }
  }

  void overwrite(ByteOffset at, const std::string& content) const {
    std::fstream file(disk_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at)).write(content.data(), std::ssize(content));
    ASSERT_TRUE(file.flush());
  }

  Verdict check(const std::string& file_system) {
    const auto checker = make_file_system_checker(file_system);
    const Status prepared = (*checker)->prepare();
    EXPECT_TRUE(prepared) << prepared.error().message;
    auto verdict = (*checker)->check({disk_}, {}, interrupt_);
    EXPECT_TRUE(verdict && *verdict);
    return verdict && *verdict ? **verdict : Verdict{};
  }

  void expect_pass(const std::string& file_system) {
    const Verdict verdict = check(file_system);
    EXPECT_TRUE(verdict.passed()) << verdict.step << ": " << verdict.output;
  }
  void expect_failure(const std::string& file_system, const std::string& step, int code) {
    const Verdict verdict = check(file_system);
    EXPECT_EQ(verdict.outcome, Outcome::kExitStatus) << verdict.output;
    EXPECT_EQ(verdict.step, step) << verdict.output;
    EXPECT_EQ(verdict.code, code) << verdict.output;
  }

  test::TemporaryDirectory directory_;
  const std::string disk_ = directory_ / "disk.img";
  Interrupt interrupt_;
};

TEST_F(ReadyCheckersTest, WhatABootPutsRightIsNoFailureOfExt2Alone) {
  make_disk("ext2", 8 * kMiB, "-qF");
  expect_pass("ext2");
  change("setb 7000");
  expect_pass("ext2");
  for (const std::string file_system : {"ext3", "ext4"}) {
    make_disk(file_system, 8 * kMiB, "-qF");
    expect_pass(file_system);
    change("setb 7000");
    expect_failure(file_system, "e2fsck -fn", 4);
  }
}

// It must not say of a damaged one that it passes; and it is worth having only if it says so of whole ones.
TEST_F(ReadyCheckersTest, OneE2fsckIsEnoughWhereItFindsNothing) {
  const auto takes_shortcut = [this] {
    const auto checker = *make_file_system_checker("ext4");
    EXPECT_TRUE(checker->prepare() && checker->has_shortcut());
    const auto verdict = checker->take_shortcut({disk_}, {}, interrupt_);
    EXPECT_TRUE(verdict);
    EXPECT_TRUE(!*verdict || (*verdict)->passed());
    return verdict->has_value();
  };
  const auto make = [this](const std::string& damage) {
    make_disk("ext4", 8 * kMiB, "-qF");
    change(damage);
  };
  for (const std::string harmless :
       {"set_super_value state 0", "set_super_value free_blocks_count 17",
        "set_super_value free_inodes_count 17"}) {
    make(harmless);
    expect_pass("ext4");
    make(harmless);
    EXPECT_TRUE(takes_shortcut()) << harmless;
  }
  for (const std::string damage : {"setb 7000", "clri <11>", "set_inode_field <2> links_count 7"}) {
    make(damage);
    EXPECT_FALSE(takes_shortcut()) << damage;
    make(damage);
    expect_failure("ext4", "e2fsck -fn", 4);
  }
}

// What no mount would accept; e2fsck asked to recover it repairs it, and finds nothing then.
TEST_F(ReadyCheckersTest, ARecoveryThatTakesARepairIsAFailure) {
  for (const std::string damage :
       {"clri <8>", "set_super_value journal_inum 0", "set_bg 0 free_blocks_count 17"}) {
    make_disk("ext4", 8 * kMiB, "-qF");
    change(damage);
    expect_failure("ext4", "e2fsck -y -E journal_only", 1);
  }
}

TEST_F(ReadyCheckersTest, Ext2FailsWhereAHumanIsNeeded) {
  make_disk("ext2", 8 * kMiB, "-qF");
  change("clri <2>");
  expect_failure("ext2", "e2fsck -p", 4);
}

TEST_F(ReadyCheckersTest, VfatIsRepaired) {
  make_disk("vfat", 8 * kMiB, "-I");
  expect_pass("vfat");
  std::ifstream file(disk_, std::ios::binary);
  file.seekg(0x36);
  std::string type(3, '\0');
  ASSERT_TRUE(file.read(type.data(), std::ssize(type)));
  ASSERT_EQ(type, "FAT") << "the place of the dirty bit is that of FAT12 and FAT16";
  overwrite(0x25, "\x01");
  expect_pass("vfat");
  overwrite(0, std::string(512, '\0'));
  expect_failure("vfat", "fsck.vfat -n", 1);
}

TEST_F(ReadyCheckersTest, F2fs) {
  constexpr ByteCount kSize = 64 * kMiB;
  make_disk("f2fs", kSize, "-q");
  expect_pass("f2fs");
  // The main area, which has the root directory in it.
  overwrite(14 * kMiB, std::string(kSize - 14 * kMiB, '\0'));
  expect_failure("f2fs", "fsck.f2fs -f --dry-run", 255);
}

TEST(ReadyCheckers, AreThoseThatAreNamed) {
  for (const auto& name : ready_file_systems())
    EXPECT_EQ((*make_file_system_checker(name))->description(), name);
  const auto other = make_file_system_checker("minix");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::kUsage);
}

}  // namespace
}  // namespace powercut::check
