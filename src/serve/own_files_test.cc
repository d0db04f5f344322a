// SPDX-License-Identifier: Apache-2.0
#include "serve/own_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "support/temporary_directory.h"

namespace powercut::serve {
namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(OwnFiles, OnlyTheKeptOnesAreThere) {
  const test::TemporaryDirectory directory;
  std::vector<UniqueFd> fds;
  for (int i = 0; i < 6; ++i)
    fds.emplace_back(::open(directory.path().c_str(), O_RDONLY | O_CLOEXEC));
  const Status status = with_own_files({fds[4].get(), fds[1].get()}, [&]() -> Status {
    for (std::size_t i = 0; i < fds.size(); ++i)
      EXPECT_EQ(is_open(fds[i].get()), i == 1 || i == 4) << i;
    EXPECT_TRUE(is_open(STDIN_FILENO) && is_open(STDOUT_FILENO) && is_open(STDERR_FILENO));
    return {};
  });
  ASSERT_TRUE(status) << status.error().message;
  for (const auto& fd : fds) EXPECT_TRUE(is_open(fd.get()));
}

// A pipe tells its reader when nobody can write to it any more.
TEST(OwnFiles, WhatItLeavesOpenIsClosed) {
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd reader(fds[0]);
  UniqueFd writer(fds[1]);
  const Status status = with_own_files({writer.get()}, [&]() -> Status {
    EXPECT_GE(::dup(writer.get()), 0);
    return {};
  });
  ASSERT_TRUE(status);
  writer.reset();
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0);
}

TEST(OwnFiles, ItsErrorIsGivenBack) {
  EXPECT_EQ(
      with_own_files({}, []() -> Status { return os_error("planned", ENOLCK); }).error().os_errno,
      ENOLCK);
}

}  // namespace
}  // namespace powercut::serve
