// SPDX-License-Identifier: Apache-2.0
#include "explore/signature.h"

#include <gtest/gtest.h>

namespace powercut::explore {
namespace {

TEST(Signature, NumbersPathsAndStatesAreNotPartOfAMessage) {
  const std::pair<const char*, const char*> cases[] = {
      {"row 17 is lost", "row # is lost"},
      {"Inode 12, i_size is 4096, should be 0.", "Inode #, i_size is #, should be #."},
      {"at 0xdeadBEEF: 1.5-2:3, 4", "at #: #, #"},
      {"checksum 1f3a99c0 is not 22222222", "checksum # is not #"},
      {"UUID 550e8400-e29b-41d4-a716-446655440000 twice", "UUID # twice"},
      {"/tmp/powercut-explore-a1B2c3/disks/entry-412.img: bad magic", "{}: bad magic"},
      {"'/tmp/powercut-explore-a1B2c3/0/mnt/app.db': no such file", "'{}/app.db': no such file"},
      {"/dev/loop12: ext4, feedface", "/dev/loop#: ext#, feedface"},
      {"state epoch:412:lost:409-411.415, entry:7.", "state STATE, STATE."},
      {"no entry: none", "no entry: none"},
      {"", ""},
  };
  for (const auto& [line, expected] : cases) EXPECT_EQ(normalised(line), expected) << line;
}

TEST(Signature, ForPeopleOnlyPathsGo) {
  EXPECT_EQ(without_paths("/tmp/powercut-explore-a1B2c3/0/mnt/app.db: row 7 of /tmp/x"),
            "{}/app.db: row 7 of /tmp/x");
}

TEST(Signature, TheTellingLine) {
  EXPECT_EQ(telling_line(""), "");
  EXPECT_EQ(telling_line("\n \n"), "");
  EXPECT_EQ(telling_line("checking\nrow 17 is lost\n\n"), "row 17 is lost");
  EXPECT_EQ(telling_line("e2fsck 1.47.0 (5-Feb-2023)\nPass 1: Checking inodes, blocks, and sizes\n"
                         "Inode 12 has a bad extent.  Clear? no\n\nPass 2: Checking directory "
                         "structure\n/disk: ********** WARNING: Filesystem still has errors\n"),
            "Inode 12 has a bad extent.  Clear? no");
  EXPECT_EQ(telling_line("Phase 1 - find and verify superblock...\n        - scan\nbad uuid\n"),
            "bad uuid");
  EXPECT_EQ(telling_line("fsck.fat 4.2 (2021-01-31)\nFATs differ\n/disk: 3 files, 9/99 clusters\n"),
            "FATs differ");
  EXPECT_EQ(telling_line("/disk: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n"
                         "\t(i.e., without -a or -p options)\n"),
            "/disk: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.");
  EXPECT_EQ(telling_line(
                "Info: Dry run\nInfo: MKFS version\n  \"Linux version 6.1\"\n"
                "Info: FSCK version\n  from \"Linux version 6.1\"\n    to \"Linux version "
                "6.1\"\nInfo: CKPT version = 1\n\n[FSCK] Max image size: 22 MB\n"
                "[ASSERT] (check_block_count:2087)  --> Wrong SIT valid blocks\n"
                "[FSCK] SIT valid block bitmap checking                [Fail]\n\nDone: 0.1 secs\n"),
            "[ASSERT] (check_block_count:2087)  --> Wrong SIT valid blocks");
}

TEST(Signature, OfAVerdictAndOfAResult) {
  const check::Verdict verdict{check::Outcome::kSignal, 11, "e2fsck", "a\nb 1\n", "b 1\n", false};
  const Signature expected{findings::Outcome::kSignal, 11, "e2fsck", "b #"};
  EXPECT_EQ(signature_of(verdict), expected);
  findings::StateResult result;
  result.outcome = findings::Outcome::kSignal;
  result.code = 11;
  result.step = "e2fsck";
  result.output = "b 2\n";
  EXPECT_EQ(signature_of(result), expected);
  result.code = 6;
  EXPECT_NE(signature_of(result), expected);
  result.outcome = findings::Outcome::kAcknowledgement;
  const Signature of_files = signature_of(result);
  result.code = 7;  // files
  EXPECT_EQ(signature_of(result), of_files);
}

}  // namespace
}  // namespace powercut::explore
