// SPDX-License-Identifier: Apache-2.0
// The parts that need neither root nor FUSE; whole recordings are in tests/e2e.
#include "apps/recording/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "apps/recording/file_system.h"
#include "apps/recording/image.h"
#include "apps/recording/processes.h"
#include "apps/recording/runtime_directory.h"
#include "apps/recording/signals.h"
#include "support/temporary_directory.h"

namespace powercut::apps {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(FileSystem, WordsAreSplitAtBlanksButNotInQuotes) {
  EXPECT_THAT(*split_words("  -O ^has_journal\t-b 1024 "),
              ElementsAre("-O", "^has_journal", "-b", "1024"));
  EXPECT_THAT(*split_words(R"(-L "a b" 'c "d' e'f'g "")"),
              ElementsAre("-L", "a b", "c \"d", "efg", ""));
  EXPECT_THAT(*split_words(""), ElementsAre());
  EXPECT_EQ(split_words("-L 'a").error().kind, ErrorKind::kUsage);
}

TEST(FileSystem, MkfsAsksNothing) {
  EXPECT_THAT(mkfs_command("ext4", {"-b", "1024"}, 512, "/dev/loop0"),
              ElementsAre("mkfs.ext4", "-q", "-F", "-b", "1024", "/dev/loop0"));
  EXPECT_THAT(mkfs_command("vfat", {}, 4096, "/dev/loop0"),
              ElementsAre("mkfs.vfat", "-I", "-S", "4096", "/dev/loop0"));
  EXPECT_THAT(mkfs_command("otherfs", {}, 512, "/dev/loop0"),
              ElementsAre("mkfs.otherfs", "/dev/loop0"));
}

class ImageTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  test::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "image";
};

TEST_F(ImageTest, IsMadeAndVanishesUnlessKept) {
  {
    const auto image = Image::prepare({.file = path_, .size_bytes = 12345});
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(fs::file_size(path_), 12345u);
  }
  EXPECT_FALSE(fs::exists(path_));
  {
    auto image = Image::prepare({.file = path_, .size_bytes = 12345});
    image->keep();
  }
  EXPECT_TRUE(fs::exists(path_));
  {
    const auto image = Image::prepare({.file = path_});
    ASSERT_TRUE(image) << image.error().message;
  }
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(ImageTest, ATemporaryOneLosesItsNameWhenItIsKept) {
  auto image = Image::prepare({.size_bytes = 4096});
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_TRUE(image->is_temporary());
  EXPECT_EQ(fs::file_size(image->path()), 4096u);
  image->keep();
  EXPECT_FALSE(fs::exists(image->path()));
}

TEST_F(ImageTest, WrongSizesAreToldApart) {
  EXPECT_THAT(Image::prepare({}).error().message, HasSubstr("--file IMAGE, or --size"));
  EXPECT_THAT(Image::prepare({.file = path_}).error().message, HasSubstr("give --size to make it"));
  write(path_, "12345");
  EXPECT_THAT(Image::prepare({.file = path_, .size_bytes = 6}).error().message,
              HasSubstr("has 5 bytes, not the 6"));
  EXPECT_TRUE(Image::prepare({.file = path_, .size_bytes = 5}));
  EXPECT_FALSE(Image::prepare({.file = "nbd://host", .size_bytes = 5}));
  EXPECT_EQ(Image::prepare({.file = "nbd://host"})->path(), "nbd://host");
}

TEST_F(ImageTest, WhatAnImageHoldsIsNotLostByMistake) {
  write(path_, "precious");
  const auto refused = Image::prepare({.file = path_, .must_be_blank = true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(refused.error().message, HasSubstr("--overwrite"));
  EXPECT_TRUE(Image::prepare({.file = path_}));
  std::string content;
  std::getline(std::ifstream(path_), content);
  EXPECT_EQ(content, "precious");

  EXPECT_TRUE(Image::prepare({.file = path_, .must_be_blank = true, .overwrite = true}));
  std::getline(std::ifstream(path_), content, '\1');
  EXPECT_EQ(content, std::string(8, '\0'));
  EXPECT_TRUE(Image::prepare({.file = path_, .size_bytes = 8}));
}

class RuntimeTest : public testing::Test {
 protected:
  void SetUp() override { ::setenv("POWERCUT_RUNTIME_DIR", base_.c_str(), 1); }
  void TearDown() override { ::unsetenv("POWERCUT_RUNTIME_DIR"); }
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(base_), {}));
  }

  test::TemporaryDirectory directory_;
  const std::string base_ = directory_ / "base";
  std::vector<std::string> notices_;
  const serve::Notice notice_ = [this](const std::string& text) { notices_.push_back(text); };
};

TEST_F(RuntimeTest, LivesAsLongAsItsObjectAndIsLeftAloneByOthers) {
  {
    const auto first = RuntimeDirectory::make(notice_);
    ASSERT_TRUE(first) << first.error().message;
    std::ofstream((**first) / "file") << "x";
    const auto second = RuntimeDirectory::make(notice_);
    ASSERT_TRUE(second);
    EXPECT_NE((*first)->path(), (*second)->path());
    EXPECT_TRUE(fs::exists((**first) / "file"));
    EXPECT_EQ(count(), 2u);
  }
  EXPECT_EQ(count(), 0u);
  EXPECT_THAT(notices_, testing::IsEmpty());
}

TEST_F(RuntimeTest, WhatADeadRecorderLeftIsClearedAway) {
  const std::string outside = directory_ / "image";
  const std::string not_a_socket = directory_ / "control";
  std::ofstream(outside) << "x";
  std::ofstream(not_a_socket) << "mine";
  fs::create_directories(base_ + "/run-dead");
  std::ofstream(base_ + "/run-dead/outside.json")
      << R"({"files":[")" << outside << R"("],"sockets":[")" << not_a_socket << R"("],"fuse":[]})";
  const auto process = Subprocess::start(
      {.argv = {"sleep", "60"}, .environment = {{"POWERCUT_RUN", base_ + "/run-dead"}}});
  ASSERT_TRUE(process);
  // While a process is in the middle of exec, it has no environment to be seen.
  const std::string variable = "POWERCUT_RUN=" + base_ + "/run-dead";
  for (int i = 0; i < 1000 && processes_with(variable).empty(); ++i) {
    std::this_thread::sleep_for(5ms);
  }
  const auto own = RuntimeDirectory::make(notice_);
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_FALSE(fs::exists(outside));
  EXPECT_TRUE(fs::exists(not_a_socket));
  EXPECT_EQ(count(), 1u);
  EXPECT_THAT(processes_with(variable), testing::IsEmpty());
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_THAT(notices_[0], HasSubstr("killed 1 of its processes, removed '" + outside + "'"));
}

TEST_F(RuntimeTest, RubbishInTheNoteIsSurvived) {
  fs::create_directories(base_ + "/run-dead");
  for (const char* rubbish : {"", "[1,2", "{\"files\":7,\"fuse\":[1],\"sockets\":{}}", "null"}) {
    fs::create_directories(base_ + "/run-dead");
    std::ofstream(base_ + "/run-dead/outside.json") << rubbish;
    EXPECT_TRUE(RuntimeDirectory::make(notice_));
    EXPECT_EQ(count(), 0u);
  }
}

TEST_F(RuntimeTest, AnothersDirectoryIsNotUsed) {
  std::ofstream(base_) << "a file";
  EXPECT_THAT(RuntimeDirectory::make(notice_).error().message,
              HasSubstr("not a directory of this"));
}

TEST(Signals, AreReadAndIgnoredOnesStayIgnored) {
  auto* before = std::signal(SIGHUP, SIG_IGN);
  {
    auto signals = Signals::block();
    ASSERT_TRUE(signals);
    EXPECT_FALSE(signals->take());
    ::kill(::getpid(), SIGTERM);
    ::kill(::getpid(), SIGHUP);
    EXPECT_EQ(signals->take(), SIGTERM);
    EXPECT_FALSE(signals->take());
    ::kill(::getpid(), SIGINT);
  }
  // SIGINT has gone with the object: this is reached.
  (void)std::signal(SIGHUP, before);
}

TEST(Processes, StragglersAreEndedWithTheirChildren) {
  ASSERT_TRUE(adopt_orphans());
  // In a session of its own, without the variable, and deaf to SIGTERM: found as an adopted orphan.
  const test::TemporaryDirectory directory;
  const auto result = run_subprocess(
      {.argv =
           {"sh", "-c",
            "setsid env -i \"PATH=$PATH\" sh -c 'trap \"\" TERM; touch ready; sleep 60 & sleep 60' "
            "& until [ -e ready ]; do sleep 0.01; done"},
       .working_directory = directory.path(),
       .output = SubprocessOptions::Output::kNull},
      20s);
  ASSERT_TRUE(result && result->succeeded());
  EXPECT_GE(descendants_of(::getpid()).size(), 1u);
  EXPECT_GE(end_stragglers("POWERCUT_RUN=none", 0, 200ms), 1);
  EXPECT_THAT(descendants_of(::getpid()), testing::IsEmpty());
}

TEST(Processes, OneMayBeSpared) {
  const auto spared = Subprocess::start({.argv = {"sleep", "60"}});
  ASSERT_TRUE(spared);
  EXPECT_EQ(end_stragglers("POWERCUT_RUN=none", spared->pid(), 200ms), 0);
  EXPECT_THAT(descendants_of(::getpid()), ElementsAre(spared->pid()));
}

TEST(Recording, WantsACommandWhereNothingIsServed) {
  RecordingPlan plan;
  plan.way = RecordingPlan::Way::kRaw;
  EXPECT_EQ(run_recording(plan).error().kind, ErrorKind::kUsage);
}

}  // namespace
}  // namespace powercut::apps
