// SPDX-License-Identifier: Apache-2.0
#include "block/nbd_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/prng.h"
#include "support/nbd_server.h"

namespace powercut {
namespace {

using test::have_program;
using test::NbdServer;
using test::TemporaryDirectory;
using testing::HasSubstr;

class NbdDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_program("nbdkit")) GTEST_SKIP() << "nbdkit is not installed";
  }

  std::unique_ptr<NbdDevice> open(const std::vector<std::string>& nbdkit_arguments,
                                  const NbdOptions& options = {}) {
    server_ = NbdServer::nbdkit(nbdkit_arguments);
    return server_ ? open_uri(server_->uri(), options) : nullptr;
  }
  static std::unique_ptr<NbdDevice> open_uri(const std::string& uri,
                                             const NbdOptions& options = {}) {
    auto device = NbdDevice::open(uri, options);
    EXPECT_TRUE(device) << device.error().message;
    return device ? std::move(*device) : nullptr;
  }

  std::unique_ptr<NbdServer> server_;
};

#define ASSERT_OK(expression)                            \
  do {                                                   \
    const Status ok_status = (expression);               \
    ASSERT_TRUE(ok_status) << ok_status.error().message; \
  } while (false)

// The same random requests on the device and on a plain array.
void expect_behaves_like_an_array(BlockDevice& device, std::uint64_t seed, int steps = 200) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Prng prng(seed);
  std::vector<std::byte> model(device.size_bytes());
  ASSERT_OK(device.read(0, model));
  const std::uint32_t unit = device.alignment();
  for (int step = 0; step < steps; ++step) {
    const ByteOffset begin = align_down(prng.below(model.size()), unit);
    const ByteOffset end =
        align_down(prng.between(begin, std::min<ByteOffset>(model.size(), begin + 20000)), unit);
    const auto first = model.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = model.begin() + static_cast<std::ptrdiff_t>(end);
    std::vector<std::byte> data(end - begin);
    const Fua fua = prng.one_in(2) ? Fua::kYes : Fua::kNo;
    switch (prng.below(5)) {
      case 0:
        prng.fill(data);
        ASSERT_OK(device.write(begin, data, fua));
        std::copy(data.begin(), data.end(), first);
        break;
      case 1:
        ASSERT_OK(
            device.write_zeroes({begin, end}, prng.one_in(2) ? Unmap::kYes : Unmap::kNo, fua));
        std::fill(first, last, std::byte{0});
        break;
      case 2:
        ASSERT_OK(device.discard({begin, end}, fua));
        std::fill(first, last, std::byte{0});
        break;
      case 3:
        ASSERT_OK(device.flush());
        break;
      default:
        ASSERT_OK(device.read(begin, data));
        ASSERT_TRUE(std::equal(data.begin(), data.end(), first)) << "read at " << begin;
    }
  }
  std::vector<std::byte> content(device.size_bytes());
  ASSERT_OK(device.read(0, content));
  EXPECT_EQ(content, model);
}

// What next_data() tells must hold all that is not zero.
void expect_data_map_is_right(BlockDevice& device) {
  std::vector<std::byte> content(device.size_bytes());
  ASSERT_OK(device.read(0, content));
  ByteOffset position = 0;
  const auto is_zero = [&](ByteOffset begin, ByteOffset end) {
    return std::all_of(content.begin() + static_cast<std::ptrdiff_t>(begin),
                       content.begin() + static_cast<std::ptrdiff_t>(end),
                       [](std::byte b) { return b == std::byte{0}; });
  };
  while (position < content.size()) {
    const auto data = device.next_data(position);
    ASSERT_TRUE(data) << data.error().message;
    const ByteRange range = data->value_or(ByteRange{content.size(), content.size()});
    ASSERT_GE(range.begin, position);
    ASSERT_LE(range.end, content.size());
    EXPECT_TRUE(is_zero(position, range.begin)) << position << " to " << range.begin;
    if (!*data) return;
    ASSERT_LT(range.begin, range.end);
    position = range.end;
  }
}

TEST(NbdUri, IsToldFromAPath) {
  EXPECT_TRUE(NbdDevice::is_uri("nbd://localhost"));
  EXPECT_TRUE(NbdDevice::is_uri("nbd+unix:///?socket=/tmp/s"));
  EXPECT_TRUE(NbdDevice::is_uri("nbds://h/e"));
  EXPECT_FALSE(NbdDevice::is_uri("disk.img"));
  EXPECT_FALSE(NbdDevice::is_uri("nbd"));
  EXPECT_FALSE(NbdDevice::is_uri("/nbd://x"));
  EXPECT_FALSE(NbdDevice::is_uri("memory:4096"));
}

TEST_F(NbdDeviceTest, BehavesLikeAnArrayWhateverTheServerLacks) {
  const std::vector<std::vector<std::string>> servers = {
      {"memory", "1000001"},  // no multiple of anything
      {"--filter=fua", "memory", "1M"},
      {"--filter=nozero", "memory", "1M"},
      {"--filter=nozero", "--filter=fua", "memory", "1M"},
      {"--filter=multi-conn", "memory", "1M", "multi-conn-mode=disable"},
      {"--filter=noextents", "memory", "1M"},
      {"--filter=blocksize-policy", "memory", "1M", "blocksize-minimum=512",
       "blocksize-preferred=4096", "blocksize-maximum=8192", "blocksize-error-policy=error"},
  };
  for (std::size_t i = 0; i < servers.size(); ++i) {
    SCOPED_TRACE(servers[i][0]);
    const auto device = open(servers[i]);
    ASSERT_TRUE(device);
    expect_behaves_like_an_array(*device, i);
    expect_data_map_is_right(*device);
  }
}

TEST_F(NbdDeviceTest, KnowsWhatTheServerCanDo) {
  auto device = open({"memory", "1M"});
  ASSERT_TRUE(device);
  EXPECT_EQ(device->size_bytes(), 1 * kMiB);
  EXPECT_EQ(device->connections(), 8u);
  EXPECT_TRUE(device->native_fua());
  EXPECT_TRUE(device->native_zero());
  device.reset();

  device = open({"--filter=multi-conn", "--filter=fua", "--filter=nozero", "memory", "1M",
                 "multi-conn-mode=disable"});
  ASSERT_TRUE(device);
  EXPECT_EQ(device->connections(), 1u);
  EXPECT_FALSE(device->native_fua());
  EXPECT_FALSE(device->native_zero());
  device.reset();

  device = open({"--filter=blocksize-policy", "memory", "1M", "blocksize-minimum=4096",
                 "blocksize-preferred=4096", "blocksize-maximum=8192"});
  ASSERT_TRUE(device);
  EXPECT_EQ(device->alignment(), 4096u);
  EXPECT_EQ(device->write(512, std::vector<std::byte>(512), Fua::kNo).error().os_errno, EINVAL);
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// What reaches the server, by nbdkit's own log.
TEST_F(NbdDeviceTest, FuaZeroAndFlushAreSentAsSuch) {
  const TemporaryDirectory directory;
  const std::string log = directory / "log";
  const auto device = open({"--filter=log", "memory", "1M", "logfile=" + log});
  ASSERT_TRUE(device);
  const std::vector<std::byte> data(4096, std::byte{1});
  ASSERT_OK(device->write(4096, data, Fua::kYes));
  ASSERT_OK(device->write(8192, data, Fua::kNo));
  ASSERT_OK(device->write_zeroes({0, 65536}, Unmap::kNo, Fua::kYes));
  ASSERT_OK(device->discard({65536, 131072}, Fua::kNo));
  ASSERT_OK(device->flush());
  const std::string text = text_of(log);
  EXPECT_THAT(text, HasSubstr("Write id=1 offset=0x1000 count=0x1000 fua=1"));
  EXPECT_THAT(text, testing::ContainsRegex("Write id=[0-9]+ offset=0x2000 count=0x1000 fua=0"));
  EXPECT_THAT(text, testing::ContainsRegex("Zero id=[0-9]+ offset=0x0 count=0x10000 trim=0 fua=1"));
  EXPECT_THAT(text,
              testing::ContainsRegex("Zero id=[0-9]+ offset=0x10000 count=0x10000 trim=1 fua=0"));
  EXPECT_THAT(text, testing::ContainsRegex("Flush id=[0-9]+"));
}

TEST_F(NbdDeviceTest, WithoutNativeFuaAFlushFollows) {
  const TemporaryDirectory directory;
  const std::string log = directory / "log";
  const auto device = open({"--filter=fua", "--filter=log", "memory", "1M", "logfile=" + log});
  ASSERT_TRUE(device);
  ASSERT_OK(device->write(0, std::vector<std::byte>(4096), Fua::kYes));
  const std::string text = text_of(log);
  const auto write = text.find("Write id=");
  const auto flush = text.find("Flush id=");
  ASSERT_NE(write, std::string::npos);
  ASSERT_NE(flush, std::string::npos);
  EXPECT_LT(write, flush);
}

TEST_F(NbdDeviceTest, LargeRequestsAreSplitAtTheServersMaximum) {
  const auto device =
      open({"--filter=blocksize-policy", "memory", "300M", "blocksize-minimum=1",
            "blocksize-preferred=4096", "blocksize-maximum=65536", "blocksize-error-policy=error"});
  ASSERT_TRUE(device);
  std::vector<std::byte> data(1 * kMiB + 12345);
  Prng(1).fill(data);
  ASSERT_OK(device->write(777, data, Fua::kYes));
  std::vector<std::byte> back(data.size());
  ASSERT_OK(device->read(777, back));
  EXPECT_EQ(back, data);
}

TEST_F(NbdDeviceTest, RequestsBeyondTheProtocolsLimitsPass) {
  const auto device = open({"memory", "6G"});
  ASSERT_TRUE(device);
  std::vector<std::byte> data(40 * kMiB);
  Prng(2).fill(data);
  ASSERT_OK(device->write(5 * kGiB, data, Fua::kNo));
  std::vector<std::byte> back(data.size());
  ASSERT_OK(device->read(5 * kGiB, back));
  EXPECT_EQ(back, data);
  const auto found = device->next_data(0);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->begin, 5 * kGiB);
  ASSERT_OK(device->write_zeroes({0, 6 * kGiB}, Unmap::kYes, Fua::kNo));
  const auto nothing = device->next_data(0);
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
}

TEST_F(NbdDeviceTest, TheServersErrnoArrives) {
  for (const auto& [name, number] :
       {std::pair{"EIO", EIO}, std::pair{"ENOSPC", ENOSPC}, std::pair{"EPERM", EPERM}}) {
    const auto device =
        open({"--filter=error", "memory", "1M", "error-rate=100%", std::string("error=") + name});
    ASSERT_TRUE(device);
    std::vector<std::byte> data(512);
    EXPECT_EQ(device->write(0, data, Fua::kNo).error().client_errno(), number);
    EXPECT_EQ(device->read(0, data).error().client_errno(), number);
    EXPECT_EQ(device->write_zeroes({0, 512}, Unmap::kYes, Fua::kNo).error().client_errno(), number);
    EXPECT_THAT(device->write(0, data, Fua::kNo).error().message,
                HasSubstr("write of 512 bytes at byte 0"));
  }
}

TEST_F(NbdDeviceTest, ManyThreadsShareTheConnections) {
  for (const char* mode : {"plugin", "disable"}) {
    const auto device = open({"--filter=multi-conn", "--filter=delay", "memory", "8M",
                              std::string("multi-conn-mode=") + mode, "delay-write=1ms"});
    ASSERT_TRUE(device);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 16; ++t) {
      threads.emplace_back([&, t] {
        std::vector<std::byte> data(4096, std::byte(t + 1));
        for (unsigned i = 0; i < 16; ++i) {
          EXPECT_TRUE(device->write((i * 16 + t) * 4096, data, Fua::kNo));
          std::vector<std::byte> back(4096);
          EXPECT_TRUE(device->read((i * 16 + t) * 4096, back));
          EXPECT_EQ(back, data);
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
}

TEST_F(NbdDeviceTest, ALostServerFailsEveryLaterRequest) {
  const auto device = open({"memory", "1M"});
  ASSERT_TRUE(device);
  std::vector<std::byte> data(4096);
  ASSERT_OK(device->write(0, data, Fua::kNo));
  server_->stop(SIGKILL);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(device->write(0, data, Fua::kNo));
  const Status status = device->flush();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().os_errno, ENOTCONN);
}

TEST_F(NbdDeviceTest, OpeningFailsWithReason) {
  const auto nobody = NbdDevice::open("nbd+unix:///?socket=/nonexistent/socket");
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().message, HasSubstr("/nonexistent/socket"));
  const auto nonsense = NbdDevice::open("nbd+nonsense://x");
  ASSERT_FALSE(nonsense);

  server_ = NbdServer::nbdkit({"-r", "memory", "1M"});
  ASSERT_TRUE(server_);
  const auto read_only = NbdDevice::open(server_->uri());
  ASSERT_FALSE(read_only);
  EXPECT_EQ(read_only.error().os_errno, EROFS);
  const auto reader = open_uri(server_->uri(), {.writable = false});
  ASSERT_TRUE(reader);
  std::vector<std::byte> data(4096);
  EXPECT_TRUE(reader->read(0, data));
}

class QemuNbdTest : public NbdDeviceTest {
 protected:
  void SetUp() override {
    if (!have_program("qemu-nbd") || !have_program("qemu-img"))
      GTEST_SKIP() << "qemu-utils is not installed";
  }
  std::unique_ptr<NbdDevice> open_qcow2(const std::vector<std::string>& options) {
    test::run_or_fail({"qemu-img", "create", "-q", "-f", "qcow2", image_, "16M"});
    std::vector<std::string> arguments = {"-f", "qcow2"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.push_back(image_);
    server_ = NbdServer::qemu_nbd(arguments);
    return server_ ? open_uri(server_->uri()) : nullptr;
  }
  TemporaryDirectory directory_;
  const std::string image_ = directory_ / "disk.qcow2";
};

TEST_F(QemuNbdTest, AQcow2ImageBehavesLikeAnArrayAndIsWhole) {
  auto device = open_qcow2({"--discard=unmap", "-e", "4"});
  ASSERT_TRUE(device);
  // Not more than the server takes, though we would like to.
  EXPECT_EQ(device->connections(), 4u);
  expect_behaves_like_an_array(*device, 7);
  expect_data_map_is_right(*device);
  std::vector<std::byte> content(device->size_bytes());
  ASSERT_OK(device->read(0, content));
  ASSERT_OK(device->flush());
  device.reset();
  server_->stop(SIGTERM);

  test::run_or_fail({"qemu-img", "check", "-q", image_});
  const std::string raw = directory_ / "disk.raw";
  test::run_or_fail({"qemu-img", "convert", "-O", "raw", image_, raw});
  const std::string text = text_of(raw);
  ASSERT_EQ(text.size(), content.size());
  EXPECT_TRUE(std::equal(text.begin(), text.end(), content.begin(),
                         [](char c, std::byte b) { return static_cast<std::byte>(c) == b; }));
}

TEST_F(QemuNbdTest, AServerForOneClientGetsOneConnection) {
  const auto device = open_qcow2({});
  ASSERT_TRUE(device);
  EXPECT_EQ(device->connections(), 1u);
  expect_behaves_like_an_array(*device, 8, 50);
}

}  // namespace
}  // namespace powercut
