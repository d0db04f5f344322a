// SPDX-License-Identifier: Apache-2.0
// posix_spawn, because it does not copy the page tables of a process that may map gigabytes, and
// because it is safe in a process with threads.
//
// The end of the command is seen with waitid(WNOWAIT), which leaves the zombie: as long as it is
// there, neither its process id nor its group's id can be given to anybody else, so that the group
// may be signalled without hitting a stranger. Only the destructor reaps, behind a last SIGKILL to
// the group.
#include "base/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "base/check.h"

extern char** environ;  // NOLINT: unistd.h declares it only with _GNU_SOURCE

namespace powercut {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Many programs write word by word. They would be interrupted at each by whoever reads it; so what comes within
// a few milliseconds is read together, unless it comes so fast that it might fill a pipe (of 64 KiB) meanwhile.
constexpr int kPauseMs = 5;
constexpr std::size_t kPauseBelowBytes = 4096;

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return os_error("cannot make a pipe");
  Pipe pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
  if (::fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) return os_error("cannot make a pipe non-blocking");
  return pipe;
}

// The C structures of posix_spawn, let go at the end of a scope.
struct SpawnActions {
  SpawnActions() { POWERCUT_CHECK(::posix_spawn_file_actions_init(&value) == 0); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&value); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t value{};
};

struct SpawnAttributes {
  SpawnAttributes() {
    POWERCUT_CHECK(::posix_spawnattr_init(&value) == 0);
    // A new group; no signal blocked; and those that this process may be ignoring at their default.
    ::posix_spawnattr_setflags(
        &value, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ::posix_spawnattr_setpgroup(&value, 0);
    sigset_t set;
    ::sigemptyset(&set);
    ::posix_spawnattr_setsigmask(&value, &set);
    ::sigaddset(&set, SIGPIPE);
    ::sigaddset(&set, SIGTTOU);
    ::posix_spawnattr_setsigdefault(&value, &set);
  }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&value); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  posix_spawnattr_t value{};
};

std::vector<std::string> merged_environment(const SubprocessOptions& options) {
  std::vector<std::string> merged;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const auto is_same = [&](const auto& addition) { return addition.first == name; };
    if (std::none_of(options.environment.begin(), options.environment.end(), is_same))
      merged.emplace_back(text);
  }
  for (const auto& [name, value] : options.environment)
    merged.push_back(fmt::format("{}={}", name, value));
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (auto& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

bool owns_terminal() {
  return ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
}

// From a background group tcsetpgrp raises SIGTTOU, which would stop us.
void take_terminal_back() {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Where one of the command's two streams goes; `pipe` is made for kCapture.
Status plan_output(SubprocessOptions::Output where, int fd, SpawnActions& actions, Pipe& pipe) {
  switch (where) {
    case SubprocessOptions::Output::kInherit:
      break;
    case SubprocessOptions::Output::kNull:
      ::posix_spawn_file_actions_addopen(&actions.value, fd, "/dev/null", O_WRONLY, 0);
      break;
    case SubprocessOptions::Output::kCapture:
      pipe = POWERCUT_TRY(make_pipe());
      ::posix_spawn_file_actions_adddup2(&actions.value, pipe.write_end.get(), fd);
      break;
    case SubprocessOptions::Output::kWithOutput:
      ::posix_spawn_file_actions_adddup2(&actions.value, STDOUT_FILENO, fd);
      break;
  }
  return {};
}

}  // namespace

void BoundedText::append(std::string_view text) {
  total_ += text.size();
  if (head_.size() < half_) {
    const auto part = text.substr(0, half_ - head_.size());
    head_ += part;
    text.remove_prefix(part.size());
  }
  tail_ += text.substr(text.size() - std::min<std::size_t>(text.size(), half_));
  if (tail_.size() > half_) tail_.erase(0, tail_.size() - half_);
}

std::string BoundedText::text() const {
  if (!is_cut()) return head_ + tail_;
  return fmt::format("{}\n[... {} bytes left out ...]\n{}", head_,
                     total_ - head_.size() - tail_.size(), tail_);
}

int SubprocessResult::shell_status() const {
  switch (end) {
    case End::kExited:
      return exit_status;
    case End::kSignalled:
      return 128 + signal;
    case End::kTimedOut:
      return 124;
  }
  return 1;
}

std::string SubprocessResult::describe() const {
  switch (end) {
    case End::kExited:
      return fmt::format("exited with status {}", exit_status);
    case End::kSignalled: {
      const char* description = sigdescr_np(signal);
      return fmt::format("was killed by signal {} ({})", signal,
                         description != nullptr ? description : "unknown");
    }
    case End::kTimedOut:
      return "did not end in time";
  }
  return {};
}

Subprocess::Subprocess(pid_t pid, UniqueFd pid_fd, ByteCount max_captured_bytes)
    : pid_(pid),
      pid_fd_(std::move(pid_fd)),
      output_{UniqueFd(), BoundedText(max_captured_bytes)},
      error_output_{UniqueFd(), BoundedText(max_captured_bytes)} {}

Subprocess::Subprocess(Subprocess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pid_fd_(std::move(other.pid_fd_)),
      output_(std::move(other.output_)),
      error_output_(std::move(other.error_output_)),
      has_terminal_(std::exchange(other.has_terminal_, false)) {}

Result<Subprocess> Subprocess::start(const SubprocessOptions& options) {
  POWERCUT_CHECK(!options.argv.empty());
  POWERCUT_CHECK(options.output != SubprocessOptions::Output::kWithOutput);
  SpawnActions actions;
  const SpawnAttributes attributes;
  Pipe output;
  Pipe error_output;
  if (options.input == SubprocessOptions::Input::kNull) {
    ::posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  POWERCUT_TRY_STATUS(plan_output(options.output, STDOUT_FILENO, actions, output));
  POWERCUT_TRY_STATUS(plan_output(options.error_output, STDERR_FILENO, actions, error_output));
  if (!options.working_directory.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&actions.value, options.working_directory.c_str());
  }
  const bool take_terminal = options.take_terminal && owns_terminal();
  if (take_terminal) ::posix_spawn_file_actions_addtcsetpgrp_np(&actions.value, STDIN_FILENO);

  std::vector<std::string> environment = merged_environment(options);
  std::vector<std::string> argv = options.argv;
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0].c_str(), &actions.value, &attributes.value,
                                   pointers(argv).data(), pointers(environment).data());
  if (error != 0) {
    if (take_terminal) take_terminal_back();
    return os_error(
        options.working_directory.empty()
            ? fmt::format("cannot run '{}'", argv[0])
            : fmt::format("cannot run '{}' in '{}'", argv[0], options.working_directory),
        error);
  }
  Subprocess process(pid, UniqueFd(), options.max_captured_bytes);
  process.has_terminal_ = take_terminal;
  process.output_.fd = std::move(output.read_end);
  process.error_output_.fd = std::move(error_output.read_end);
  // glibc 2.36 declares pidfd_open without C linkage.
  process.pid_fd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.pid_fd_.valid()) return os_error(fmt::format("cannot watch process {}", pid));
  return process;
}

Subprocess::~Subprocess() {
  if (pid_ < 0) return;
  signal_group(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (has_terminal_) take_terminal_back();
}

void Subprocess::signal_group(int signal) const {
  // A group that is gone already has got what it was to get.
  ::kill(-pid_, signal);
}

// Reads what there is, without waiting: the other end may be held open by a process that lives on. Gives how much it was.
std::size_t Subprocess::drain(Stream& stream) {
  std::size_t nr_bytes = 0;
  std::array<char, 16384> buffer;
  while (stream.fd.valid()) {
    const ssize_t n = ::read(stream.fd.get(), buffer.data(), buffer.size());
    if (n > 0) {
      stream.text.append({buffer.data(), static_cast<std::size_t>(n)});
      nr_bytes += static_cast<std::size_t>(n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      stream.fd.reset();
    } else if (errno == EAGAIN) {
      break;
    }
  }
  return nr_bytes;
}

Result<SubprocessResult> Subprocess::result() {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0) {
    return os_error(fmt::format("cannot wait for process {}", pid_));
  }
  drain(output_);
  drain(error_output_);
  SubprocessResult result;
  const bool exited = info.si_code == CLD_EXITED;
  result.end = exited ? SubprocessResult::End::kExited : SubprocessResult::End::kSignalled;
  (exited ? result.exit_status : result.signal) = info.si_status;
  result.output = output_.text.text();
  result.error_output = error_output_.text.text();
  result.output_cut = output_.text.is_cut() || error_output_.text.is_cut();
  return result;
}

Result<std::optional<SubprocessResult>> Subprocess::wait(std::optional<milliseconds> timeout,
                                                         int interrupt_fd) {
  const auto deadline = steady_clock::now() + timeout.value_or(milliseconds::zero());
  bool is_pausing = false;
  while (true) {
    // poll() passes over negative descriptors.
    const auto wanted = [&](const Stream& stream) {
      return stream.fd.valid() && !is_pausing ? stream.fd.get() : -1;
    };
    std::array<pollfd, 4> fds{{{pid_fd_.get(), POLLIN, 0},
                               {wanted(output_), POLLIN, 0},
                               {wanted(error_output_), POLLIN, 0},
                               {interrupt_fd, POLLIN, 0}}};
    int wait_ms = is_pausing ? kPauseMs : -1;
    if (timeout) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
      // Longer waits go round the loop again.
      const std::int64_t longest = is_pausing ? kPauseMs : 1'000'000;
      wait_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, longest));
    }
    const int ready = ::poll(fds.data(), fds.size(), wait_ms);
    if (ready < 0 && errno != EINTR)
      return os_error(fmt::format("cannot wait for process {}", pid_));
    is_pausing = false;
    if (ready > 0) {
      if (fds[0].revents != 0) return POWERCUT_TRY(result());
      const std::size_t nr_bytes = drain(output_) + drain(error_output_);
      is_pausing = nr_bytes < kPauseBelowBytes;
      if (fds[3].revents != 0) return std::optional<SubprocessResult>();
    }
    if (timeout && steady_clock::now() >= deadline) return std::optional<SubprocessResult>();
  }
}

Result<SubprocessResult> run_subprocess(const SubprocessOptions& options,
                                        std::optional<milliseconds> timeout) {
  Subprocess process = POWERCUT_TRY(Subprocess::start(options));
  if (auto result = POWERCUT_TRY(process.wait(timeout))) return *result;
  process.signal_group(SIGKILL);
  auto result = POWERCUT_TRY(process.wait());
  POWERCUT_CHECK(result.has_value());
  result->end = SubprocessResult::End::kTimedOut;
  return *result;
}

}  // namespace powercut
