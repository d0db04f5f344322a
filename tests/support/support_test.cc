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
  const std::vector<GoldenLog> logs = golden_logs();
  EXPECT_EQ(logs.size(), 10u);
  for (const GoldenLog& log : logs) {
    SCOPED_TRACE(log.name);
    const auto file = log.unpack();
    EXPECT_EQ(*file->size(), log.file_size_bytes);
    EXPECT_EQ(sha256(*file), log.log_sha256);
    EXPECT_GT(log.nr_entries, 0u);
  }
}

}  // namespace
}  // namespace powercut::test
