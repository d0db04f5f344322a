// SPDX-License-Identifier: Apache-2.0
// On real loop devices. Without root or a loop driver they are skipped, unless CI is set.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/subprocess.h"
#include "block/memory_device.h"
#include "serve/fuse_folder.h"
#include "serve/loop_device.h"
#include "serve/mount.h"
#include "support/temporary_directory.h"

namespace powercut::serve {
namespace {

using namespace std::chrono_literals;

class LoopTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() == 0 && ::access("/dev/loop-control", R_OK | W_OK) == 0) return;
    if (std::getenv("CI") != nullptr) FAIL() << "no root or no loop driver";
    GTEST_SKIP() << "no root or no loop driver";
  }

  void make_image(const std::string& path, ByteCount size) {
    std::ofstream(path).close();
    std::filesystem::resize_file(path, size);
  }
  void make_ext4(const std::string& path) {
    const auto result = run_subprocess({.argv = {"mkfs.ext4", "-q", "-F", path}}, 60s);
    ASSERT_TRUE(result && result->succeeded());
  }

  test::TemporaryDirectory directory_;
  std::vector<std::string> notices_;
  const Notice notice_ = [this](const std::string& text) { notices_.push_back(text); };
};

TEST_F(LoopTest, HasTheSectorSizeThatWasAskedFor) {
  const std::string image = directory_ / "image";
  make_image(image, 8 * kMiB);
  for (const std::uint32_t size : {512u, 4096u}) {
    auto loop = LoopDevice::attach(image, size);
    ASSERT_TRUE(loop) << loop.error().message;
    EXPECT_EQ(loop_backing_file(loop->path()), image);
    const UniqueFd fd(::open(loop->path().c_str(), O_RDONLY | O_CLOEXEC));
    int found = 0;
    ASSERT_EQ(::ioctl(fd.get(), BLKSSZGET, &found), 0);
    EXPECT_EQ(found, static_cast<int>(size));
    EXPECT_EQ(loop->detach(50ms).error().os_errno, EBUSY);  // fd still has it open
  }
}

TEST_F(LoopTest, DetachingFreesTheFile) {
  const std::string image = directory_ / "image";
  make_image(image, kMiB);
  auto loop = LoopDevice::attach(image, 512);
  ASSERT_TRUE(loop) << loop.error().message;
  const std::string path = loop->path();
  ASSERT_TRUE(loop->detach());
  EXPECT_NE(loop_backing_file(path), image);
  EXPECT_TRUE(loop->detach());
}

TEST_F(LoopTest, DevicesThatOthersLeftAreFoundByTheirFile) {
  const std::string image = directory_ / "image";
  const std::string other = directory_ / "other";
  make_image(image, kMiB);
  make_image(other, kMiB);
  auto loop = LoopDevice::attach(image, 512);
  auto other_loop = LoopDevice::attach(other, 512);
  ASSERT_TRUE(loop && other_loop);
  EXPECT_THAT(detach_loop_devices_of(image), testing::ElementsAre(loop->path()));
  EXPECT_EQ(loop_backing_file(other_loop->path()), other);
  ASSERT_TRUE(loop->detach());
  EXPECT_THAT(detach_loop_devices_of(image), testing::IsEmpty());
}

TEST_F(LoopTest, AMissingFileIsNamed) {
  EXPECT_THAT(LoopDevice::attach(directory_ / "none", 512).error().message,
              testing::HasSubstr("none"));
}

TEST_F(LoopTest, MountsOnADeviceServedByThisProcess) {
  const std::string place = directory_ / "disk";
  std::ofstream(place).close();
  const auto device = std::make_shared<MemoryDevice>(32 * kMiB);
  auto file = FuseFile::mount(place, device, {.is_below_file_system = true, .notice = notice_});
  ASSERT_TRUE(file) << file.error().message;
  auto loop = LoopDevice::attach(place, 512);
  ASSERT_TRUE(loop) << loop.error().message;
  EXPECT_TRUE(loop->is_direct());
  make_ext4(loop->path());
  const std::string mount_point = directory_ / "mnt";
  std::filesystem::create_directory(mount_point);
  for (int round = 0; round < 3; ++round) {
    auto mount = Mount::make(loop->path(), mount_point, "ext4", "noatime,discard", notice_);
    ASSERT_TRUE(mount) << mount.error().message;
    EXPECT_TRUE(*is_mount_point(mount_point));
    std::ofstream(mount_point + "/file" + std::to_string(round)) << std::string(100'000, 'x');
    EXPECT_EQ(std::filesystem::file_size(mount_point + "/file0"), 100'000u);
    ASSERT_TRUE(mount->unmount());
    EXPECT_FALSE(*is_mount_point(mount_point));
  }
  ASSERT_TRUE(loop->detach());
  ASSERT_TRUE((*file)->unmount());
  EXPECT_THAT(notices_, testing::IsEmpty());
  const std::string copy = directory_ / "copy";
  const auto content = device->content();
  std::ofstream(copy, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
  const auto result = run_subprocess(
      {.argv = {"e2fsck", "-fn", copy}, .output = SubprocessOptions::Output::kCapture}, 60s);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->succeeded()) << result->output;
}

TEST_F(LoopTest, ThroughTheCacheOfAFileWithAnotherContentEachTime) {
  const std::string place = directory_ / "disks";
  std::filesystem::create_directory(place);
  auto folder = FuseFolder::mount(
      place, {.is_below_file_system = true, .caching = FuseCaching{}, .notice = notice_});
  ASSERT_TRUE(folder) << folder.error().message;
  for (const char letter : {'a', 'b', 'c'}) {
    const auto device = std::make_shared<MemoryDevice>(kMiB);
    const std::vector<std::byte> content(kMiB, static_cast<std::byte>(letter));
    ASSERT_TRUE(device->write(0, content, Fua::kNo));
    const auto path = (*folder)->publish("state", device);
    ASSERT_TRUE(path);
    auto loop = LoopDevice::attach(*path, 512, LoopIo::kCached);
    ASSERT_TRUE(loop) << loop.error().message;
    EXPECT_FALSE(loop->is_direct());
    {
      const UniqueFd fd(::open(loop->path().c_str(), O_RDWR | O_CLOEXEC));
      std::vector<std::byte> found(kMiB);
      ASSERT_EQ(::pread(fd.get(), found.data(), kMiB, 0), static_cast<ssize_t>(kMiB));
      EXPECT_EQ(found, content);
      ASSERT_EQ(::pwrite(fd.get(), "written", 7, 512), 7);
      ASSERT_EQ(::fsync(fd.get()), 0);
    }
    ASSERT_TRUE(loop->detach());
    std::vector<std::byte> written(7);
    ASSERT_TRUE(device->read(512, written));
    EXPECT_EQ(std::memcmp(written.data(), "written", 7), 0);
    ASSERT_TRUE((*folder)->withdraw("state"));
  }
}

TEST_F(LoopTest, ABusyMountIsDetachedAndItsUserNamed) {
  const std::string image = directory_ / "image";
  make_image(image, 32 * kMiB);
  make_ext4(image);
  auto loop = LoopDevice::attach(image, 512);
  ASSERT_TRUE(loop);
  const std::string mount_point = directory_ / "mnt";
  std::filesystem::create_directory(mount_point);
  auto mount = Mount::make(loop->path(), mount_point, "ext4", "", notice_);
  ASSERT_TRUE(mount) << mount.error().message;
  {
    const auto user =
        Subprocess::start({.argv = {"sleep", "60"}, .working_directory = mount_point});
    ASSERT_TRUE(user);
    EXPECT_THAT(users_of(mount_point), testing::HasSubstr("(" + std::to_string(user->pid()) + ")"));
    EXPECT_EQ(mount->unmount(100ms).error().os_errno, EBUSY);
    ASSERT_EQ(notices_.size(), 1u);
    EXPECT_THAT(notices_[0], testing::HasSubstr("sleep (" + std::to_string(user->pid()) + ")"));
    EXPECT_FALSE(*is_mount_point(mount_point));
  }
  EXPECT_TRUE(loop->detach());
}

TEST_F(LoopTest, MountErrorsSayWhatToDo) {
  const std::string image = directory_ / "image";
  make_image(image, kMiB);
  auto loop = LoopDevice::attach(image, 512);
  ASSERT_TRUE(loop);
  const auto wrong = Mount::make(loop->path(), directory_.path(), "ext4", "ro", notice_);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message,
              testing::HasSubstr("cannot mount ext4 '" + loop->path() + "'"));
  EXPECT_THAT(Mount::make(loop->path(), directory_.path(), "nosuchfs", "", notice_).error().message,
              testing::HasSubstr("this kernel has no nosuchfs"));
  EXPECT_TRUE(loop->detach());
}

}  // namespace
}  // namespace powercut::serve
