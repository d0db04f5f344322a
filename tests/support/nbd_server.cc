// SPDX-License-Identifier: Apache-2.0
#include "support/nbd_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <sstream>

#include "base/check.h"

namespace powercut::test {

namespace {

using std::chrono::milliseconds;

bool accepts_connections(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  POWERCUT_CHECK(socket_path.size() < sizeof address.sun_path);
  socket_path.copy(address.sun_path, socket_path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

bool have_program(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "");
  for (std::string directory; std::getline(directories, directory, ':');) {
    if (::access((directory + "/" + program).c_str(), X_OK) == 0) return true;
  }
  if (std::getenv("CI") != nullptr) ADD_FAILURE() << program << " is not installed";
  return false;
}

std::string run_or_fail(const std::vector<std::string>& argv) {
  SubprocessOptions options;
  options.argv = argv;
  options.output = options.error_output = SubprocessOptions::Output::kCapture;
  const auto result = run_subprocess(options, milliseconds(120'000));
  if (!result) {
    ADD_FAILURE() << argv[0] << ": " << result.error().message;
    return {};
  }
  EXPECT_TRUE(result->succeeded())
      << fmt::format("{} {}\n{}", fmt::join(argv, " "), result->describe(), result->error_output);
  return result->output;
}

NbdServer::NbdServer(std::unique_ptr<TemporaryDirectory> directory, std::string socket,
                     Subprocess process)
    : directory_(std::move(directory)), socket_(std::move(socket)), process_(std::move(process)) {}

std::unique_ptr<NbdServer> NbdServer::start(std::unique_ptr<TemporaryDirectory> directory,
                                            std::string socket, std::vector<std::string> argv) {
  SubprocessOptions options;
  options.argv = std::move(argv);
  options.output = options.error_output = SubprocessOptions::Output::kCapture;
  auto process = Subprocess::start(options);
  if (!process) {
    ADD_FAILURE() << process.error().message;
    return nullptr;
  }
  std::unique_ptr<NbdServer> server(
      new NbdServer(std::move(directory), std::move(socket), std::move(*process)));
  for (int attempt = 0; attempt < 2000; ++attempt) {
    if (accepts_connections(server->socket_)) return server;
    const auto ended = server->process_.wait(milliseconds(5));
    if (ended && *ended) {
      ADD_FAILURE() << fmt::format("{} {}: {}", fmt::join(options.argv, " "), (*ended)->describe(),
                                   (*ended)->error_output);
      return nullptr;
    }
  }
  ADD_FAILURE() << options.argv[0] << ": did not listen in time";
  return nullptr;
}

std::unique_ptr<NbdServer> NbdServer::nbdkit(const std::vector<std::string>& arguments) {
  auto directory = std::make_unique<TemporaryDirectory>();
  const std::string socket = *directory / "nbd.sock";
  std::vector<std::string> argv = {"nbdkit", "-f", "-U", socket};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return start(std::move(directory), socket, std::move(argv));
}

std::unique_ptr<NbdServer> NbdServer::qemu_nbd(const std::vector<std::string>& arguments) {
  auto directory = std::make_unique<TemporaryDirectory>();
  const std::string socket = *directory / "nbd.sock";
  std::vector<std::string> argv = {"qemu-nbd", "-t", "-k", socket};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return start(std::move(directory), socket, std::move(argv));
}

std::string NbdServer::uri(const std::string& export_name) const {
  return fmt::format("nbd+unix:///{}?socket={}", export_name, socket_);
}

SubprocessResult NbdServer::stop(int signal) {
  process_.signal_group(signal);
  const auto result = process_.wait(milliseconds(20'000));
  if (!result || !*result) {
    ADD_FAILURE() << "the server did not end";
    return {};
  }
  return **result;
}

}  // namespace powercut::test
