// SPDX-License-Identifier: Apache-2.0
#include "apps/recording/nbd_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "apps/recording/sockets.h"

namespace powercut::apps {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kPlugin = "nbdkit-logwrites-plugin.so";
constexpr milliseconds kStartPatience{30'000};
// Closing the log may have to wait for slow storage.
constexpr milliseconds kStopPatience{60'000};

std::string on_off(bool value) {
  return value ? "on" : "off";
}

std::vector<std::string> command_line(const NbdServer::Options& options,
                                      const std::string& plugin) {
  const auto& recording = options.recording;
  std::vector<std::string> words{
      "nbdkit",
      "--foreground",
      "--exit-with-parent",
      "--unix",
      options.socket,
      "--pidfile",
      options.pid_file,
      plugin,
      "file=" + recording.file,
      "log=" + recording.log,
      "log-super-update-interval=" + std::to_string(recording.log_super_update_interval),
      "control=" + options.control};
  if (recording.log_append) words.emplace_back("log-append=on");
  if (recording.overwrite) words.emplace_back("overwrite=on");
  if (recording.log_direct) words.emplace_back("log-direct=on");
  if (recording.log_sector_size) {
    words.push_back("log-sector-size=" + std::to_string(*recording.log_sector_size));
  }
  if (recording.log_extensions) {
    words.push_back("log-extensions=" + on_off(*recording.log_extensions));
  }
  if (recording.on_log_error == record::OnLogError::kStop) words.emplace_back("on-log-error=stop");
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

NbdServer::~NbdServer() {
  if (!socket_.empty()) ::unlink(socket_.c_str());
}

Result<std::optional<NbdServer>> NbdServer::start(const Options& options, int interrupt_fd) {
  SubprocessOptions command;
  command.argv = command_line(options, POWERCUT_TRY(find_plugin()));
  POWERCUT_TRY_STATUS(make_way(options.socket));
  auto process = Subprocess::start(command);
  if (!process && process.error().os_errno == ENOENT) {
    return environment_error("recording over NBD needs nbdkit (Debian: apt-get install nbdkit)",
                             ENOENT);
  }
  NbdServer server(POWERCUT_TRY(std::move(process)), options.socket);
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
    if (::poll(&interrupt, 1, 0) > 0) return std::optional<NbdServer>();
  }
  return std::optional<NbdServer>(std::move(server));
}

Status NbdServer::check(const SubprocessResult& result) {
  if (result.succeeded()) return {};
  return environment_error(fmt::format("nbdkit {}", result.describe()));
}

Status NbdServer::stop() {
  process_.signal_group(SIGTERM);
  const auto result = POWERCUT_TRY(process_.wait(kStopPatience));
  if (!result) {
    process_.signal_group(SIGKILL);
    return environment_error("nbdkit did not end in time and was killed; see 'powercut repair'");
  }
  return check(*result);
}

Status NbdServer::wait(int interrupt_fd) {
  const auto result = POWERCUT_TRY(process_.wait(std::nullopt, interrupt_fd));
  return result ? check(*result) : Status();
}

std::string nbd_uri(const std::string& socket) {
  return "nbd+unix:///?socket=" + socket;
}

Result<std::string> find_plugin() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return os_error("cannot find this program's own path", error.value());
  // The build tree has it in lib, also where an installation does not.
  for (const char* folder : {POWERCUT_INSTALLED_PLUGINS, "../lib/nbdkit/plugins"}) {
    const fs::path plugin = (program.parent_path() / folder / kPlugin).lexically_normal();
    if (fs::exists(plugin, error)) return plugin.string();
  }
  return environment_error(
      fmt::format(
          "{} is not where it belongs, at '{}'", kPlugin,
          (program.parent_path() / "../lib/nbdkit/plugins" / kPlugin).lexically_normal().string()),
      ENOENT);
}

}  // namespace powercut::apps
