// SPDX-License-Identifier: Apache-2.0
#include "check/enclosed_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "check/command_checker.h"
#include "check/ready_checkers.h"
#include "serve/mount.h"
#include "support/temporary_directory.h"

namespace powercut::check {
namespace {

using testing::HasSubstr;

class EnclosedCheckerTest : public testing::Test {
 protected:
  EnclosedCheckerTest() : interrupt_(std::move(*Interrupt::make())) {
    offer_.disk_path = "/dev/null";
    offer_.directory = directory_.path();
  }

  static bool lacks_root() { return ::geteuid() != 0 && std::getenv("CI") == nullptr; }

  Verdict check(const std::string& command) {
    const auto checker = make_enclosed(make_command_checker(command));
    const Status prepared = checker->prepare();
    EXPECT_TRUE(prepared) << prepared.error().message;
    auto verdict = checker->check(offer_, {}, interrupt_);
    EXPECT_TRUE(verdict && *verdict);
    return verdict && *verdict ? **verdict : Verdict{};
  }

  test::TemporaryDirectory directory_;
  Offer offer_;
  Interrupt interrupt_;
};

TEST_F(EnclosedCheckerTest, TemporaryFilesAreOfOneCheck) {
  for (int round = 0; round < 2; ++round) {
    const Verdict verdict = check(
        "ls -A \"$TMPDIR\" && mkdir -p \"$TMPDIR/a/b\" && echo x > \"$TMPDIR/a/b/c\" && "
        "f=$(mktemp) && echo \"$f\"");
    EXPECT_TRUE(verdict.passed()) << verdict.output;
    EXPECT_THAT(verdict.output, testing::StartsWith(directory_.path()));
    EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  }
}

TEST_F(EnclosedCheckerTest, TheVerdictIsTheCheckers) {
  EXPECT_EQ(check("exit 3").code, 3);
  EXPECT_EQ(check("kill -SEGV $$").outcome, Outcome::kSignal);
}

TEST_F(EnclosedCheckerTest, IsTheCheckerInItsPlace) {
  const auto checker = make_enclosed(make_command_checker("true"));
  const auto ext4 = make_enclosed(*make_file_system_checker("ext4"));
  EXPECT_EQ(checker->identity(), make_command_checker("true")->identity());
  EXPECT_EQ(checker->description(), "true");
  EXPECT_TRUE(checker->sees_marks());
  EXPECT_FALSE(ext4->sees_marks());
  EXPECT_FALSE(checker->has_shortcut());
  EXPECT_TRUE(ext4->has_shortcut());
}

TEST_F(EnclosedCheckerTest, AnInterruptEndsIt) {
  const auto checker = make_enclosed(make_command_checker("sleep 600"));
  std::thread raiser([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    interrupt_.raise();
  });
  const auto verdict = checker->check(offer_, {}, interrupt_);
  raiser.join();
  ASSERT_TRUE(verdict) << verdict.error().message;
  EXPECT_FALSE(verdict->has_value());
}

TEST_F(EnclosedCheckerTest, MountsAreSeenByNobodyElseAndGone) {
  if (lacks_root()) GTEST_SKIP() << "not root";
  const std::string place = directory_ / "place";
  std::filesystem::create_directory(place);
  bool is_mounted_here = false;
  std::thread other([&] {
    while (!std::filesystem::exists(directory_ / "mounted")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    is_mounted_here = *serve::is_mount_point(place);
    std::filesystem::create_directory(directory_ / "seen");
  });
  const Verdict verdict =
      check("mount -t tmpfs powercut-test '" + place + "' && touch '" + place +
            "/inside' && mkdir '" + (directory_ / "mounted") + "' && while ! test -e '" +
            (directory_ / "seen") + "'; do sleep 0.01; done; ls '" + place + "'");
  other.join();
  EXPECT_TRUE(verdict.passed()) << verdict.output;
  EXPECT_EQ(verdict.output, "inside\n");
  EXPECT_FALSE(is_mounted_here);
  EXPECT_FALSE(*serve::is_mount_point(place));
  EXPECT_TRUE(std::filesystem::is_empty(place));
}

TEST_F(EnclosedCheckerTest, SharedMemoryIsOfOneCheck) {
  if (lacks_root()) GTEST_SKIP() << "not root";
  for (int round = 0; round < 2; ++round) {
    const Verdict verdict =
        check("tail -n +2 /proc/sysvipc/shm && ipcmk -M 4096 && cat /proc/sysvipc/shm | wc -l");
    EXPECT_TRUE(verdict.passed()) << verdict.output;
    EXPECT_THAT(verdict.output, testing::StartsWith("Shared memory id: "));
    EXPECT_THAT(verdict.output, testing::EndsWith("\n2\n"));
  }
}

}  // namespace
}  // namespace powercut::check
