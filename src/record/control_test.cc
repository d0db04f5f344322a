// SPDX-License-Identifier: Apache-2.0
#include "record/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/prng.h"
#include "base/unique_fd.h"
#include "io/posix_file.h"
#include "log/reader.h"
#include "record/open.h"
#include "support/temporary_directory.h"

namespace powercut::record {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Json = nlohmann::json;

class ControlTest : public testing::Test {
 protected:
  void SetUp() override {
    RecordingOptions options;
    options.file = "memory:1048576";
    options.log = directory_ / "log";
    auto device = open_recording(options, [](const std::string&) {});
    ASSERT_TRUE(device) << device.error().message;
    device_ = std::move(*device);
  }
  void start(ControlOptions options = {}) {
    auto server = ControlServer::start(path_, *device_, options);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  [[nodiscard]] UniqueFd connect() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience{10, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
  }
  static void send(const UniqueFd& fd, std::string_view text) {
    ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  // Up to a newline or the end.
  static std::string receive(const UniqueFd& fd) {
    std::string text;
    for (char c = 0; c != '\n' && ::recv(fd.get(), &c, 1, 0) == 1;) text.push_back(c);
    return text;
  }
  void expect_works() {
    const auto answer = control_request(path_, "status");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(Json::parse(*answer)["recording"]);
  }

  test::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "control";
  std::unique_ptr<RecordingDevice> device_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlTest, MarksStatusAndFlush) {
  start();
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode, S_IFSOCK | 0600u);
  EXPECT_EQ(*control_request(path_, "mark first mark"), R"({"ok":true,"entry":0})");
  EXPECT_EQ(*control_request(path_, "flush"), R"({"ok":true})");
  const Json status = Json::parse(*control_request(path_, "status"));
  EXPECT_EQ(status["marks"], 1);
  EXPECT_EQ(status["flushes"], 1);
  EXPECT_EQ(status["entries"], 2);
  EXPECT_EQ(status["durable_entries"], 2);
  EXPECT_EQ(status["device_size_bytes"], 1048576);
  EXPECT_EQ(status["max_mark_bytes"], device_->max_mark_bytes());
  EXPECT_EQ(status["log"], directory_ / "log");
  const RecorderStatus decoded = *request_status(path_);
  EXPECT_EQ(decoded.marks, 1);
  EXPECT_EQ(decoded.log_counters.durable_entries, 2);
  EXPECT_EQ(decoded.max_mark_bytes, device_->max_mark_bytes());
  EXPECT_EQ(decoded.log, directory_ / "log");
  EXPECT_TRUE(decoded.recording);

  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(device_->close());
  const auto file = *PosixFile::open(directory_ / "log", {});
  auto reader = *log::Reader::open(*file);
  EXPECT_EQ(reader.next()->mark, "first mark");
}

TEST_F(ControlTest, OneConnectionCarriesManyRequestsAlsoInOnePacket) {
  start();
  const UniqueFd fd = connect();
  send(fd, "mark a\nmark b\nsta");
  EXPECT_EQ(receive(fd), "{\"ok\":true,\"entry\":0}\n");
  EXPECT_EQ(receive(fd), "{\"ok\":true,\"entry\":1}\n");
  send(fd, "tus\n");
  EXPECT_THAT(receive(fd), HasSubstr("\"marks\":2"));
}

TEST_F(ControlTest, WrongRequestsAreAnsweredAndChangeNothing) {
  for (const std::string line :
       {"", "mark", "mark ", "marks x", "status now", "flush ", "STATUS", "\x01\xff\xfe", " "}) {
    const Json answer = Json::parse(answer_control_line(*device_, line));
    EXPECT_FALSE(answer["ok"]) << line;
    EXPECT_EQ(answer["errno"], EINVAL) << line;
  }
  const std::string too_long = "mark " + std::string(device_->max_mark_bytes() + 1, 'x');
  EXPECT_THAT(answer_control_line(*device_, too_long), HasSubstr("\"ok\":false"));
  EXPECT_EQ(device_->status().log_counters.entries, 0u);
  const std::string fits = "mark " + std::string(device_->max_mark_bytes(), 'x');
  EXPECT_THAT(answer_control_line(*device_, fits), HasSubstr("\"ok\":true"));
}

TEST_F(ControlTest, ErrorsReachTheClientAsErrors) {
  start();
  const auto unknown = control_request(path_, "nonsense");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(unknown.error().message, HasSubstr("unknown request 'nonsense'"));
  ASSERT_TRUE(device_->close());
  const auto closed = control_request(path_, "mark too late");
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().kind, ErrorKind::kEnvironment);
  server_.reset();
  const auto none = control_request(path_, "status");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("is it running?"));
}

TEST_F(ControlTest, RudeClientsHinderNobody) {
  start({.line_patience = 200ms});
  // Nothing that follows may read: a client that does not take its answers.
  const UniqueFd deaf = connect();
  for (int i = 0; i < 2000; ++i) {
    if (::send(deaf.get(), "status\n", 7, MSG_NOSIGNAL | MSG_DONTWAIT) != 7) break;
  }
  const UniqueFd half = connect();
  send(half, "mark half a li");
  expect_works();

  const UniqueFd huge = connect();
  std::thread writer([&] { send(huge, std::string(4 * kMaxControlLine, 'x')); });
  EXPECT_THAT(receive(huge), HasSubstr("at most 65536 bytes"));
  EXPECT_EQ(receive(huge), "");
  writer.join();

  std::vector<std::byte> junk(3000);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Prng(seed).fill(junk);
    junk.back() = std::byte{'\n'};
    const UniqueFd fd = connect();
    send(fd, {reinterpret_cast<const char*>(junk.data()), junk.size()});
    const std::string answer = receive(fd);
    EXPECT_FALSE(Json::parse(answer)["ok"]);
  }
  for (int i = 0; i < 20; ++i) send(connect(), "status\n");  // gone before the answer
  expect_works();
  EXPECT_EQ(receive(half), "");  // dropped: the half line never came to its end
  EXPECT_EQ(device_->status().marks, 0u);
}

TEST_F(ControlTest, HundredsOfSilentClientsLeaveRoomForOneThatSpeaks) {
  start();
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(connect());
  expect_works();
  EXPECT_EQ(*control_request(path_, "mark alive"), R"({"ok":true,"entry":0})");
}

TEST_F(ControlTest, MarksFromManyClientsAreAllThere) {
  start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const auto answer = control_request(path_, "mark " + std::to_string(t * 100 + i));
        ASSERT_TRUE(answer) << answer.error().message;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(device_->status().marks, 160u);
}

TEST_F(ControlTest, AStaleSocketIsReplacedAndNothingElse) {
  {
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  start();
  expect_works();
  const auto second = ControlServer::start(path_, *device_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().os_errno, EADDRINUSE);
  expect_works();

  const std::string file = directory_ / "file";
  std::ofstream(file) << "precious";
  const auto over_file = ControlServer::start(file, *device_);
  ASSERT_FALSE(over_file);
  EXPECT_EQ(over_file.error().os_errno, EEXIST);
  EXPECT_EQ(std::filesystem::file_size(file), 8u);
}

TEST_F(ControlTest, APathThatIsTooLongIsSaidToBe) {
  const std::string path = directory_ / std::string(120, 'x');
  for (const Error& error :
       {ControlServer::start(path, *device_).error(), control_request(path, "status").error()}) {
    EXPECT_EQ(error.kind, ErrorKind::kUsage);
    EXPECT_THAT(error.message, HasSubstr("may have 1 to 107 bytes"));
  }
}

}  // namespace
}  // namespace powercut::record
