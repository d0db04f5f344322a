// SPDX-License-Identifier: Apache-2.0
#include "check/acknowledged_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/sha256.h"
#include "support/temporary_directory.h"

namespace powercut::check {
namespace {

using testing::HasSubstr;
using Kind = Acknowledgement::Kind;

constexpr ByteCount kHuge = 1024 * kGiB;

// A tree, and marks put one behind the other; the cut is behind all of them unless said.
class AcknowledgedFilesTest : public testing::Test {
 protected:
  AcknowledgedFilesTest() : interrupt_(std::move(*Interrupt::make())) {
    std::filesystem::create_directory(root_);
    limits_.timeout = std::chrono::seconds(60);
  }

  void write(const std::string& name, const std::string& content) const {
    const std::filesystem::path path = root_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }

  void put(const Acknowledgement& what) {
    const Status added = history_.add(marks_++, *mark_text(what));
    ASSERT_TRUE(added) << added.error().message;
  }
  void acknowledge(const std::string& name, const std::string& content) {
    put({Kind::kContent, name, content_of(content)});
  }
  static FileContent content_of(const std::string& content) {
    return {content.size(), test::sha256(std::as_bytes(std::span(content)))};
  }

  Result<std::optional<Verdict>> compare(MarkPlace in_front) {
    Offer offer;
    offer.disk_path = "/nowhere";
    offer.acknowledgements = std::make_shared<AcknowledgementHistory>(history_);
    offer.marks_in_front = offer.marks_reached = in_front;
    CheckRun run(offer, limits_, interrupt_);
    return compare_acknowledged_files(offer, root_, run);
  }
  Verdict compare() {
    auto verdict = compare(marks_);
    EXPECT_TRUE(verdict) << verdict.error().message;
    EXPECT_TRUE(*verdict);
    return **verdict;
  }
  void expect_failure(const std::string& text) {
    const Verdict verdict = compare();
    EXPECT_EQ(verdict.outcome, Outcome::kAcknowledgement);
    EXPECT_THAT(verdict.step_output, HasSubstr(text));
  }

  test::TemporaryDirectory directory_;
  const std::string root_ = directory_ / "mnt";
  Limits limits_;
  Interrupt interrupt_;
  AcknowledgementHistory history_;
  MarkPlace marks_ = 0;
};

TEST_F(AcknowledgedFilesTest, WhatIsAsPromisedPasses) {
  acknowledge("d/a", "old");
  acknowledge("d/a", "new");
  acknowledge("empty", "");
  put({Kind::kRemoved, "gone"});
  put({Kind::kRemoved, "gone/with/its/folder"});
  write("d/a", "new");
  write("empty", "");
  write("nobody promised this", "x");
  EXPECT_TRUE(compare().passed());
}

TEST_F(AcknowledgedFilesTest, TheCutDecidesWhatIsPromised) {
  acknowledge("a", "old");
  put({Kind::kChanging, "a"});
  acknowledge("a", "new");
  for (const auto& [content, passing] :
       {std::pair{"old", "1110"}, std::pair{"new", "1011"}, std::pair{"other", "1000"}}) {
    write("a", content);
    std::string passed;
    for (MarkPlace cut = 0; cut <= marks_; ++cut) {
      passed += (**compare(cut)).passed() ? '1' : '0';
    }
    EXPECT_EQ(passed, passing) << content;
  }
}

TEST_F(AcknowledgedFilesTest, AMissingFileIsNamedWithWhatItWas) {
  acknowledge("d/a", "abc");
  expect_failure(
      "d/a is missing\n"
      "  expected: 3 bytes, sha256 "
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
      "1 of 1 acknowledged files not as promised: d/a is missing\n");
  EXPECT_EQ(compare().code, 1);
}

TEST_F(AcknowledgedFilesTest, AWrongContentIsDescribed) {
  acknowledge("b", "of another");
  write("b", "of another");
  acknowledge("a", "first");
  acknowledge("a", "second");
  write("a", "third");
  expect_failure("a has a wrong content\n  expected: 6 bytes, sha256 " +
                 content_of("second").sha256 + "\n     found: 5 bytes, sha256 " +
                 content_of("third").sha256 + "\n1 of 2");
  struct Case {
    std::string content;
    std::string description;
  };
  const Case cases[] = {{"", ": empty\n"},
                        {std::string(6, '\0'), ": all zeroes\n"},
                        {std::string("sec\0\0\0", 6), ": zeroes from byte 3 on\n"},
                        {"first", ": as it was acknowledged earlier\n"},
                        {"of another", ": the content of b\n"}};
  for (const Case& example : cases) {
    write("a", example.content);
    expect_failure(content_of(example.content).sha256 + example.description);
  }
}

TEST_F(AcknowledgedFilesTest, AContentFromTheFutureIsWrong) {
  acknowledge("a", "old");
  put({Kind::kChanging, "a"});
  acknowledge("a", "new");
  write("a", "new");
  const Verdict verdict = **compare(1);
  EXPECT_THAT(verdict.step_output, HasSubstr(": as it is acknowledged later\n"));
}

TEST_F(AcknowledgedFilesTest, ARemovedFileThatIsBackIsFound) {
  acknowledge("a", "abc");
  put({Kind::kRemoved, "a"});
  write("a", "abc");
  expect_failure("a is there and must not be\n  expected: no file\n     found: 3 bytes");
}

TEST_F(AcknowledgedFilesTest, BothThatAreAllowedAreNamed) {
  acknowledge("a", "abc");
  put({Kind::kChanging, "a"});
  put({Kind::kRemoved, "a"});
  write("a", "xyz");
  EXPECT_THAT((**compare(2)).step_output,
              HasSubstr("expected: 3 bytes, sha256 " + content_of("abc").sha256 +
                        "\n        or: no file\n"));
}

TEST_F(AcknowledgedFilesTest, NoLinkLeadsOutOfTheTree) {
  std::filesystem::create_directory(directory_ / "outside");
  std::ofstream(directory_ / "outside/a") << "abc";
  std::filesystem::create_symlink(directory_ / "outside", root_ + "/folder");
  std::filesystem::create_symlink(directory_ / "outside/a", root_ + "/link");
  write("inside", "abc");
  std::filesystem::create_symlink("inside", root_ + "/link within");
  acknowledge("folder/a", "abc");
  expect_failure("folder/a is below a symbolic link\n");
  acknowledge("link", "abc");
  expect_failure("link is a symbolic link\n");
  acknowledge("link within", "abc");
  expect_failure("link within is a symbolic link\n");
  acknowledge("inside", "abc");
  expect_failure("3 of 4 acknowledged files");
}

// A FIFO that were opened would wait for a writer.
TEST_F(AcknowledgedFilesTest, OnlyRegularFilesAreOpened) {
  ASSERT_EQ(::mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  acknowledge("fifo", "");
  expect_failure("fifo is a FIFO\n");
  std::filesystem::create_directory(root_ + "/folder");
  acknowledge("folder", "");
  expect_failure("folder is a directory\n");
  write("file", "x");
  acknowledge("file/below", "abc");
  expect_failure("file/below is missing\n");
  acknowledge(std::string(300, 'n'), "abc");
  expect_failure(std::string(300, 'n') + " cannot be read: File name too long\n");
}

TEST_F(AcknowledgedFilesTest, AHugeFileThatIsWrongByItsSizeIsNotRead) {
  write("huge", "");
  std::filesystem::resize_file(root_ + "/huge", kHuge);
  acknowledge("huge", "abc");
  expect_failure("huge has a wrong content\n  expected: 3 bytes");
  expect_failure("found: 1099511627776 bytes, which were not read\n");
}

TEST_F(AcknowledgedFilesTest, TheTimeLimitHoldsWhileAFileIsRead) {
  write("huge", "");
  std::filesystem::resize_file(root_ + "/huge", kHuge);
  FileContent content = content_of("abc");
  content.size_bytes = kHuge;
  put({Kind::kContent, "huge", content});
  limits_.timeout = std::chrono::milliseconds(50);
  EXPECT_EQ(compare().outcome, Outcome::kTimeout);
}

TEST_F(AcknowledgedFilesTest, AnInterruptEndsItWithoutAVerdict) {
  acknowledge("a", "abc");
  interrupt_.raise();
  const auto verdict = compare(marks_);
  ASSERT_TRUE(verdict);
  EXPECT_FALSE(*verdict);
}

TEST_F(AcknowledgedFilesTest, OfManyTheFirstAreDescribed) {
  for (int i = 0; i < 50; ++i) acknowledge("f" + std::to_string(100 + i), "abc");
  const Verdict verdict = compare();
  EXPECT_EQ(verdict.code, 50);
  EXPECT_THAT(verdict.step_output, HasSubstr("f119 is missing\n"));
  EXPECT_THAT(verdict.step_output, testing::Not(HasSubstr("f120 is missing\n")));
  EXPECT_THAT(verdict.step_output,
              HasSubstr("... and 30 more\n50 of 50 acknowledged files not as promised"));
}

}  // namespace
}  // namespace powercut::check
