// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/subprocess.h"
#include "check/checker.h"

namespace powercut::check {

// One check under way: the programs that it runs share a time limit, an environment and an output.
// For one thread.
class CheckRun {
 public:
  CheckRun(const Offer& offer, const Limits& limits, const Interrupt& interrupt);

  // Runs a program to its end, in a process group that ends with it. Nothing if it was interrupted.
  [[nodiscard]] Result<std::optional<SubprocessResult>> run(const std::vector<std::string>& argv);

  // As run(), for a command that /bin/sh runs, within the limits. It may leave daemons behind: these
  // end with it, too. There are no core dumps.
  [[nodiscard]] Result<std::optional<SubprocessResult>> run_shell(const std::string& command);

  // For the programs from now on.
  void set_environment(std::string name, std::string value);
  // For work that is done here and not by a program.
  [[nodiscard]] bool is_interrupted() const { return interrupt_->is_raised(); }
  [[nodiscard]] bool is_late() const { return std::chrono::steady_clock::now() >= deadline_; }
  // As if a program had written it.
  void add_output(std::string_view text);

  // A verdict with the output so far.
  [[nodiscard]] Verdict pass() const;
  [[nodiscard]] Verdict fail(Outcome outcome, int code, std::string step) const;
  // A failure if the program did not exit with a status of `good_statuses`.
  [[nodiscard]] std::optional<Verdict> failure_of(const SubprocessResult& result,
                                                  const std::string& step,
                                                  const std::vector<int>& good_statuses = {
                                                      0}) const;
  // The same for a command that a shell ran.
  [[nodiscard]] std::optional<Verdict> failure_of_shell(const SubprocessResult& result,
                                                        const std::string& step) const;

 private:
  [[nodiscard]] Result<std::optional<SubprocessResult>> run(const std::vector<std::string>& argv,
                                                            pid_t& pid);

  const std::string disk_path_;
  const std::chrono::steady_clock::time_point deadline_;
  const Interrupt* const interrupt_;
  const Limits limits_;
  std::vector<std::pair<std::string, std::string>> environment_;
  BoundedText output_;
  std::string last_output_;  // of the last program
};

// Where `program` is in $PATH; the error says so, and what package may bring it if `package` is
// given.
[[nodiscard]] Result<std::string> find_program(const std::string& program,
                                               const std::string& package = {});

// A program in a file, until it is exchanged: path, size and time of change.
[[nodiscard]] std::string program_identity(const std::string& path);

}  // namespace powercut::check
