// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "support/golden.h"
#include "support/sha256.h"

namespace powercut::test {
namespace {

TEST(Sha256, KnowsTheStandardsExample) {
  const std::string text = "abc";
  EXPECT_EQ(sha256(std::as_bytes(std::span(text))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(GoldenLogs, UnpackToWhatTheirManifestsSay) {
  const std::vector<std::string> names = golden_names();
  EXPECT_EQ(names.size(), 10u);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const GoldenLog log = golden_log(name);
    const auto file = log.unpack();
    EXPECT_EQ(*file->size(), log.file_size_bytes);
    EXPECT_EQ(sha256(*file), log.log_sha256);
    EXPECT_GT(log.nr_entries, 0u);
  }
}

}  // namespace
}  // namespace powercut::test
