// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "check/command_checker.h"
#include "check/ready_checkers.h"
#include "check/shell.h"
#include "support/temporary_directory.h"

namespace powercut::check {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

class CommandCheckerTest : public testing::Test {
 protected:
  CommandCheckerTest() : interrupt_(std::move(*Interrupt::make())) {
    offer_.disk_path = directory_ / "disk";
    std::ofstream(offer_.disk_path) << "content";
    limits_.timeout = std::chrono::seconds(20);
  }

  std::optional<Verdict> check(const std::string& command) {
    const auto checker = make_command_checker(command);
    const Status prepared = checker->prepare();
    EXPECT_TRUE(prepared) << prepared.error().message;
    auto verdict = checker->check(offer_, limits_, interrupt_);
    EXPECT_TRUE(verdict) << verdict.error().message;
    return verdict ? *verdict : std::nullopt;
  }

  // The process whose id a checker has put into the file is gone within a moment.
  void expect_gone(const std::string& pid_file) {
    std::ifstream stream(pid_file);
    pid_t pid = 0;
    ASSERT_TRUE(stream >> pid) << "the checker has not got as far as to write its process id";
    EXPECT_NE(::kill(pid, 0), 0) << "process " << pid << " lives on";
    EXPECT_EQ(errno, ESRCH);
  }

  test::TemporaryDirectory directory_;
  Offer offer_;
  Limits limits_;
  Interrupt interrupt_;
};

TEST_F(CommandCheckerTest, StatusZeroPasses) {
  const auto verdict = check("grep -q content {} && echo fine");
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->passed());
  EXPECT_EQ(verdict->output, "fine\n");
}

TEST_F(CommandCheckerTest, AnotherStatusFails) {
  const auto verdict = check("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->outcome, Outcome::kExitStatus);
  EXPECT_EQ(verdict->code, 3);
  EXPECT_EQ(verdict->step, "the checker");
  EXPECT_EQ(verdict->step_output, "out\nerr\n");
  EXPECT_EQ(verdict->output, "out\nerr\n");
}

TEST_F(CommandCheckerTest, DeathByASignalFails) {
  for (const int signal : {SIGKILL, SIGSEGV, SIGTERM, SIGABRT}) {
    const auto verdict = check("kill -" + std::to_string(signal) + " $$");
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->outcome, Outcome::kSignal);
    EXPECT_EQ(verdict->code, signal);
  }
}

TEST_F(CommandCheckerTest, TakingTooLongFails) {
  limits_.timeout = milliseconds(100);
  const auto verdict = check("echo begun; sleep 60; echo never");
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->outcome, Outcome::kTimeout);
  EXPECT_EQ(verdict->output, "begun\n");
}

TEST_F(CommandCheckerTest, IsToldAboutTheStateAndReadsNothing) {
  offer_.environment = {{"POWERCUT_MARK", "a 'mark'"}, {"POWERCUT_ENTRY", "17"}};
  const auto verdict =
      check("echo \"$POWERCUT_MARK $POWERCUT_ENTRY\"; test \"$POWERCUT_DISK\" = {} && cat");
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->passed());
  EXPECT_EQ(verdict->output, "a 'mark' 17\n");
}

TEST_F(CommandCheckerTest, LongOutputIsCutInTheMiddle) {
  limits_.max_output_bytes = 100;
  const auto verdict = check("i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done");
  ASSERT_TRUE(verdict);
  EXPECT_LT(verdict->output.size(), 200U);
  EXPECT_THAT(verdict->output, HasSubstr("line 0\n"));
  EXPECT_THAT(verdict->output, HasSubstr("line 999\n"));
}

TEST_F(CommandCheckerTest, WhatItLeavesInTheBackgroundIsKilled) {
  const std::string pid_file = directory_ / "pid";
  const auto verdict = check("sleep 60 & echo $! > " + pid_file);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->passed());
  expect_gone(pid_file);
}

TEST_F(CommandCheckerTest, ADaemonIsKilledToo) {
  const std::string pid_file = directory_ / "pid";
  const auto verdict =
      check("setsid sh -c 'echo $$ > " + pid_file +
            "; exec sleep 60' >/dev/null 2>&1 & while ! test -s " + pid_file + "; do :; done");
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->passed());
  expect_gone(pid_file);
}

TEST_F(CommandCheckerTest, ADaemonOfAnotherCheckLivesOn) {
  const std::string pid_file = directory_ / "pid";
  std::optional<Verdict> slow;
  std::thread other([&] {
    Offer offer = offer_;
    offer.disk_path += "2";
    const auto checker =
        make_command_checker("setsid sh -c 'echo $$ > " + pid_file +
                             "; exec sleep 60' >/dev/null 2>&1 & while ! test -e " + pid_file +
                             "2; do sleep 0.01; done; kill -0 $(cat " + pid_file + ")");
    auto verdict = checker->check(offer, limits_, interrupt_);
    if (verdict) slow = *verdict;
  });
  EXPECT_TRUE(check("while ! test -s " + pid_file + "; do sleep 0.01; done")->passed());
  std::ofstream(pid_file + "2") << "go";
  other.join();
  ASSERT_TRUE(slow);
  EXPECT_TRUE(slow->passed()) << slow->output;
  expect_gone(pid_file);
}

TEST_F(CommandCheckerTest, AnInterruptEndsItWithoutAVerdict) {
  const std::string pid_file = directory_ / "pid";
  std::thread thread([&] {
    for (pid_t pid = 0; !(std::ifstream(pid_file) >> pid);)
      std::this_thread::sleep_for(milliseconds(5));
    interrupt_.raise();
  });
  const auto start = steady_clock::now();
  EXPECT_FALSE(check("echo $$ > " + pid_file + "; sleep 60 & sleep 60").has_value());
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(10));
  thread.join();
  expect_gone(pid_file);
}

TEST(CheckShellCommand, ComplainsBeforeTheFirstState) {
  for (const char* command : {"", "  ", "no-such-checker {}", "./no-such-checker",
                              "/no/such/checker {}", "if true; then", "echo 'open"}) {
    const Status status = check_shell_command(command);
    ASSERT_FALSE(status) << command;
    EXPECT_EQ(status.error().kind, ErrorKind::kUsage);
  }
  EXPECT_THAT(check_shell_command("no-such-checker {}").error().message,
              HasSubstr("'no-such-checker' not found"));
}

TEST(CheckShellCommand, LetsThroughWhatAShellCanRun) {
  for (const char* command :
       {"true", "test -s {}", "cd / && ls", "A=b no-such-thing", "if true; then false; fi",
        "(exit 3)", "{ true; }", "\"$HOME/check\" {}", "true;false", "! grep x {}"}) {
    const Status status = check_shell_command(command);
    EXPECT_TRUE(status) << command << ": " << status.error().message;
  }
}

TEST(WithDiskPath, ReplacesEveryPlace) {
  EXPECT_EQ(with_disk_path("fsck {} '{}' x{}", "/d/1"), "fsck /d/1 '/d/1' x/d/1");
  EXPECT_EQ(with_disk_path("true", "/d/1"), "true");
  EXPECT_EQ(with_disk_path("", "/d/1"), "");
}

// A shell reads back what was quoted.
TEST(ShellQuoted, IsReadBackByAShell) {
  for (const std::string word : {"plain", "", "two words", "it's", "$HOME `id` \"x\" \\", "*",
                                 "a\nb", "-n", "~", "#x", "é"}) {
    const auto checker = make_command_checker("printf %s " + shell_quoted(word));
    const auto interrupt = Interrupt::make();
    auto verdict = checker->check({"/dev/null"}, {}, *interrupt);
    ASSERT_TRUE(verdict && *verdict);
    EXPECT_EQ((*verdict)->output, word);
  }
  EXPECT_EQ(shell_quoted("entry:412"), "entry:412");
  EXPECT_EQ(shell_joined({"powercut", "explore", "my log"}), "powercut explore 'my log'");
}

class FixedChecker final : public Checker {
 public:
  FixedChecker(Verdict verdict, int& calls) : verdict_(std::move(verdict)), calls_(calls) {}
  std::string description() const override { return "fixed"; }
  Status prepare() override { return {}; }
  Result<std::optional<Verdict>> check(const Offer&, const Limits&, const Interrupt&) override {
    ++calls_;
    return std::optional(verdict_);
  }

 private:
  Verdict verdict_;
  int& calls_;
};

TEST(Sequence, DependsOnAllThatItsPartsDependOn) {
  const auto sequence_of = [](const std::string& command) {
    std::vector<std::unique_ptr<Checker>> checkers;
    checkers.push_back(*make_file_system_checker("ext4"));
    if (!command.empty()) checkers.push_back(make_command_checker(command));
    return make_sequence(std::move(checkers));
  };
  EXPECT_FALSE(sequence_of("")->sees_marks());
  EXPECT_TRUE(sequence_of("true")->sees_marks());
  EXPECT_NE(sequence_of("true")->identity(), sequence_of("")->identity());
  EXPECT_NE(sequence_of("true")->identity(), sequence_of("true x")->identity());
}

TEST(CommandChecker, IsAnotherOneWhenItsProgramIs) {
  const test::TemporaryDirectory directory;
  const std::string program = directory / "check";
  const auto identity = [&] { return make_command_checker(program + " {}")->identity(); };
  std::ofstream(program) << "true";
  const std::string before = identity();
  EXPECT_EQ(identity(), before);
  std::ofstream(program) << "false";
  EXPECT_NE(identity(), before);
}

TEST(Sequence, EndsAtTheFirstFailureWithAllTheOutput) {
  int calls = 0;
  std::vector<std::unique_ptr<Checker>> checkers;
  checkers.push_back(
      std::make_unique<FixedChecker>(Verdict{Outcome::kPassed, 0, "", "a\n", ""}, calls));
  checkers.push_back(
      std::make_unique<FixedChecker>(Verdict{Outcome::kSignal, 9, "two", "b\n", "b\n"}, calls));
  checkers.push_back(
      std::make_unique<FixedChecker>(Verdict{Outcome::kPassed, 0, "", "c\n", ""}, calls));
  const auto sequence = make_sequence(std::move(checkers));
  EXPECT_EQ(sequence->description(), "fixed, then fixed, then fixed");
  const auto interrupt = Interrupt::make();
  const auto verdict = sequence->check({}, {}, *interrupt);
  ASSERT_TRUE(verdict && *verdict);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ((*verdict)->outcome, Outcome::kSignal);
  EXPECT_EQ((*verdict)->step, "two");
  EXPECT_EQ((*verdict)->output, "a\nb\n");
  EXPECT_EQ((*verdict)->step_output, "b\n");
}

}  // namespace
}  // namespace powercut::check
