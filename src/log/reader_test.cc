// SPDX-License-Identifier: Apache-2.0
#include "log/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/faulty_file.h"
#include "support/log_builder.h"

namespace powercut::log {
namespace {

using test::LogBuilder;
using test::test_extension;
using testing::HasSubstr;

struct Outcome {
  std::vector<Entry> entries;
  Ending ending;
};

Outcome read_all(const File& file, bool past_count = false) {
  auto reader = Reader::open(file, {.past_count = past_count});
  EXPECT_TRUE(reader) << reader.error().message;
  Outcome outcome;
  while (auto entry = reader->next()) outcome.entries.push_back(*std::move(entry));
  outcome.ending = reader->ending();
  return outcome;
}

LogBuilder some_log(std::optional<SuperBlockExtension> extension = std::nullopt) {
  LogBuilder log(512, std::move(extension));
  log.write(0, "ABC").flush().mark("m").discard(0, 2).zeroes(1, 3).fua(7, "Z");
  return log;
}

TEST(Reader, ReadsEveryKind) {
  for (const bool with_extension : {false, true}) {
    const auto file = (with_extension ? some_log(test_extension(8192)) : some_log()).file();
    const Outcome outcome = read_all(*file);
    ASSERT_EQ(outcome.entries.size(), 6u);
    std::vector<std::string> kinds;
    for (const Entry& entry : outcome.entries) kinds.emplace_back(kind_name(entry));
    EXPECT_THAT(kinds, testing::ElementsAre("write", "flush", "mark", "discard",
                                            with_extension ? "zeroes" : "write", "write"));
    EXPECT_EQ(outcome.entries[2].mark, "m");
    EXPECT_TRUE(outcome.entries[5].is_fua());
    EXPECT_EQ(outcome.ending.kind, Ending::Kind::kCounted);
    EXPECT_EQ(outcome.ending.entry, 6u);
    EXPECT_EQ(outcome.ending.log_offset, *file->size());
  }
}

TEST(Reader, PayloadsAreWhereTheEntriesSay) {
  const auto file = some_log().file();
  auto reader = Reader::open(*file);
  const auto entry = reader->next();
  std::vector<std::byte> payload(512);
  ASSERT_TRUE(reader->read_payload(*entry, 1024, payload));
  EXPECT_EQ(payload.front(), std::byte{'C'});
}

// However a log is cut, all entries that are whole are read, and the cut is told apart from an end.
TEST(Reader, ATornTailIsFoundWhereverItIs) {
  const LogBuilder log = some_log();
  const auto whole = log.bytes();
  const std::vector<Entry> entries = read_all(*log.file()).entries;
  for (std::size_t size = 512; size < whole.size(); size += 128) {
    const MemoryFile file("cut",
                          {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    const Outcome outcome = read_all(file);
    const auto readable = static_cast<std::size_t>(
        std::count_if(entries.begin(), entries.end(),
                      [&](const Entry& entry) { return entry.end_offset() <= size; }));
    EXPECT_EQ(outcome.entries.size(), readable) << size;
    EXPECT_EQ(outcome.ending.kind, Ending::Kind::kTorn) << size;
    EXPECT_EQ(outcome.ending.entry, readable);
    EXPECT_EQ(to_status(outcome.ending).error().kind, ErrorKind::kBadInput);
    EXPECT_THAT(outcome.ending.message, HasSubstr("powercut repair"));
  }
}

TEST(Reader, CorruptionIsNamedWithItsPlace) {
  const LogBuilder log = some_log();
  auto bytes = log.bytes();
  const Entry third = read_all(*log.file()).entries[2];
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(third.log_offset), 32, std::byte{0});
  const Outcome outcome = read_all(MemoryFile("bad", bytes));
  EXPECT_EQ(outcome.entries.size(), 2u);
  EXPECT_EQ(outcome.ending.kind, Ending::Kind::kCorrupt);
  EXPECT_THAT(outcome.ending.message,
              HasSubstr("entry 2 at byte " + std::to_string(third.log_offset)));
}

TEST(Reader, AnIoErrorIsNotCorruption) {
  const LogBuilder log = some_log();
  const FaultyFile file(log.file(), [](FaultyFile::Operation, std::uint64_t number) {
    return number == 1 ? std::optional(FaultyFile::Fault{EIO, 0}) : std::nullopt;
  });
  const Outcome outcome = read_all(file);
  EXPECT_EQ(outcome.ending.kind, Ending::Kind::kIoError);
  EXPECT_EQ(to_status(outcome.ending).error().kind, ErrorKind::kEnvironment);
}

// Small entries, among which a large one stands now and then; several MiB of them.
LogBuilder long_log() {
  LogBuilder log(512, test_extension(64 * kMiB));
  for (int i = 0; i < 6000; ++i) log.write(0, std::string(i % 1000 == 999 ? 3000 : 3, 'x'));
  return log;
}

TEST(Reader, AThreadThatReadsAheadChangesNothing) {
  const auto file = long_log().file();
  auto plain = Reader::open(*file);
  auto ahead = Reader::open(*file, {.read_ahead = true});
  ASSERT_TRUE(plain && ahead);
  const auto expect_same_to_the_end = [&] {
    EntryIndex count = 0;
    while (const auto expected = plain->next()) {
      const auto entry = ahead->next();
      ASSERT_TRUE(entry) << ahead->ending().message;
      ASSERT_EQ(entry->log_offset, expected->log_offset);
      ASSERT_EQ(entry->extension, expected->extension);
      ++count;
    }
    EXPECT_GT(count, 0u);
    EXPECT_FALSE(ahead->next());
    EXPECT_TRUE(ahead->ending().is_whole());
  };
  expect_same_to_the_end();
  plain->seek(0, 512);
  ahead->seek(0, 512);
  expect_same_to_the_end();
}

TEST(Reader, ReadingAheadFindsATornTail) {
  auto bytes = long_log().bytes();
  bytes.resize(bytes.size() - 1);
  const MemoryFile file("cut", bytes);
  auto reader = Reader::open(file, {.read_ahead = true});
  ASSERT_TRUE(reader);
  while (reader->next()) {
  }
  EXPECT_EQ(reader->ending().kind, Ending::Kind::kTorn);
  EXPECT_EQ(reader->ending().entry, 5999u);
}

TEST(Reader, ReadingAheadAnIoErrorIsStillOne) {
  const FaultyFile file(long_log().file(), [](FaultyFile::Operation, std::uint64_t number) {
    return number > 12 ? std::optional(FaultyFile::Fault{EIO, 0}) : std::nullopt;
  });
  auto reader = Reader::open(file, {.read_ahead = true});
  ASSERT_TRUE(reader);
  while (reader->next()) {
  }
  EXPECT_EQ(reader->ending().kind, Ending::Kind::kIoError);
}

TEST(Reader, HugeSizesAreCheckedBeforeAnythingIsAllocated) {
  LogBuilder log;
  log.write(0, "A");
  Entry huge;
  huge.nr_sectors = 1ull << 40;
  huge.sector = 1;
  log.entry(huge, {});
  const Outcome outcome = read_all(*log.file());
  EXPECT_EQ(outcome.entries.size(), 1u);
  EXPECT_EQ(outcome.ending.kind, Ending::Kind::kTorn);
}

TEST(Reader, WhatIsNoLogIsRefused) {
  const MemoryFile empty;
  EXPECT_THAT(Reader::open(empty).error().message, HasSubstr("too few"));
  const MemoryFile noise("noise", std::vector<std::byte>(4096, std::byte{7}));
  const auto result = Reader::open(noise);
  EXPECT_THAT(result.error().message, HasSubstr("'noise': not a log"));
  EXPECT_EQ(result.error().kind, ErrorKind::kBadInput);
}

// Behind a stale super block.
TEST(Reader, PastTheCountWholeEntriesAreFound) {
  for (const bool with_extension : {false, true}) {
    LogBuilder log = with_extension ? some_log(test_extension(8192)) : some_log();
    log.count(2);
    EXPECT_EQ(read_all(*log.file()).entries.size(), 2u);
    const Outcome outcome = read_all(*log.file(), true);
    EXPECT_EQ(outcome.entries.size(), 6u);
    EXPECT_EQ(outcome.ending.kind, Ending::Kind::kCounted);
  }
}

TEST(Reader, PastTheCountATornEntryEndsTheLogQuietly) {
  LogBuilder log = some_log(test_extension(8192));
  log.count(2);
  auto bytes = log.bytes();
  bytes.resize(bytes.size() - 1);
  const Outcome outcome = read_all(MemoryFile("cut", bytes), true);
  EXPECT_EQ(outcome.entries.size(), 5u);
  EXPECT_EQ(outcome.ending.kind, Ending::Kind::kCounted);
}

TEST(Reader, PastTheCountEntriesOfAnotherLogAreNotOurs) {
  LogBuilder older = some_log(test_extension(8192));
  SuperBlockExtension other = test_extension(8192);
  other.uuid[0] ^= 1;
  LogBuilder log(512, other);
  log.write(0, "ABC");
  auto bytes = older.bytes();
  const auto fresh = log.bytes();
  std::copy(fresh.begin(), fresh.end(), bytes.begin());
  EXPECT_EQ(read_all(MemoryFile("reused", bytes), true).entries.size(), 1u);
}

TEST(Reader, PastTheCountAPayloadThatIsNotTheOneHashedIsNotTaken) {
  LogBuilder log(512, test_extension(8192));
  log.write(0, "A").write(1, "B").count(1);
  auto bytes = log.bytes();
  bytes.back() ^= std::byte{1};
  EXPECT_EQ(read_all(MemoryFile("torn", bytes), true).entries.size(), 1u);
}

}  // namespace
}  // namespace powercut::log
