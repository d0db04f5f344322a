// SPDX-License-Identifier: Apache-2.0
#include "apps/nbdkit/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "apps/nbdkit/sockets.h"

namespace powercut::apps {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kStartPatience{30'000};
// Closing the log may have to wait for slow storage.
constexpr milliseconds kStopPatience{60'000};

// The plugin's file, next to this program: in the build tree or installed.
Result<std::string> find_plugin(const std::string& name) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return os_error("cannot find this program's own path", error.value());
  const std::string file = fmt::format("nbdkit-{}-plugin.so", name);
  // The build tree has it in lib, also where an installation does not.
  for (const char* folder : {POWERCUT_INSTALLED_PLUGINS, "../lib/nbdkit/plugins"}) {
    const fs::path plugin = (program.parent_path() / folder / file).lexically_normal();
    if (fs::exists(plugin, error)) return plugin.string();
  }
  return environment_error(
      fmt::format(
          "{} is not where it belongs, at '{}'", file,
          (program.parent_path() / "../lib/nbdkit/plugins" / file).lexically_normal().string()),
      ENOENT);
}

Result<std::vector<std::string>> command_line(const NbdkitServer::Options& options) {
  std::vector<std::string> words{"nbdkit", "--foreground", "--exit-with-parent", "--pidfile",
                                 options.pid_file};
  if (options.read_only) words.emplace_back("--readonly");
  if (options.port) {
    words.insert(words.end(), {"--ipaddr", options.port->address, "--port",
                               std::to_string(options.port->number)});
  } else {
    words.insert(words.end(), {"--unix", options.socket});
  }
  words.push_back(POWERCUT_TRY(find_plugin(options.plugin)));
  words.insert(words.end(), options.parameters.begin(), options.parameters.end());
  return words;
}

// nbdkit neither takes the place of a socket nor removes its own at the end.
Status make_way(const std::string& socket) {
  struct stat info {};
  if (::lstat(socket.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return environment_error(fmt::format("'{}' exists and is no socket", socket), EEXIST);
  }
  if (is_listened_on(socket)) {
    return environment_error(fmt::format("another server is listening on '{}'", socket),
                             EADDRINUSE);
  }
  if (::unlink(socket.c_str()) == 0) return {};
  return os_error(fmt::format("cannot remove a stale socket '{}'", socket));
}

}  // namespace

NbdkitServer::~NbdkitServer() {
  if (!socket_.empty()) ::unlink(socket_.c_str());
}

Result<std::optional<NbdkitServer>> NbdkitServer::start(const Options& options, int interrupt_fd) {
  SubprocessOptions command;
  command.argv = POWERCUT_TRY(command_line(options));
  if (!options.port) POWERCUT_TRY_STATUS(make_way(options.socket));
  auto process = Subprocess::start(command);
  if (!process && process.error().os_errno == ENOENT) {
    return environment_error("NBD needs nbdkit (Debian: apt-get install nbdkit)", ENOENT);
  }
  NbdkitServer server(POWERCUT_TRY(std::move(process)), options.socket);
  const auto deadline = steady_clock::now() + kStartPatience;
  // nbdkit writes the file once it listens.
  while (::access(options.pid_file.c_str(), F_OK) != 0) {
    if (auto result = POWERCUT_TRY(server.process_.wait(milliseconds(5)))) {
      return environment_error(
          fmt::format("nbdkit {}; what it says stands above", result->describe()));
    }
    if (steady_clock::now() >= deadline) return environment_error("nbdkit does not get ready");
    if (POWERCUT_TRY(server.process_.wait(milliseconds(0), interrupt_fd))) continue;
    pollfd interrupt{interrupt_fd, POLLIN, 0};
    if (::poll(&interrupt, 1, 0) > 0) return std::optional<NbdkitServer>();
  }
  return std::optional<NbdkitServer>(std::move(server));
}

Status NbdkitServer::check(const SubprocessResult& result) {
  if (result.succeeded()) return {};
  return environment_error(fmt::format("nbdkit {}", result.describe()));
}

Status NbdkitServer::stop() {
  process_.signal_group(SIGTERM);
  const auto result = POWERCUT_TRY(process_.wait(kStopPatience));
  if (!result) {
    process_.signal_group(SIGKILL);
    return environment_error("nbdkit did not end in time and was killed; see 'powercut repair'");
  }
  return check(*result);
}

Status NbdkitServer::wait(int interrupt_fd) {
  const auto result = POWERCUT_TRY(process_.wait(std::nullopt, interrupt_fd));
  return result ? check(*result) : Status();
}

std::string nbd_uri(const std::string& socket) {
  return "nbd+unix:///?socket=" + socket;
}

}  // namespace powercut::apps
