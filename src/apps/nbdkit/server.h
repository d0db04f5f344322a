// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/subprocess.h"

namespace powercut::apps {

// nbdkit with a plugin of ours, as a child process that goes with us even if we are killed.
class NbdkitServer {
 public:
  // Where it listens over TCP.
  struct Port {
    std::string address;
    std::uint16_t number = 0;
  };
  struct Options {
    std::string plugin;                   // "logwrites"
    std::vector<std::string> parameters;  // "log=disk.log"; paths are absolute
    std::string socket;                   // a Unix socket's path; "": see port
    std::optional<Port> port;
    bool read_only = false;
    std::string pid_file;  // in a directory of ours
  };
  // A socket that nobody listens on is replaced. Returns when it is ready for clients, or when
  // `interrupt_fd` becomes readable: nothing then.
  [[nodiscard]] static Result<std::optional<NbdkitServer>> start(const Options& options,
                                                                 int interrupt_fd);

  NbdkitServer(NbdkitServer&& other) noexcept
      : process_(std::move(other.process_)), socket_(std::exchange(other.socket_, {})) {}
  NbdkitServer& operator=(NbdkitServer&&) = delete;
  // Kills it, if it still runs, and removes the socket.
  ~NbdkitServer();

  // Asks it to end and waits: the log is closed then. An error if it ended badly.
  [[nodiscard]] Status stop();
  // Waits until it has ended by itself, or `interrupt_fd` becomes readable.
  [[nodiscard]] Status wait(int interrupt_fd);
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  NbdkitServer(Subprocess process, std::string socket)
      : process_(std::move(process)), socket_(std::move(socket)) {}
  [[nodiscard]] static Status check(const SubprocessResult& result);

  Subprocess process_;
  std::string socket_;  // empty: none, or moved from
};

// "nbd+unix:///?socket=..."
[[nodiscard]] std::string nbd_uri(const std::string& socket);

}  // namespace powercut::apps
