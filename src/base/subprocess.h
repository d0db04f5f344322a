// SPDX-License-Identifier: Apache-2.0
// Running a command: in a process group of its own, with a time limit and bounded output.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "base/units.h"

namespace powercut {

// Text of which only so many bytes are kept: half of them from the beginning, half from the end,
// with a line between them that says how many were left out. Not thread-safe.
class BoundedText {
 public:
  explicit BoundedText(ByteCount max_bytes) : half_(max_bytes / 2) {}
  void append(std::string_view text);
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_cut() const { return total_ > head_.size() + tail_.size(); }

 private:
  ByteCount half_;
  ByteCount total_ = 0;
  std::string head_;
  std::string tail_;
};

struct SubprocessOptions {
  std::vector<std::string> argv;  // argv[0] is looked for in $PATH
  // Added to the environment of this process; a name that is there already gets the new value.
  std::vector<std::pair<std::string, std::string>> environment;
  std::string working_directory;  // empty: as this process

  enum class Input { kNull, kInherit } input = Input::kNull;
  enum class Output {
    kInherit,
    kNull,
    kCapture,
    kWithOutput,  // of error_output: goes wherever output goes, in the order in which it is written
  } output = Output::kInherit;
  Output error_output = Output::kInherit;
  ByteCount max_captured_bytes = 64 * kKiB;  // of each of the two

  // Makes the new process group the terminal's foreground group, if this process has the terminal
  // on its standard input, as a shell does: keys such as ^C then go to the command. Undone at its
  // end.
  bool take_terminal = false;
};

struct SubprocessResult {
  enum class End { kExited, kSignalled, kTimedOut } end = End::kExited;
  int exit_status = 0;  // of kExited
  int signal = 0;       // of kSignalled
  std::string output;   // what was captured
  std::string error_output;
  bool output_cut = false;  // of either

  [[nodiscard]] bool succeeded() const { return end == End::kExited && exit_status == 0; }
  // As a shell has it: 128 + N for signal N; 124 for a time-out, as timeout(1).
  [[nodiscard]] int shell_status() const;
  // "exited with status 3", "was killed by signal 11 (Segmentation fault)", "did not end in time"
  [[nodiscard]] std::string describe() const;
};

// A running command. The object's end is the end of the process group: what is left of it is
// killed, and the command is reaped. One thread at a time, but for signal_group(), which any thread
// may call while the object lives.
class Subprocess {
 public:
  [[nodiscard]] static Result<Subprocess> start(const SubprocessOptions& options);
  Subprocess(Subprocess&& other) noexcept;
  Subprocess& operator=(Subprocess&&) = delete;
  ~Subprocess();

  // Waits until the command has ended and gives its result; nothing if the time is up, or if there
  // is something to read from `interrupt_fd`. No limit if `timeout` is nothing. May be called
  // again, also after the end. Captured output that processes left behind by the command write
  // later is lost.
  [[nodiscard]] Result<std::optional<SubprocessResult>> wait(
      std::optional<std::chrono::milliseconds> timeout = std::nullopt, int interrupt_fd = -1);

  // To the command and all in its process group.
  void signal_group(int signal) const;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  Subprocess(pid_t pid, UniqueFd pid_fd, ByteCount max_captured_bytes);
  struct Stream {
    UniqueFd fd;
    BoundedText text;
  };
  static std::size_t drain(Stream& stream);
  [[nodiscard]] Result<SubprocessResult> result();

  pid_t pid_;
  UniqueFd pid_fd_;
  Stream output_;
  Stream error_output_;
  bool has_terminal_ = false;
};

// Runs a command to its end. When the time is up, its process group is killed: kTimedOut.
[[nodiscard]] Result<SubprocessResult> run_subprocess(
    const SubprocessOptions& options,
    std::optional<std::chrono::milliseconds> timeout = std::nullopt);

}  // namespace powercut
