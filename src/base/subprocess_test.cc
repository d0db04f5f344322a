// SPDX-License-Identifier: Apache-2.0
#include "base/subprocess.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <thread>

namespace powercut {
namespace {

using namespace std::chrono_literals;
using End = SubprocessResult::End;
using Output = SubprocessOptions::Output;

SubprocessOptions shell(std::string script) {
  SubprocessOptions options;
  options.argv = {"sh", "-c", std::move(script)};
  options.output = Output::kCapture;
  options.error_output = Output::kCapture;
  return options;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

bool is_running(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string id;
  std::string name;
  std::string state;
  return (stat >> id >> name >> state) && state != "Z" && state != "X";
}

// A process that gets SIGKILL needs a moment to go.
bool ends_soon(pid_t pid) {
  for (int i = 0; i < 200 && is_running(pid); ++i) std::this_thread::sleep_for(10ms);
  return !is_running(pid);
}

TEST(Subprocess, GivesTheExitStatusAndBothOutputs) {
  const auto result = run_subprocess(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->end, End::kExited);
  EXPECT_EQ(result->exit_status, 3);
  EXPECT_EQ(result->shell_status(), 3);
  EXPECT_FALSE(result->succeeded());
  EXPECT_EQ(result->output, "out\n");
  EXPECT_EQ(result->error_output, "err\n");
  EXPECT_EQ(result->describe(), "exited with status 3");
}

TEST(Subprocess, ErrorOutputMayFollowOutputInOrder) {
  auto options = shell("echo 1; echo 2 >&2; echo 3");
  options.error_output = Output::kWithOutput;
  EXPECT_EQ(run_subprocess(options)->output, "1\n2\n3\n");
}

TEST(Subprocess, TellsASignalFromAStatus) {
  const auto result = run_subprocess(shell("kill -SEGV $$"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->end, End::kSignalled);
  EXPECT_EQ(result->signal, SIGSEGV);
  EXPECT_EQ(result->shell_status(), 139);
  EXPECT_FALSE(result->succeeded());
  EXPECT_EQ(result->describe(), "was killed by signal 11 (Segmentation fault)");
}

TEST(Subprocess, TimeLimitKillsTheWholeGroup) {
  const auto begin = std::chrono::steady_clock::now();
  const auto result = run_subprocess(shell("sleep 60 & echo $!; wait"), 300ms);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->end, End::kTimedOut);
  EXPECT_EQ(result->shell_status(), 124);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_TRUE(ends_soon(std::stoi(result->output)));
}

TEST(Subprocess, WhatTheCommandLeavesBehindIsKilledAndDoesNotDelayTheResult) {
  const auto begin = std::chrono::steady_clock::now();
  const auto result = run_subprocess(shell("sleep 60 & echo $!"));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->succeeded());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_TRUE(ends_soon(std::stoi(result->output)));
}

TEST(Subprocess, OutputIsBoundedAndSaysSo) {
  auto options = shell("echo begin; head -c 5000000 /dev/zero | tr '\\0' x; echo end");
  options.max_captured_bytes = 1000;
  const auto result = run_subprocess(options, 60s);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->succeeded());
  EXPECT_TRUE(result->output_cut);
  EXPECT_LT(result->output.size(), 1100u);
  EXPECT_THAT(result->output, testing::StartsWith("begin\nxxx"));
  EXPECT_THAT(result->output, testing::EndsWith("xxxend\n"));
  EXPECT_THAT(result->output, testing::HasSubstr("[... 4999010 bytes left out ...]"));
}

TEST(Subprocess, EnvironmentAndDirectory) {
  auto options = shell("echo \"$POWERCUT_TEST $PWD\"; test -n \"$PATH\"");
  options.environment = {{"POWERCUT_TEST", "a b"}};
  options.working_directory = "/";
  const auto result = run_subprocess(options);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->succeeded());
  EXPECT_EQ(result->output, "a b /\n");
}

TEST(Subprocess, InputIsEmptyUnlessInherited) {
  const auto result = run_subprocess(shell("wc -c"), 10s);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, "0\n");
}

TEST(Subprocess, ACommandThatIsNotThereIsAnEnvironmentError) {
  SubprocessOptions options;
  options.argv = {"powercut-no-such-command"};
  const auto result = run_subprocess(options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kEnvironment);
  EXPECT_EQ(result.error().os_errno, ENOENT);
  EXPECT_THAT(result.error().message, testing::HasSubstr("cannot run 'powercut-no-such-command'"));
}

TEST(Subprocess, WaitingCanBeInterruptedAndTakenUpAgain) {
  auto process = Subprocess::start(shell("sleep 0.3; echo done"));
  ASSERT_TRUE(process);
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  const UniqueFd reader(fds[0]);
  const UniqueFd writer(fds[1]);
  ASSERT_EQ(::write(writer.get(), "x", 1), 1);
  EXPECT_FALSE(process->wait(10s, reader.get())->has_value());
  EXPECT_FALSE(process->wait(1ms)->has_value());
  const auto result = process->wait();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->output, "done\n");
  EXPECT_TRUE(process->wait()->has_value());
}

TEST(Subprocess, DroppingTheObjectEndsTheCommand) {
  pid_t pid = 0;
  {
    const auto process = Subprocess::start(shell("sleep 60"));
    ASSERT_TRUE(process);
    pid = process->pid();
    EXPECT_TRUE(is_running(pid));
  }
  EXPECT_EQ(::kill(pid, 0), -1);  // reaped: not even a zombie
}

TEST(Subprocess, ManyThreadsLeaveNothingBehind) {
  const std::size_t before = open_descriptors();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 25; ++i) {
        const auto result = run_subprocess(shell("echo " + std::to_string(t * 100 + i)), 30s);
        ASSERT_TRUE(result);
        EXPECT_EQ(result->output, std::to_string(t * 100 + i) + "\n");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace powercut
