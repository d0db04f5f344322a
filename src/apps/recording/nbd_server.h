// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/subprocess.h"
#include "record/open.h"

namespace powercut::apps {

// nbdkit with our plugin, as a child process that goes with us even if we are killed.
class NbdServer {
 public:
  struct Options {
    record::RecordingOptions recording;  // file and log are absolute
    std::string socket;
    std::string control;
    std::string pid_file;  // in a directory of ours
  };
  // A socket that nobody listens on is replaced. Returns when it is ready for clients, or when
  // `interrupt_fd` becomes readable: nothing then.
  [[nodiscard]] static Result<std::optional<NbdServer>> start(const Options& options,
                                                              int interrupt_fd);

  NbdServer(NbdServer&& other) noexcept
      : process_(std::move(other.process_)), socket_(std::exchange(other.socket_, {})) {}
  NbdServer& operator=(NbdServer&&) = delete;
  // Kills it, if it still runs, and removes the socket.
  ~NbdServer();

  // Asks it to end and waits: the log is closed then. An error if it ended badly.
  [[nodiscard]] Status stop();
  // Waits until it has ended by itself, or `interrupt_fd` becomes readable.
  [[nodiscard]] Status wait(int interrupt_fd);
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  NbdServer(Subprocess process, std::string socket)
      : process_(std::move(process)), socket_(std::move(socket)) {}
  [[nodiscard]] static Status check(const SubprocessResult& result);

  Subprocess process_;
  std::string socket_;  // empty: moved from
};

// "nbd+unix:///?socket=..."
[[nodiscard]] std::string nbd_uri(const std::string& socket);
// Of nbdkit-logwrites-plugin.so, next to this program: in the build tree or installed.
[[nodiscard]] Result<std::string> find_plugin();

}  // namespace powercut::apps
