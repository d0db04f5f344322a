// SPDX-License-Identifier: Apache-2.0
// verify and repair, over logs with each thing wrong that can be.
#include "log/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/memory_file.h"
#include "log/repair.h"
#include "support/log_builder.h"

namespace powercut::log {
namespace {

using test::LogBuilder;
using test::test_extension;
using testing::Contains;
using testing::HasSubstr;

std::vector<std::string> names(const VerifyReport& report) {
  std::vector<std::string> result;
  for (const Finding& finding : report.findings) result.emplace_back(name_of(finding.kind));
  return result;
}

VerifyReport report_of(const File& file, const VerifyOptions& options = {}) {
  const auto report = verify(file, options);
  EXPECT_TRUE(report) << report.error().message;
  return *report;
}

LogBuilder own_log() {
  LogBuilder log(512, test_extension(8 * 512));
  log.write(0, "ABC").flush().mark("m").zeroes(1, 3);
  return log;
}

MemoryFile changed(const LogBuilder& log, ByteOffset at, std::uint8_t flip = 1) {
  auto bytes = log.bytes();
  bytes[at] ^= std::byte{flip};
  return MemoryFile("changed", bytes);
}

TEST(Verify, AWholeLogHasNoErrors) {
  const VerifyReport report = report_of(*own_log().file());
  EXPECT_TRUE(report.is_whole());
  EXPECT_THAT(report.findings, testing::IsEmpty());
  EXPECT_EQ(report.readable_entries, 4u);
  EXPECT_EQ(report.payloads_checked, 2u);
}

TEST(Verify, EachDamageIsFound) {
  const LogBuilder log = own_log();
  const ByteOffset first_payload = 2 * 512;
  const ByteOffset zero_payload = log.end_offset() - 1;
  EXPECT_THAT(names(report_of(changed(log, first_payload))), Contains("payload-mismatch"));
  EXPECT_THAT(names(report_of(changed(log, zero_payload))), Contains("zeroes-not-zero"));
  EXPECT_THAT(names(report_of(changed(log, 512 + 500))), Contains("damaged-extension"));
  EXPECT_THAT(names(report_of(changed(log, 500))), Contains("damaged-extension"));
  EXPECT_THAT(names(report_of(changed(log, 512 + 17))), Contains("corrupt"));
  EXPECT_THAT(names(report_of(*LogBuilder(own_log()).count(2).file())),
              Contains("stale-super-block"));
  EXPECT_THAT(names(report_of(*LogBuilder(own_log()).write(7, "XY").file())),
              Contains("out-of-range"));
  EXPECT_THAT(names(report_of(*LogBuilder(own_log()).ticks(9, 9).write(0, "X").file())),
              Contains("tick-order"));
  auto cut = log.bytes();
  cut.resize(cut.size() - 1);
  EXPECT_THAT(names(report_of(MemoryFile("cut", cut))), Contains("torn-tail"));
  SuperBlockExtension stopped = test_extension(8 * 512);
  stopped.stopped_errno = ENOSPC;
  EXPECT_THAT(names(report_of(*LogBuilder(512, stopped).write(0, "A").file())),
              Contains("stopped"));
}

TEST(Verify, AFullLogIsToldFromAKilledOne) {
  LogBuilder plain;
  plain.write(0, "ABC").flush();
  EXPECT_THAT(names(report_of(*plain.file())), testing::ElementsAre("no-end-mark"));
  const std::vector<std::byte> stale(1024, std::byte{0x55});
  EXPECT_THAT(names(report_of(*LogBuilder(plain).raw(stale).file())), Contains("log-full"));
  // By the kernel's target, to the last sector of its device, the last entries not counted.
  LogBuilder target = LogBuilder(plain).write(0, "X", kFlagMetadata).write(1, "Y");
  EXPECT_THAT(names(report_of(*LogBuilder(target).count(3).file())),
              testing::IsSupersetOf({"log-full", "stale-super-block"}));
  EXPECT_TRUE(report_of(*LogBuilder(target).mark("dm-log-writes-end").file()).is_whole());
  auto killed = LogBuilder(plain).write(5, "XY").count(2).bytes();
  killed.resize(killed.size() - 1);
  EXPECT_THAT(names(report_of(MemoryFile("killed", killed))), Contains("trailing-bytes"));
  EXPECT_TRUE(report_of(MemoryFile("killed", killed)).is_whole());
}

TEST(Verify, TheReasonForStoppingMayBeAnyNumber) {
  for (const std::uint32_t os_errno : {std::uint32_t{ENOSPC}, 0x7fffffffu, 0xffffffffu}) {
    SuperBlockExtension extension = test_extension(8 * 512);
    extension.stopped_errno = os_errno;
    EXPECT_THAT(names(report_of(*LogBuilder(512, extension).file())), Contains("stopped"));
  }
}

TEST(Verify, FindingsAreBoundedButCounted) {
  LogBuilder log(512, test_extension(512));
  for (int i = 0; i < 100; ++i) log.write(1, "A");
  const VerifyReport report = report_of(*log.file(), {.max_findings_per_kind = 5});
  EXPECT_EQ(report.findings.size(), 5u);
  EXPECT_EQ(report.errors, 100u);
}

TEST(Repair, AWholeLogIsLeftAlone) {
  const auto file = own_log().file();
  const auto before = file->content();
  EXPECT_FALSE(repair(*file)->changed);
  EXPECT_EQ(file->content(), before);
}

TEST(Repair, AStaleSuperBlockIsBroughtUpToDate) {
  for (const bool with_extension : {true, false}) {
    LogBuilder log = with_extension ? own_log() : LogBuilder();
    if (!with_extension) log.write(0, "ABC").flush().mark("m").zeroes(1, 3);
    const auto right = log.bytes();
    const auto file = LogBuilder(log).count(1).file();
    const auto report = repair(*file);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->changed);
    EXPECT_EQ(report->old_nr_entries, 1u);
    EXPECT_EQ(report->nr_entries, 4u);
    EXPECT_EQ(file->content(), right);
  }
}

// However the file is cut, repair makes a whole log of what is whole.
TEST(Repair, ATornLogBecomesWhole) {
  const auto bytes = own_log().bytes();
  for (std::size_t size = 512; size <= bytes.size(); size += 100) {
    MemoryFile file("cut", {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
    ASSERT_TRUE(repair(file));
    const VerifyReport report = report_of(file);
    EXPECT_TRUE(report.is_whole()) << size;
    EXPECT_TRUE(std::equal(bytes.begin() + 512, bytes.begin() + static_cast<std::ptrdiff_t>(size),
                           file.content().begin() + 512));
  }
}

TEST(Repair, DryRunChangesNothing) {
  const auto file = own_log().count(1).file();
  const auto before = file->content();
  EXPECT_TRUE(repair(*file, {.sector_size = {}, .dry_run = true})->changed);
  EXPECT_EQ(file->content(), before);
}

TEST(Repair, ALostSuperBlockIsRebuiltFromTheEntries) {
  auto bytes = own_log().bytes();
  std::fill_n(bytes.begin(), 512, std::byte{0});
  MemoryFile file("lost", bytes);
  EXPECT_THAT(repair(file).error().message, HasSubstr("--sector-size"));
  const auto report = repair(file, {.sector_size = 512});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->rebuilt_super_block);
  EXPECT_EQ(report_of(file).readable_entries, 4u);
  MemoryFile noise("noise", std::vector<std::byte>(4096, std::byte{0xee}));
  EXPECT_THAT(repair(noise, {.sector_size = 512}).error().message, HasSubstr("is no log"));
}

}  // namespace
}  // namespace powercut::log
