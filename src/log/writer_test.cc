// SPDX-License-Identifier: Apache-2.0
#include "log/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/prng.h"
#include "io/faulty_file.h"
#include "io/memory_file.h"
#include "log/codec.h"
#include "log/reader.h"
#include "support/log_builder.h"
#include "support/shared_file.h"
#include "support/volatile_file.h"

namespace powercut::log {
namespace {

using test::FixedSizeFile;
using test::LogBuilder;
using test::SharedFile;
using test::VolatileFile;
using testing::HasSubstr;

std::unique_ptr<Writer> make_writer(const std::shared_ptr<File>& file, bool extensions = true,
                                    std::uint32_t sector_size = 512) {
  WriterOptions options;
  options.sector_size = sector_size;
  options.extensions = extensions;
  options.device_size_bytes = 1 * kMiB;
  auto writer = Writer::create(std::make_unique<SharedFile>(file), options);
  EXPECT_TRUE(writer) << writer.error().message;
  return *std::move(writer);
}

std::unique_ptr<Writer> reopen(const std::shared_ptr<File>& file) {
  auto writer = Writer::append_to(std::make_unique<SharedFile>(file), {});
  EXPECT_TRUE(writer) << writer.error().message;
  return *std::move(writer);
}

std::vector<Entry> entries_of(const File& file, bool past_count = false) {
  auto reader = Reader::open(file, {.past_count = past_count});
  EXPECT_TRUE(reader) << reader.error().message;
  std::vector<Entry> entries;
  while (auto entry = reader->next()) entries.push_back(*std::move(entry));
  EXPECT_TRUE(reader->ending().is_whole()) << reader->ending().message;
  return entries;
}

std::vector<std::string> kinds_of(const File& file) {
  std::vector<std::string> kinds;
  for (const Entry& entry : entries_of(file)) kinds.emplace_back(kind_name(entry));
  return kinds;
}

std::vector<std::byte> sectors(std::size_t count, char fill, std::size_t sector_size = 512) {
  return std::vector<std::byte>(count * sector_size, static_cast<std::byte>(fill));
}

NewEntry write_of(Sector sector, ConstBytes payload, std::uint64_t flags = 0,
                  std::size_t sector_size = 512) {
  return {.sector = sector,
          .nr_sectors = payload.size() / sector_size,
          .flags = flags,
          .payload = payload};
}

NewEntry mark_of(std::string_view text) {
  return {.operation = Operation::kMark, .flags = kFlagMark, .mark = text};
}

void flush(Writer& writer) {
  const auto pending = writer.begin_flush();
  ASSERT_TRUE(pending);
  ASSERT_TRUE(writer.complete_flush(*pending));
}

TEST(Writer, WithoutExtensionsTheLogIsTheOneBuiltByHand) {
  for (const std::uint32_t sector_size : {32u, 512u, 4096u}) {
    const auto file = std::make_shared<MemoryFile>();
    auto writer = make_writer(file, false, sector_size);
    const auto ab = sectors(1, 'A', sector_size);
    ASSERT_TRUE(writer->append(write_of(3, ab, 0, sector_size)));
    ASSERT_TRUE(writer->append({.operation = Operation::kZeroes, .sector = 4, .nr_sectors = 2}));
    ASSERT_TRUE(writer->append(
        {.operation = Operation::kDiscard, .sector = 0, .nr_sectors = 9, .flags = kFlagDiscard}));
    ASSERT_TRUE(writer->append(write_of(1, ab, kFlagFua, sector_size)));
    flush(*writer);
    ASSERT_TRUE(writer->close());
    LogBuilder expected(sector_size);
    expected.write(3, "A").zeroes(4, 2).discard(0, 9).fua(1, "A").flush();
    EXPECT_EQ(file->content(), expected.bytes());
  }
}

TEST(Writer, TicksNumbersAndHashesAreThere) {
  const auto file = std::make_shared<MemoryFile>();
  auto writer = make_writer(file);
  const auto a = sectors(1, 'A');
  NewEntry entry = write_of(0, a);
  entry.submit_tick = writer->take_tick();
  ASSERT_TRUE(writer->append(entry));
  flush(*writer);
  ASSERT_TRUE(writer->close());
  const auto entries = entries_of(*file);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].extension->submit_tick, 1u);
  EXPECT_EQ(entries[0].extension->complete_tick, 2u);
  EXPECT_EQ(entries[1].extension->submit_tick, 3u);
  EXPECT_EQ(entries[1].extension->complete_tick, 4u);
  EXPECT_EQ(entries[1].extension->entry_index, 1u);
  auto reader = Reader::open(*file);
  EXPECT_EQ(*payload_matches(*reader, entries[0]), true);
}

// The super block is brought up to date by each of these, and by nothing else until the interval is
// full.
TEST(Writer, WhenTheSuperBlockIsRewritten) {
  const auto count = [](const File& file) { return Reader::open(file)->super_block().nr_entries; };
  const auto file = std::make_shared<MemoryFile>();
  WriterOptions options;
  options.super_update_interval = 10;
  auto writer = *Writer::create(std::make_unique<SharedFile>(file), options);
  const auto a = sectors(1, 'A');
  EXPECT_EQ(count(*file), 0u);
  ASSERT_TRUE(writer->append(write_of(0, a)));
  EXPECT_EQ(count(*file), 0u);
  flush(*writer);
  EXPECT_EQ(count(*file), 2u);
  ASSERT_TRUE(writer->append(write_of(0, a, kFlagFua)));
  EXPECT_EQ(count(*file), 3u);
  ASSERT_TRUE(writer->append(mark_of("m")));
  EXPECT_EQ(count(*file), 4u);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(writer->append(write_of(0, a)));
  EXPECT_EQ(count(*file), 4u);
  ASSERT_TRUE(writer->append(write_of(0, a)));
  EXPECT_EQ(count(*file), 10u);
  ASSERT_TRUE(writer->append(write_of(0, a)));
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(count(*file), 11u);
  EXPECT_EQ(file->synced_content(), file->content());
}

// A power cut of the host at any moment: what the super block on disk counts is on disk.
TEST(Writer, TheSuperBlockNeverCountsWhatIsNotDurable) {
  const auto file = std::make_shared<MemoryFile>();
  auto writer = make_writer(file);
  const auto a = sectors(2, 'A');
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(writer->append(write_of(0, a)));
    if (i % 3 == 0) flush(*writer);
    const MemoryFile after_cut("after", file->synced_content());
    (void)entries_of(after_cut);  // expects that it is whole
  }
}

TEST(Writer, AFlushStandsWhereItWasSubmitted) {
  const auto file = std::make_shared<MemoryFile>();
  auto writer = make_writer(file);
  const auto a = sectors(1, 'A');
  ASSERT_TRUE(writer->append(write_of(0, a)));
  const auto pending = writer->begin_flush();
  ASSERT_TRUE(writer->append(write_of(1, a)));
  // As a kill would leave it now: no flush, since none has completed.
  std::vector<std::string> kinds;
  for (const Entry& entry : entries_of(*file, true)) kinds.emplace_back(kind_name(entry));
  EXPECT_THAT(kinds, testing::ElementsAre("write", "mark", "write"));
  ASSERT_TRUE(writer->complete_flush(*pending));
  EXPECT_THAT(kinds_of(*file), testing::ElementsAre("write", "flush", "write"));
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(file->synced_content(), file->content());
}

TEST(Writer, FlushesThatOvertakeOneAnotherKeepTheirPlaces) {
  const auto file = std::make_shared<MemoryFile>();
  auto writer = make_writer(file);
  const auto a = sectors(1, 'A');
  const auto first = writer->begin_flush();
  const auto second = writer->begin_flush();
  ASSERT_TRUE(writer->complete_flush(*second));
  ASSERT_TRUE(writer->append(write_of(0, a)));
  ASSERT_TRUE(writer->fail_flush(*first, "EIO"));
  const auto entries = entries_of(*file);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].mark, "powercut: flush failed: EIO");
  EXPECT_STREQ(kind_name(entries[1]), "flush");
  EXPECT_STREQ(kind_name(entries[2]), "write");
}

TEST(Writer, AppendingGoesOn) {
  for (const bool extensions : {false, true}) {
    const auto file = std::make_shared<MemoryFile>();
    const auto a = sectors(1, 'A');
    {
      auto writer = make_writer(file, extensions);
      ASSERT_TRUE(writer->append(write_of(0, a)));
    }
    auto writer = reopen(file);
    EXPECT_EQ(writer->has_extensions(), extensions);
    ASSERT_TRUE(writer->append(write_of(1, a)));
    ASSERT_TRUE(writer->close());
    const auto entries = entries_of(*file);
    ASSERT_EQ(entries.size(), 2u);
    if (extensions) {
      EXPECT_GT(entries[1].extension->complete_tick, entries[0].extension->complete_tick);
    }
    EXPECT_EQ(file->synced_content(), file->content());
  }
}

TEST(Writer, AppendingRecoversWhatAKillLeft) {
  for (const bool extensions : {false, true}) {
    const auto file = std::make_shared<MemoryFile>();
    const auto a = sectors(4, 'A');
    auto writer = make_writer(file, extensions);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer->append(write_of(0, a)));
    auto killed = file->content();
    killed.resize(killed.size() - 100);  // within the third
    const auto after = std::make_shared<MemoryFile>("killed", killed);
    auto next = reopen(after);
    EXPECT_EQ(next->counters().recovered_entries, 2u);
    ASSERT_TRUE(next->append(write_of(1, a)));
    ASSERT_TRUE(next->close());
    EXPECT_EQ(entries_of(*after).size(), 3u);
  }
}

TEST(Writer, AnEmptyFileIsAnEmptyLog) {
  const auto file = std::make_shared<MemoryFile>();
  ASSERT_TRUE(reopen(file)->close());
  EXPECT_EQ(entries_of(*file).size(), 0u);
  EXPECT_EQ(Reader::open(*file)->sector_size(), 512u);
}

TEST(Writer, AppendRefusesWhatIsNoWholeLog) {
  const auto noise =
      std::make_shared<MemoryFile>("noise", std::vector<std::byte>(4096, std::byte{1}));
  EXPECT_THAT(Writer::append_to(std::make_unique<SharedFile>(noise), {}).error().message,
              HasSubstr("not a log"));
  LogBuilder log;
  log.write(0, "A").count(5);
  EXPECT_THAT(Writer::append_to(log.file(), {}).error().message, HasSubstr("powercut repair"));
}

TEST(Writer, BadOptionsAreRefused) {
  WriterOptions options;
  options.sector_size = 1000;
  EXPECT_THAT(Writer::create(std::make_unique<MemoryFile>(), options).error().message,
              HasSubstr("power of two"));
  options.sector_size = 256;
  EXPECT_THAT(Writer::create(std::make_unique<MemoryFile>(), options).error().message,
              HasSubstr("at least 512"));
  options = {};
  options.super_update_interval = 0;
  EXPECT_THAT(Writer::create(std::make_unique<MemoryFile>(), options).error().message,
              HasSubstr("must not be 0"));
}

// A failure at each single operation on the log: what was acknowledged is in it, it is whole, and
// nothing is acknowledged behind the failure.
TEST(Writer, FailsCleanlyAtEveryOperation) {
  const auto a = sectors(3, 'A');
  for (std::uint64_t at = 3;; ++at) {  // create() takes 0 to 2
    SCOPED_TRACE(testing::Message() << "operation " << at);
    const auto memory = std::make_shared<MemoryFile>();
    bool has_failed = false;
    const auto file = std::make_shared<FaultyFile>(
        std::make_unique<SharedFile>(memory),
        [&](FaultyFile::Operation, std::uint64_t number) -> std::optional<FaultyFile::Fault> {
          if (number != at) return std::nullopt;
          has_failed = true;
          return FaultyFile::Fault{ENOSPC, 700};
        });
    auto writer = make_writer(file);
    std::uint64_t acknowledged = 0;
    bool refused = false;
    const auto note = [&](bool ok) {
      EXPECT_FALSE(ok && refused) << "acknowledged behind a failure";
      refused |= !ok;
      acknowledged += ok ? 1 : 0;
    };
    for (int i = 0; i < 4; ++i) {
      note(writer->append(write_of(0, a)).has_value());
      note(writer->append({.operation = Operation::kZeroes, .sector = 4, .nr_sectors = 2})
               .has_value());
      const auto pending = writer->begin_flush();
      note(pending && writer->complete_flush(*pending));
    }
    EXPECT_EQ(writer->failure().has_value(), refused);
    if (refused) {
      EXPECT_EQ(writer->failure()->os_errno, ENOSPC);
    }
    (void)writer->close();
    writer.reset();
    EXPECT_GE(entries_of(*memory, true).size(), acknowledged);
    if (!has_failed) break;
    ASSERT_LT(at, 100u);
  }
}

// A log on a block device: it keeps its size, and what stands behind the log is anything.
TEST(Writer, ABlockDeviceIsClosedAndGoneOnWith) {
  const auto memory = std::make_shared<MemoryFile>("disk", sectors(64, 'x'));
  const auto a = sectors(1, 'A');
  const auto open = [&](bool append) {
    WriterOptions options;
    options.device_size_bytes = 1 * kMiB;
    options.terminate = append;
    auto file = std::make_unique<FixedSizeFile>(memory);
    return append ? *Writer::append_to(std::move(file), options)
                  : *Writer::create(std::move(file), options);
  };
  {
    const auto writer = open(false);
    ASSERT_TRUE(writer->append(write_of(0, a)));
    EXPECT_TRUE(writer->close());
  }
  const auto writer = open(true);
  ASSERT_TRUE(writer->append(write_of(1, a)));
  EXPECT_TRUE(writer->close());
  EXPECT_EQ(entries_of(*memory, true).size(), 2u);
}

// A kill tears a batch; what it left behind the tear must not come back when the log goes on.
TEST(Writer, LeftoversOnABlockDeviceStayBehind) {
  const auto memory = std::make_shared<MemoryFile>("disk", std::vector<std::byte>(64 * 512));
  const auto a = sectors(1, 'A');
  const auto b = sectors(1, 'B');
  {
    const auto writer =
        *Writer::create(std::make_unique<FixedSizeFile>(memory), {.device_size_bytes = 1 * kMiB});
    ASSERT_TRUE(writer->append(write_of(0, a)));
    ASSERT_TRUE(writer->append(write_of(1, a)));
    ASSERT_TRUE(writer->close());
  }
  // As if the first entry's payload had not got out, and nothing were counted.
  std::vector<std::byte> super_block(512);
  ASSERT_TRUE(memory->read_at(0, super_block));
  SuperBlock stale = *decode_super_block(super_block);
  stale.nr_entries = 0;
  encode_super_block(stale, super_block);
  ASSERT_TRUE(memory->write_at(0, ConstBytes(super_block)));
  ASSERT_TRUE(memory->write_at(2 * 512, ConstBytes(b)));
  WriterOptions options;
  options.terminate = true;
  const auto writer = *Writer::append_to(std::make_unique<FixedSizeFile>(memory), options);
  EXPECT_EQ(writer->counters().recovered_entries, 0u);
  ASSERT_TRUE(writer->append(write_of(2, b)));
  EXPECT_EQ(entries_of(*memory, true).size(), 1u);
}

// Whatever a kill leaves of a batch, past the count stand only entries with their own payload: also
// of zeroes, which have no hash, and on a block device full of something else without extensions.
TEST(Writer, ATornBatchHasNoHeaderWithoutItsPayload) {
  for (const bool extensions : {false, true}) {
    for (std::uint64_t at = 0; at < 20; ++at) {
      SCOPED_TRACE(testing::Message() << "write " << at << " extensions " << extensions);
      const auto memory = std::make_shared<MemoryFile>("disk", sectors(64, 'x'));
      std::uint64_t changes = 0;
      const auto dead = [&](FaultyFile::Operation operation,
                            std::uint64_t) -> std::optional<FaultyFile::Fault> {
        if (operation == FaultyFile::Operation::kRead) return std::nullopt;
        const std::uint64_t number = changes++;
        if (number < at) return std::nullopt;
        return FaultyFile::Fault{EIO, number == at ? 512u : 0u};
      };
      WriterOptions options;
      options.extensions = extensions;
      options.terminate = !extensions;
      options.device_size_bytes = 1 * kMiB;
      const auto a = sectors(2, 'A');
      if (auto writer = Writer::create(
              std::make_unique<FaultyFile>(std::make_unique<FixedSizeFile>(memory), dead),
              options)) {
        (void)(*writer)->append({.operation = Operation::kZeroes, .sector = 4, .nr_sectors = 3});
        (void)(*writer)->append(write_of(9, a));
      }
      const auto reader = Reader::open(*memory);
      if (!reader) continue;
      for (const Entry& entry : entries_of(*memory, true)) {
        std::vector<std::byte> payload(entry.payload_bytes());
        ASSERT_TRUE(reader->read_payload(entry, 0, payload));
        const auto expected = entry.sector == 4 ? std::vector<std::byte>(3 * 512) : a;
        EXPECT_EQ(payload, expected);
      }
    }
  }
}

// Linux forgets what it could not sync, and the next sync succeeds.
TEST(Writer, NothingIsCountedOnceASyncHasFailed) {
  for (const bool stop : {false, true}) {
    for (std::uint64_t failing = 0; failing < 4; ++failing) {
      const auto file = std::make_shared<VolatileFile>();
      auto writer = make_writer(file);
      const auto a = sectors(1, 'A');
      file->fail_sync(failing);
      std::uint64_t durable = 0;
      for (std::uint64_t i = 0; i < 4; ++i) {
        if (writer->append(write_of(i, a, i % 2 == 1 ? std::uint64_t{kFlagFua} : 0)) && i % 2 == 1)
          durable = i + 1;
      }
      ASSERT_TRUE(writer->failure());
      if (stop) writer->stop(EIO);
      (void)writer->close();
      for (std::uint64_t seed = 0; seed < 50; ++seed) {
        Prng prng(seed);
        const MemoryFile left("left", file->after_power_cut(prng));
        EXPECT_GE(entries_of(left).size(), durable);
        for (const Entry& entry : entries_of(left)) {
          EXPECT_EQ(**payload_matches(*Reader::open(left), entry), true);
        }
      }
    }
  }
}

TEST(Writer, StoppingIsWrittenDown) {
  const auto file = std::make_shared<MemoryFile>();
  auto writer = make_writer(file);
  const auto a = sectors(1, 'A');
  ASSERT_TRUE(writer->append(write_of(0, a)));
  writer->stop(ENOSPC);
  EXPECT_FALSE(writer->append(write_of(0, a)));
  const auto reader = Reader::open(*file);
  EXPECT_EQ(reader->super_block().nr_entries, 1u);
  EXPECT_EQ(reader->super_block().extension->stopped_errno, static_cast<std::uint32_t>(ENOSPC));
  EXPECT_EQ(reader->super_block().extension->stopped_at_entry, 1u);
}

TEST(Writer, ManyThreads) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 200;
  for (const bool extensions : {false, true}) {
    const auto file = std::make_shared<MemoryFile>();
    auto writer = make_writer(file, extensions);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        Prng prng(static_cast<std::uint64_t>(t));
        const auto payload = sectors(1 + prng.below(3), static_cast<char>('a' + t));
        EntryIndex last = 0;
        for (int i = 0; i < kRounds; ++i) {
          if (prng.one_in(10)) {
            flush(*writer);
          } else {
            const auto index = writer->append(
                write_of(static_cast<Sector>(t) * 8, payload, prng.one_in(20) ? 2 : 0));
            ASSERT_TRUE(index);
            ASSERT_TRUE(i == 0 || *index > last);  // G1, of one thread
            last = *index;
          }
        }
      });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_TRUE(writer->close());
    const auto entries = entries_of(*file);
    EXPECT_EQ(entries.size(), static_cast<std::size_t>(kThreads * kRounds));
    auto reader = Reader::open(*file);
    std::set<Tick> ticks;
    for (const Entry& entry : entries) {
      if (!entry.extension) continue;
      EXPECT_EQ(payload_matches(*reader, entry)->value_or(true), true);
      EXPECT_TRUE(ticks.insert(entry.extension->complete_tick).second);
    }
  }
}

// Threads run into a full disk together; who was told yes is in the log, and the log is whole.
// Single sectors are written wholly or not at all, as storage does it: placeholders rely on that.
TEST(Writer, ManyThreadsRunIntoAFullDisk) {
  for (std::uint64_t at : {3u, 4u, 10u, 50u, 151u, 300u}) {
    const auto memory = std::make_shared<MemoryFile>();
    const auto file = std::make_shared<FaultyFile>(
        std::make_unique<SharedFile>(memory), [at](FaultyFile::Operation, std::uint64_t number) {
          return number >= at ? std::optional(FaultyFile::Fault{ENOSPC, 512}) : std::nullopt;
        });
    auto writer = make_writer(file);
    std::atomic<std::uint64_t> acknowledged = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        const auto payload = sectors(2, static_cast<char>('a' + t));
        for (int i = 0; i < 100; ++i) {
          bool ok = false;
          if (i % 7 == t) {
            const auto pending = writer->begin_flush();
            ok = pending && writer->complete_flush(*pending);
          } else {
            ok = writer->append(write_of(0, payload)).has_value();
          }
          if (!ok) return;
          ++acknowledged;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    (void)writer->close();
    writer.reset();
    EXPECT_GE(entries_of(*memory, true).size(), acknowledged.load());
  }
}

}  // namespace
}  // namespace powercut::log
