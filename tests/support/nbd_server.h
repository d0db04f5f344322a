// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/subprocess.h"
#include "support/temporary_directory.h"

namespace powercut::test {

// Whether `program` is in $PATH. Where CI is set, its absence fails the running test; elsewhere the
// caller skips.
[[nodiscard]] bool have_program(const std::string& program);

// Runs a command and gives its standard output; a failure of it fails the test.
std::string run_or_fail(const std::vector<std::string>& argv);

// A server of NBD in a process of its own, on a Unix socket, until the object goes.
class NbdServer {
 public:
  // nbdkit in the foreground, with these arguments (filters, plugin and parameters).
  static std::unique_ptr<NbdServer> nbdkit(const std::vector<std::string>& arguments);
  // qemu-nbd, persistent, with these arguments (options and image).
  static std::unique_ptr<NbdServer> qemu_nbd(const std::vector<std::string>& arguments);

  // Of the socket, for the export with this name.
  [[nodiscard]] std::string uri(const std::string& export_name = "") const;
  [[nodiscard]] const std::string& socket() const { return socket_; }
  // Ends the server as `signal` does, and waits for it.
  SubprocessResult stop(int signal);
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  NbdServer(std::unique_ptr<TemporaryDirectory> directory, std::string socket, Subprocess process);
  static std::unique_ptr<NbdServer> start(std::unique_ptr<TemporaryDirectory> directory,
                                          std::string socket, std::vector<std::string> argv);

  std::unique_ptr<TemporaryDirectory> directory_;
  std::string socket_;
  Subprocess process_;
};

}  // namespace powercut::test
