// SPDX-License-Identifier: Apache-2.0
#include "check/check_run.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "check/stragglers.h"

namespace powercut::check {

using std::chrono::ceil;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// In the units of /bin/sh. Where a lower limit is in force already, it stays.
std::string limiting_command(char option, int resource, ByteCount bytes, ByteCount unit) {
  rlimit own{};
  if (::getrlimit(resource, &own) == 0 && own.rlim_max < bytes) return "";
  return fmt::format("ulimit -{} {} || exit 126; ", option, bytes / unit);
}

}  // namespace

CheckRun::CheckRun(const Offer& offer, const Limits& limits, const Interrupt& interrupt)
    : disk_path_(offer.disk_path),
      deadline_(steady_clock::now() + limits.timeout),
      interrupt_(&interrupt),
      limits_(limits),
      environment_(offer.environment),
      output_(limits.max_output_bytes) {
  set_environment("POWERCUT_DISK", offer.disk_path);
}

void CheckRun::set_environment(std::string name, std::string value) {
  for (auto& [known, old] : environment_) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  environment_.emplace_back(std::move(name), std::move(value));
}

Result<std::optional<SubprocessResult>> CheckRun::run(const std::vector<std::string>& argv) {
  pid_t pid = 0;
  return run(argv, pid);
}

Result<std::optional<SubprocessResult>> CheckRun::run_shell(const std::string& command) {
  // On the command's first line, so that a shell's messages give the line numbers that its author knows.
  std::string limited = "ulimit -c 0; ";
  if (limits_.memory_bytes)
    limited += limiting_command('v', RLIMIT_AS, *limits_.memory_bytes, kKiB);
  if (limits_.file_bytes) limited += limiting_command('f', RLIMIT_FSIZE, *limits_.file_bytes, 512);
  pid_t pid = 0;
  auto result = run({"/bin/sh", "-c", limited + command}, pid);
  if (pid > 0) kill_stragglers("POWERCUT_DISK=" + disk_path_, pid);
  return result;
}

Result<std::optional<SubprocessResult>> CheckRun::run(const std::vector<std::string>& argv,
                                                      pid_t& pid) {
  SubprocessOptions options;
  options.argv = argv;
  options.environment = environment_;
  options.output = SubprocessOptions::Output::kCapture;
  options.error_output = SubprocessOptions::Output::kWithOutput;
  options.max_captured_bytes = limits_.max_output_bytes;
  Subprocess process = POWERCUT_TRY(Subprocess::start(options));
  pid = process.pid();
  const auto left =
      std::max(ceil<milliseconds>(deadline_ - steady_clock::now()), milliseconds::zero());
  auto result = POWERCUT_TRY(process.wait(left, interrupt_->fd()));
  if (!result) {
    if (interrupt_->is_raised()) return std::optional<SubprocessResult>();
    process.signal_group(SIGKILL);
    result = POWERCUT_TRY(process.wait());
    result->end = SubprocessResult::End::kTimedOut;
  }
  add_output(result->output);
  return result;
}

std::optional<Verdict> CheckRun::failure_of_shell(const SubprocessResult& result,
                                                  const std::string& step) const {
  auto failure = failure_of(result, step);
  if (failure) {
    failure->was_not_run =
        failure->outcome == Outcome::kExitStatus && (failure->code == 126 || failure->code == 127);
  }
  return failure;
}

void CheckRun::add_output(std::string_view text) {
  output_.append(text);
  last_output_ = text;
}

Verdict CheckRun::pass() const {
  return {Outcome::kPassed, 0, {}, output_.text(), {}};
}

Verdict CheckRun::fail(Outcome outcome, int code, std::string step) const {
  return {outcome, code, std::move(step), output_.text(), last_output_};
}

std::optional<Verdict> CheckRun::failure_of(const SubprocessResult& result, const std::string& step,
                                            const std::vector<int>& good_statuses) const {
  switch (result.end) {
    case SubprocessResult::End::kExited:
      if (std::find(good_statuses.begin(), good_statuses.end(), result.exit_status) !=
          good_statuses.end()) {
        return std::nullopt;
      }
      return fail(Outcome::kExitStatus, result.exit_status, step);
    case SubprocessResult::End::kSignalled:
      return fail(Outcome::kSignal, result.signal, step);
    case SubprocessResult::End::kTimedOut:
      return fail(Outcome::kTimeout, 0, step);
  }
  return fail(Outcome::kExitStatus, -1, step);
}

Result<std::string> find_program(const std::string& program, const std::string& package) {
  const char* variable = std::getenv("PATH");
  // Where a user's $PATH leaves out the administrator's programs, they are meant all the same.
  std::string path = fmt::format("{}:/usr/local/sbin:/usr/sbin:/sbin",
                                 variable != nullptr ? variable : "/usr/bin:/bin");
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string candidate = fmt::format("{}/{}", path.substr(begin, end - begin), program);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  return environment_error(
      package.empty()
          ? fmt::format("program '{}' not found in $PATH", program)
          : fmt::format("program '{}' not found in $PATH; install {}", program, package),
      ENOENT);
}

std::string program_identity(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return path + " (absent)";
  return fmt::format("{} {} {}.{:09}", path, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

}  // namespace powercut::check
