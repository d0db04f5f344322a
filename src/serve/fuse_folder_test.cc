// SPDX-License-Identifier: Apache-2.0
// On real mounts. Without FUSE they are skipped, unless CI is set: there that is a failure.
#include "serve/fuse_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/prng.h"
#include "base/subprocess.h"
#include "base/unique_fd.h"
#include "block/faulty_device.h"
#include "block/memory_device.h"
#include "block/overlay_device.h"
#include "serve/fuse_nodes.h"
#include "support/temporary_directory.h"

namespace powercut::serve {
namespace {

using namespace std::chrono_literals;

constexpr ByteCount kSize = 4 * kMiB + 512;

// A device that remembers what it was asked for.
class Witness {
 public:
  explicit Witness(ByteCount size = kSize)
      : memory_(std::make_shared<MemoryDevice>(size)),
        device_(std::make_shared<WitnessDevice>(*this)) {}

  struct Seen {
    Request::Kind kind;
    ByteRange range;
    Fua fua = Fua::kNo;
    Unmap unmap = Unmap::kNo;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  [[nodiscard]] std::shared_ptr<BlockDevice> device() const { return device_; }
  [[nodiscard]] MemoryDevice& memory() { return *memory_; }
  std::vector<Seen> take() {
    const MutexLock lock(mutex_);
    return std::exchange(seen_, {});
  }
  void fail_with(int error) { error_ = error; }

 private:
  class WitnessDevice final : public BlockDevice {
   public:
    explicit WitnessDevice(Witness& owner) : owner_(owner) {}
    [[nodiscard]] const std::string& name() const override { return owner_.memory_->name(); }
    [[nodiscard]] ByteCount size_bytes() const override { return owner_.memory_->size_bytes(); }
    Status read(ByteOffset offset, MutableBytes buffer) override {
      POWERCUT_TRY_STATUS(owner_.see({Request::Kind::kRead, {offset, offset + buffer.size()}}));
      return owner_.memory_->read(offset, buffer);
    }
    Status write(ByteOffset offset, ConstBytes bytes, Fua fua) override {
      POWERCUT_TRY_STATUS(
          owner_.see({Request::Kind::kWrite, {offset, offset + bytes.size()}, fua}));
      return owner_.memory_->write(offset, bytes, fua);
    }
    Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) override {
      POWERCUT_TRY_STATUS(owner_.see({Request::Kind::kZeroes, range, fua, unmap}));
      return owner_.memory_->write_zeroes(range, unmap, fua);
    }
    Status discard(ByteRange range, Fua fua) override {
      return owner_.see({Request::Kind::kDiscard, range, fua});
    }
    Status flush() override { return owner_.see({Request::Kind::kFlush, {}}); }
    // Data from 1 MiB to 2 MiB.
    Result<std::optional<ByteRange>> next_data(ByteOffset offset) override {
      if (offset >= 2 * kMiB) return std::nullopt;
      return ByteRange{std::max<ByteOffset>(offset, kMiB), 2 * kMiB};
    }

   private:
    Witness& owner_;
  };

  Status see(Seen seen) {
    const MutexLock lock(mutex_);
    seen_.push_back(seen);
    if (error_ != 0) return os_error("planned", error_);
    return {};
  }

  const std::shared_ptr<MemoryDevice> memory_;
  const std::shared_ptr<WitnessDevice> device_;
  std::atomic<int> error_ = 0;
  Mutex mutex_;
  std::vector<Seen> seen_ POWERCUT_GUARDED_BY(mutex_);
};

class FuseTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/fuse", R_OK | W_OK) == 0) return;
    if (std::getenv("CI") != nullptr) FAIL() << "no /dev/fuse";
    GTEST_SKIP() << "no /dev/fuse";
  }
  void TearDown() override {
    const auto mounts = list_mounts();
    ASSERT_TRUE(mounts);
    for (const auto& mount : *mounts) {
      EXPECT_THAT(mount.mount_point, testing::Not(testing::StartsWith(directory_.path())));
    }
  }

  std::unique_ptr<FuseFolder> mount_folder(std::optional<FuseCaching> caching = {}) {
    const std::string path = directory_ / "folder";
    std::filesystem::create_directory(path);
    auto folder = FuseFolder::mount(
        path, {.caching = caching,
               .notice = [this](const std::string& text) { notices_.push_back(text); }});
    if (!folder) throw std::runtime_error(folder.error().message);
    return std::move(*folder);
  }
  std::unique_ptr<FuseFile> mount_file(std::shared_ptr<BlockDevice> device) {
    const std::string path = directory_ / "disk";
    std::ofstream(path) << "hidden";
    auto file =
        FuseFile::mount(path, std::move(device),
                        {.notice = [this](const std::string& text) { notices_.push_back(text); }});
    if (!file) throw std::runtime_error(file.error().message);
    return std::move(*file);
  }

  test::TemporaryDirectory directory_;
  std::vector<std::string> notices_;
};

UniqueFd open_file(const std::string& path, int flags = O_RDWR) {
  return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC));
}

std::vector<std::byte> random_bytes(std::uint64_t seed, std::size_t size) {
  std::vector<std::byte> bytes(size);
  Prng(seed).fill(bytes);
  return bytes;
}

std::vector<std::byte> read_bytes(int fd, off_t offset, std::size_t size) {
  std::vector<std::byte> bytes(size);
  const ssize_t n = ::pread(fd, bytes.data(), size, offset);
  bytes.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return bytes;
}

TEST_F(FuseTest, AFileIsTheDevice) {
  Witness witness;
  const auto file = mount_file(witness.device());
  struct stat info {};
  ASSERT_EQ(::stat(file->path().c_str(), &info), 0);
  EXPECT_TRUE(S_ISREG(info.st_mode));
  EXPECT_EQ(info.st_size, static_cast<off_t>(kSize));

  const UniqueFd fd = open_file(file->path());
  ASSERT_TRUE(fd.valid());
  Prng prng(1);
  for (int i = 0; i < 50; ++i) {
    const auto offset = prng.below(kSize - 1);
    const auto bytes =
        random_bytes(prng(), prng.between(1, std::min<ByteCount>(kSize - offset, 200'000)));
    ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(read_bytes(fd.get(), static_cast<off_t>(offset), bytes.size()), bytes);
  }
  EXPECT_EQ(read_bytes(fd.get(), 0, kSize), witness.memory().content());
}

TEST_F(FuseTest, EachRequestArrivesOnceAndAsItWasSent) {
  using Kind = Request::Kind;
  Witness witness;
  const auto file = mount_file(witness.device());
  const UniqueFd fd = open_file(file->path());
  const auto bytes = random_bytes(2, kMiB);
  witness.take();

  ASSERT_EQ(::pwrite(fd.get(), bytes.data(), 1000, 77), 1000);
  EXPECT_EQ(witness.take(), (std::vector<Witness::Seen>{{Kind::kWrite, {77, 1077}}}));
  ASSERT_EQ(::pwrite(fd.get(), bytes.data(), kMiB, 4096), static_cast<ssize_t>(kMiB));
  ByteCount written = 0;
  for (const auto& seen : witness.take()) written += seen.range.size();
  EXPECT_EQ(written, kMiB);
  ASSERT_EQ(::fsync(fd.get()), 0);
  EXPECT_EQ(witness.take(), (std::vector<Witness::Seen>{{Kind::kFlush, {}}}));
  ASSERT_EQ(::fdatasync(fd.get()), 0);
  EXPECT_EQ(witness.take(), (std::vector<Witness::Seen>{{Kind::kFlush, {}}}));

  ASSERT_EQ(::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 512, 1024), 0);
  EXPECT_EQ(witness.take(),
            (std::vector<Witness::Seen>{{Kind::kZeroes, {512, 1536}, Fua::kNo, Unmap::kYes}}));
  ASSERT_EQ(::fallocate(fd.get(), FALLOC_FL_ZERO_RANGE, 4096, 4096), 0);
  EXPECT_EQ(witness.take(),
            (std::vector<Witness::Seen>{{Kind::kZeroes, {4096, 8192}, Fua::kNo, Unmap::kNo}}));
  ASSERT_EQ(::fallocate(fd.get(), 0, 0, static_cast<off_t>(kSize)), 0);
  EXPECT_THAT(witness.take(), testing::IsEmpty());
  EXPECT_EQ(read_bytes(fd.get(), 512, 1024), std::vector<std::byte>(1024));
}

TEST_F(FuseTest, WritesOfASynchronousFileAreFua) {
  using Kind = Request::Kind;
  Witness witness;
  const auto file = mount_file(witness.device());
  for (const int flag : {O_SYNC, O_DSYNC}) {
    const UniqueFd fd = open_file(file->path(), O_RDWR | flag);
    witness.take();
    ASSERT_EQ(::pwrite(fd.get(), "12345678", 8, 8), 8);
    EXPECT_EQ(witness.take(), (std::vector<Witness::Seen>{{Kind::kWrite, {8, 16}, Fua::kYes}}));
  }
  const UniqueFd fd = open_file(file->path());
  iovec piece{const_cast<char*>("x"), 1};
  witness.take();
  ASSERT_EQ(::pwritev2(fd.get(), &piece, 1, 5, RWF_DSYNC), 1);
  EXPECT_EQ(witness.take(), (std::vector<Witness::Seen>{{Kind::kWrite, {5, 6}, Fua::kYes}}));
}

TEST_F(FuseTest, ErrorsReachTheClientByNumber) {
  Witness witness;
  const auto file = mount_file(witness.device());
  const UniqueFd fd = open_file(file->path());
  for (const int error : {EIO, ENOSPC, EDQUOT}) {
    witness.fail_with(error);
    char byte = 'x';
    EXPECT_EQ(::pwrite(fd.get(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, error);
    EXPECT_EQ(::pread(fd.get(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, error);
    EXPECT_EQ(::fsync(fd.get()), -1);
    EXPECT_EQ(errno, error);
    EXPECT_EQ(::fallocate(fd.get(), FALLOC_FL_ZERO_RANGE, 0, 512), -1);
    EXPECT_EQ(errno, error);
  }
  witness.fail_with(0);
  EXPECT_EQ(::fsync(fd.get()), 0);
}

TEST_F(FuseTest, TheSizeIsFixed) {
  Witness witness;
  const auto file = mount_file(witness.device());
  const UniqueFd fd = open_file(file->path());
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(kSize)), 0);
  EXPECT_EQ(::ftruncate(fd.get(), 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(kSize + 1)), -1);
  EXPECT_EQ(::fallocate(fd.get(), 0, 0, static_cast<off_t>(kSize + 1)), -1);
  EXPECT_EQ(errno, EFBIG);
  EXPECT_EQ(::open(file->path().c_str(), O_RDWR | O_TRUNC), -1);
  const auto bytes = random_bytes(3, 1024);
  EXPECT_EQ(::pwrite(fd.get(), bytes.data(), 1024, static_cast<off_t>(kSize - 512)), 512);
  EXPECT_EQ(::pwrite(fd.get(), bytes.data(), 1, static_cast<off_t>(kSize)), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(read_bytes(fd.get(), static_cast<off_t>(kSize - 512), 1024).size(), 512u);
  EXPECT_EQ(read_bytes(fd.get(), static_cast<off_t>(kSize), 1024).size(), 0u);
  EXPECT_EQ(::futimens(fd.get(), nullptr), 0);
}

TEST_F(FuseTest, HolesMappingsAndStatistics) {
  Witness witness;
  const auto bytes = random_bytes(4, kMiB);
  ASSERT_TRUE(witness.memory().write(kMiB, bytes, Fua::kNo));
  const auto file = mount_file(witness.device());
  const UniqueFd fd = open_file(file->path());
  EXPECT_EQ(::lseek(fd.get(), 0, SEEK_DATA), static_cast<off_t>(kMiB));
  EXPECT_EQ(::lseek(fd.get(), 0, SEEK_HOLE), 0);
  EXPECT_EQ(::lseek(fd.get(), kMiB + 5, SEEK_DATA), static_cast<off_t>(kMiB + 5));
  EXPECT_EQ(::lseek(fd.get(), kMiB, SEEK_HOLE), static_cast<off_t>(2 * kMiB));
  EXPECT_EQ(::lseek(fd.get(), 2 * kMiB, SEEK_DATA), -1);
  EXPECT_EQ(errno, ENXIO);
  EXPECT_EQ(::lseek(fd.get(), 0, SEEK_END), static_cast<off_t>(kSize));

  void* mapping = ::mmap(nullptr, kMiB, PROT_READ, MAP_PRIVATE, fd.get(), kMiB);
  ASSERT_NE(mapping, MAP_FAILED);
  EXPECT_EQ(std::memcmp(mapping, bytes.data(), bytes.size()), 0);
  ::munmap(mapping, kMiB);

  struct statvfs statistics {};
  ASSERT_EQ(::statvfs(file->path().c_str(), &statistics), 0);
  EXPECT_EQ(statistics.f_blocks, kSize / statistics.f_frsize);
}

TEST_F(FuseTest, AFolderPublishesAndWithdraws) {
  const auto folder = mount_folder();
  const auto device = std::make_shared<MemoryDevice>(kSize);
  const auto path = folder->publish("a", device);
  ASSERT_TRUE(path);
  EXPECT_EQ(*path, folder->path() + "/a");
  EXPECT_EQ(folder->publish("a", device).error().os_errno, EEXIST);
  for (const char* bad : {"", ".", "..", "x/y"})
    EXPECT_EQ(folder->publish(bad, device).error().os_errno, EINVAL);
  ASSERT_TRUE(folder->publish("b", device));

  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder->path()))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre("a", "b"));

  const UniqueFd fd = open_file(*path);
  ASSERT_TRUE(fd.valid());
  ASSERT_EQ(::pwrite(fd.get(), "hello", 5, 0), 5);
  EXPECT_TRUE(folder->withdraw("a"));
  EXPECT_FALSE(folder->withdraw("a"));
  EXPECT_EQ(::access(path->c_str(), F_OK), -1);
  EXPECT_EQ(errno, ENOENT);
  char byte = 0;
  EXPECT_EQ(::pread(fd.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(::access((folder->path() + "/b").c_str(), F_OK), 0);
}

TEST_F(FuseTest, WithdrawingLetsGoOfTheDevice) {
  const auto folder = mount_folder();
  auto device = std::make_shared<MemoryDevice>(kSize);
  const std::weak_ptr<MemoryDevice> watch = device;
  ASSERT_TRUE(folder->publish("a", std::move(device)));
  EXPECT_FALSE(watch.expired());
  folder->withdraw("a");
  EXPECT_TRUE(watch.expired());
}

// The one thing that would make every verdict worthless: content of an earlier state under a name
// used again.
TEST_F(FuseTest, ANameUsedAgainNeverShowsOldContent) {
  const auto folder = mount_folder();
  for (std::uint64_t i = 0; i < 300; ++i) {
    const auto device = std::make_shared<MemoryDevice>(64 * kKiB + i % 3 * 4096);
    const auto bytes = random_bytes(i, 4096);
    ASSERT_TRUE(device->write(8192, bytes, Fua::kNo));
    const auto path = folder->publish("state", device);
    ASSERT_TRUE(path);
    const UniqueFd fd = open_file(*path);
    ASSERT_EQ(read_bytes(fd.get(), 8192, 4096), bytes);
    void* mapping = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd.get(), 8192);
    ASSERT_NE(mapping, MAP_FAILED);
    ASSERT_EQ(std::memcmp(mapping, bytes.data(), 4096), 0);
    ::munmap(mapping, 4096);
    ASSERT_EQ(::lseek(fd.get(), 0, SEEK_END), static_cast<off_t>(device->size_bytes()));
    ASSERT_TRUE(folder->withdraw("state"));
  }
}

TEST_F(FuseTest, WithdrawingWaitsForARequestInFlight) {
  const auto folder = mount_folder();
  std::atomic<bool> inside = false;
  std::atomic<bool> go_on = false;
  const auto slow =
      std::make_shared<FaultyDevice>(std::make_shared<MemoryDevice>(kSize),
                                     [&](Request::Kind kind, ByteRange, std::uint64_t) -> Status {
                                       if (kind != Request::Kind::kWrite) return {};
                                       inside = true;
                                       while (!go_on) std::this_thread::sleep_for(1ms);
                                       return {};
                                     });
  const auto path = folder->publish("slow", slow);
  const UniqueFd fd = open_file(*path);
  std::thread writer([&] { EXPECT_EQ(::pwrite(fd.get(), "x", 1, 0), 1); });
  while (!inside) std::this_thread::sleep_for(1ms);
  std::atomic<bool> withdrawn = false;
  std::thread withdrawer([&] {
    folder->withdraw("slow");
    withdrawn = true;
  });
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(withdrawn);
  go_on = true;
  withdrawer.join();
  writer.join();
  EXPECT_TRUE(withdrawn);
}

TEST_F(FuseTest, RequestsToOneFileRunInParallel) {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  const auto slow = std::make_shared<FaultyDevice>(
      std::make_shared<MemoryDevice>(kSize),
      [&](Request::Kind, ByteRange, std::uint64_t) -> Status {
        const int now = ++inside;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::sleep_for(50ms);
        --inside;
        return {};
      });
  const auto file = mount_file(slow);
  const UniqueFd fd = open_file(file->path());
  const auto run = [&](auto operation) {
    most = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { EXPECT_EQ(operation(i * 4096), 1); });
    for (auto& thread : threads) thread.join();
    return most.load();
  };
  char bytes[4] = {};
  EXPECT_GT(run([&](off_t offset) { return ::pread(fd.get(), &bytes[offset / 4096], 1, offset); }),
            1);
  EXPECT_GT(run([&](off_t offset) { return ::pwrite(fd.get(), "x", 1, offset); }), 1);
}

TEST_F(FuseTest, ManyThreadsPublishUseAndWithdraw) {
  const auto folder = mount_folder();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto base = std::make_shared<MemoryDevice>(256 * kKiB);
        const std::shared_ptr<OverlayDevice> overlay = std::move(*OverlayDevice::make(base));
        const auto path = folder->publish("job" + std::to_string(t), overlay);
        ASSERT_TRUE(path) << path.error().message;
        const UniqueFd fd = open_file(*path);
        const auto bytes = random_bytes(static_cast<std::uint64_t>(t * 1000 + i), 10'000);
        ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), 5000), 10'000);
        ASSERT_EQ(read_bytes(fd.get(), 5000, 10'000), bytes);
        folder->withdraw("job" + std::to_string(t));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(FuseTest, UnmountingByHandEndsTheMountCleanly) {
  Witness witness;
  const auto file = mount_file(witness.device());
  pollfd ended{file->ended_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 0), 0);
  const auto result = run_subprocess({.argv = {"fusermount3", "-u", file->path()}}, 10s);
  ASSERT_TRUE(result && result->succeeded());
  EXPECT_EQ(::poll(&ended, 1, 5000), 1);
  EXPECT_TRUE(file->unmount());
  EXPECT_THAT(notices_, testing::IsEmpty());
  EXPECT_TRUE(file->unmount());  // once more is no error
}

TEST_F(FuseTest, AMountInUseIsCutOffAndSaysSo) {
  Witness witness;
  const auto file = mount_file(witness.device());
  const UniqueFd fd = open_file(file->path());
  const Status status = file->unmount(200ms);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().os_errno, EBUSY);
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_THAT(notices_[0], testing::HasSubstr("still in use by"));
  char byte = 0;
  EXPECT_EQ(::pread(fd.get(), &byte, 1, 0), -1);
}

TEST_F(FuseTest, AMountInUseIsWaitedForWhileItIsServed) {
  Witness witness;
  const auto file = mount_file(witness.device());
  UniqueFd fd = open_file(file->path());
  std::thread user([&] {
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(::pwrite(fd.get(), "late", 4, 0), 4);
    fd.reset();
  });
  EXPECT_TRUE(file->unmount(10s));
  user.join();
  EXPECT_THAT(notices_, testing::IsEmpty());
}

TEST_F(FuseTest, TheWrongPlaceIsRefused) {
  const auto device = std::make_shared<MemoryDevice>(512);
  EXPECT_THAT(FuseFile::mount(directory_.path(), device).error().message,
              testing::HasSubstr("not a regular file"));
  EXPECT_THAT(FuseFolder::mount(directory_ / "none").error().message,
              testing::HasSubstr("No such file"));
}

TEST(FuseNodes, InodesAreNeverUsedAgain) {
  FuseNodes nodes;
  const auto device = std::make_shared<MemoryDevice>(512);
  ASSERT_TRUE(nodes.publish("a", device));
  const InodeNumber first = nodes.look_up(kRootInode, "a")->inode;
  ASSERT_TRUE(nodes.withdraw("a"));
  ASSERT_TRUE(nodes.publish("a", device));
  EXPECT_NE(nodes.look_up(kRootInode, "a")->inode, first);
  EXPECT_EQ(nodes.find(first), nullptr);
}

// Whatever a client reads of a cached file, the device has been asked for first.
TEST_F(FuseTest, EachPageOfACachedFileIsReadBeforeAnybodyHasIt) {
  constexpr ByteCount kPage = 4096;
  Witness witness;
  const auto content = random_bytes(5, kSize);
  ASSERT_TRUE(witness.memory().write(0, content, Fua::kNo));
  const auto folder = mount_folder(FuseCaching{});
  Prng prng(6);
  for (int round = 0; round < 20; ++round) {
    const auto path = folder->publish("state", witness.device());
    ASSERT_TRUE(path);
    std::vector<bool> was_read(kSize / kPage + 1);
    for (int step = 0; step < 8; ++step) {
      const UniqueFd fd = open_file(*path, O_RDONLY);
      const auto offset = prng.below(kSize);
      const auto length = std::min(1 + prng.below(20'000), kSize - offset);
      const auto expected = ConstBytes(content).subspan(offset, length);
      const auto bytes = read_bytes(fd.get(), static_cast<off_t>(offset), length);
      ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end()));
      for (const auto& seen : witness.take()) {
        ASSERT_EQ(seen.kind, Request::Kind::kRead);
        for (auto page = seen.range.begin / kPage; page * kPage < seen.range.end; ++page) {
          EXPECT_FALSE(was_read[page]) << "page " << page << " is read twice";
          was_read[page] = true;
        }
      }
      for (auto page = offset / kPage; page * kPage < offset + length; ++page)
        EXPECT_TRUE(was_read[page]) << "page " << page;
    }
    ASSERT_TRUE(folder->withdraw("state"));
  }
}

TEST_F(FuseTest, ACachedFileIsForgottenWhenItIsWithdrawn) {
  const auto folder = mount_folder(FuseCaching{});
  for (const char letter : {'a', 'b', 'c'}) {
    const auto device = std::make_shared<MemoryDevice>(kSize);
    const std::vector<std::byte> content(8192, static_cast<std::byte>(letter));
    ASSERT_TRUE(device->write(0, content, Fua::kNo));
    const auto path = folder->publish("state", device);
    ASSERT_TRUE(path);
    const UniqueFd fd = open_file(*path);
    EXPECT_EQ(read_bytes(fd.get(), 0, 8192), content);
    const std::vector<std::byte> written(100, std::byte{'w'});
    ASSERT_EQ(::pwrite(fd.get(), written.data(), 100, 50), 100);
    ASSERT_TRUE(folder->withdraw("state"));
    EXPECT_THAT(read_bytes(fd.get(), 0, 8192), testing::IsEmpty());
    EXPECT_FALSE(open_file(*path).valid());
  }
}

TEST_F(FuseTest, WritesToACachedFileAreSeenAtOnceAndAreInTheDeviceAfterAnFsync) {
  Witness witness;
  const auto folder = mount_folder(FuseCaching{});
  const auto path = folder->publish("state", witness.device());
  ASSERT_TRUE(path);
  const UniqueFd fd = open_file(*path);
  const UniqueFd other = open_file(*path, O_RDONLY);
  const auto bytes = random_bytes(7, 3000);
  for (const off_t offset : {0, 1000, 5000, static_cast<int>(kSize) - 3000}) {
    ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), offset), 3000);
    EXPECT_EQ(read_bytes(other.get(), offset, bytes.size()), bytes);
    ASSERT_EQ(::fsync(fd.get()), 0);
    std::vector<std::byte> found(bytes.size());
    ASSERT_TRUE(witness.memory().read(static_cast<ByteOffset>(offset), found));
    EXPECT_EQ(found, bytes);
  }
  EXPECT_EQ(witness.take().back().kind, Request::Kind::kFlush);
  // The device of this test has holes, and says so to those who ask.
  EXPECT_EQ(::lseek(fd.get(), 3 * kMiB, SEEK_DATA), static_cast<off_t>(3 * kMiB));
}

TEST_F(FuseTest, AnFsyncOfACachedFileWritesBackAlsoWhereTheDeviceIsNotFlushed) {
  Witness witness;
  const auto folder = mount_folder(FuseCaching{.passes_flushes = false});
  const auto path = folder->publish("state", witness.device());
  ASSERT_TRUE(path);
  const UniqueFd fd = open_file(*path);
  const auto bytes = random_bytes(8, 4096);
  for (const off_t offset : {0, 8192}) {
    ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), offset), 4096);
    ASSERT_EQ(::fsync(fd.get()), 0);
    std::vector<std::byte> found(bytes.size());
    ASSERT_TRUE(witness.memory().read(static_cast<ByteOffset>(offset), found));
    EXPECT_EQ(found, bytes);
  }
  for (const auto& seen : witness.take()) EXPECT_NE(seen.kind, Request::Kind::kFlush);
}

}  // namespace
}  // namespace powercut::serve
