// SPDX-License-Identifier: Apache-2.0
#include "index/log_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/prng.h"
#include "log/writer.h"
#include "support/golden.h"
#include "support/log_builder.h"
#include "support/rounds.h"
#include "support/same_bytes.h"
#include "support/shared_file.h"

namespace powercut::index {
namespace {

using test::LogBuilder;

std::unique_ptr<LogIndex> open_index(std::shared_ptr<const File> log) {
  auto index = LogIndex::open(std::move(log), {});
  EXPECT_TRUE(index) << index.error().message;
  return *std::move(index);
}

std::vector<Extent> look_up(const LogIndex& index, ByteRange range, EntryIndex limit) {
  auto extents = index.look_up(range, limit);
  EXPECT_TRUE(extents) << extents.error().message;
  return *extents;
}

void put(const LogIndex& index, const Extent& extent, std::vector<std::byte>& image) {
  const auto into = MutableBytes(image).subspan(extent.range.begin, extent.range.size());
  if (extent.source == Extent::Source::kZeroes) std::fill(into.begin(), into.end(), std::byte{0});
  if (extent.source != Extent::Source::kPayload) return;
  EXPECT_TRUE(read_exactly(*index.log(), extent.log_offset, into));
}

// A device whose content was 0x5a everywhere, by what the index says.
std::vector<std::byte> image_by_index(const LogIndex& index, ByteCount size, EntryIndex limit) {
  std::vector<std::byte> image(size, std::byte{0x5a});
  ByteOffset at = 0;
  std::optional<Extent> last;
  for (const Extent& extent : look_up(index, {0, size}, limit)) {
    EXPECT_EQ(extent.range.begin, at);
    EXPECT_LT(extent.range.begin, extent.range.end);
    EXPECT_FALSE(last && last->source == extent.source && last->entry == extent.entry);
    at = extent.range.end;
    last = extent;
    put(index, extent, image);
  }
  EXPECT_EQ(at, size);
  return image;
}

std::vector<std::byte> image_by_replay(const LogBuilder& log, ByteCount size, EntryIndex limit) {
  return log.image_after(limit, std::vector<std::byte>(size, std::byte{0x5a}));
}

// What a log is made of in these tests; see add_random.
struct Model {
  std::vector<ByteRange> written;  // by each entry
  std::vector<EntryIndex> flushes;
  std::vector<Mark> marks;
};

void add_random(LogBuilder& log, Prng& prng, Sector device_sectors, Model& model) {
  const EntryIndex index = log.nr_entries();
  const std::uint64_t kind = prng.below(20);
  ByteRange written;
  if (kind == 0) {
    log::Entry flush;  // as kernels put ahead of a write with PREFLUSH and FUA: with a sector
    flush.flags = log::kFlagFlush | log::kFlagFua | log::kFlagMetadata;
    flush.sector = prng.below(device_sectors);
    log.entry(flush, {});
    model.flushes.push_back(index);
  } else if (kind == 1) {
    log.flush();
    model.flushes.push_back(index);
  } else if (kind == 2) {
    const std::string text = "mark " + std::to_string(prng.below(5));
    log.mark(text);
    model.marks.push_back({index, text});
  } else {
    Sector begin = prng.below(device_sectors);
    std::uint64_t length = 1 + prng.below(prng.one_in(10) ? device_sectors : 16);
    if (kind == 3 && prng.one_in(3)) begin = 0, length = device_sectors;
    length = std::min(length, device_sectors - begin);
    written = {begin * log.sector_size(), (begin + length) * log.sector_size()};
    if (kind <= 5) {
      log.discard(begin, length);
    } else if (kind <= 7) {
      log.zeroes(begin, length);
    } else {
      std::vector<std::byte> payload(length * log.sector_size());
      prng.fill(payload);
      const bool has_flush = prng.one_in(8);
      if (has_flush) model.flushes.push_back(index);
      log.write_bytes(begin, payload, has_flush ? log::kFlagFlush : prng.below(4) & log::kFlagFua);
    }
  }
  model.written.push_back(written);
}

bool overlap(const ByteRange& a, const ByteRange& b) {
  return a.begin < b.end && b.begin < a.end;
}

void expect_writers(const LogIndex& index, const Model& model, ByteRange range, EntryIndex from,
                    EntryIndex to) {
  std::vector<EntryIndex> expected;
  for (EntryIndex i = from; i < to; ++i)
    if (overlap(model.written[i], range)) expected.push_back(i);
  std::vector<EntryIndex> found;
  EXPECT_TRUE(
      index.writers(range, from, to, [&](EntryIndex entry, const EntrySummary& summary) -> Status {
        EXPECT_EQ(summary.sector * index.sector_size(), model.written[entry].begin);
        found.push_back(entry);
        return {};
      }));
  EXPECT_EQ(found, expected);
}

void expect_changes(const LogIndex& index, const LogBuilder& log, const Model& model,
                    ByteCount size, ByteRange range, EntryIndex from, EntryIndex to) {
  auto image = image_by_replay(log, size, from);
  std::vector<bool> is_changed(size / index.sector_size());
  EXPECT_TRUE(index.changes(range, from, to, [&](const Extent& extent) -> Status {
    EXPECT_NE(extent.source, Extent::Source::kInitial);
    EXPECT_TRUE(extent.entry >= from && extent.entry < to);
    put(index, extent, image);
    for (Sector s = extent.range.begin / index.sector_size();
         s < extent.range.end / index.sector_size(); ++s)
      is_changed[s] = true;
    return {};
  }));
  const auto after = image_by_replay(log, size, to);
  EXPECT_TRUE(std::equal(image.begin() + static_cast<std::ptrdiff_t>(range.begin),
                         image.begin() + static_cast<std::ptrdiff_t>(range.end),
                         after.begin() + static_cast<std::ptrdiff_t>(range.begin)));
  for (Sector s = 0; s < is_changed.size(); ++s) {
    const ByteRange sector{s * index.sector_size(), (s + 1) * index.sector_size()};
    bool expected = false;
    for (EntryIndex i = from; i < to; ++i) expected |= overlap(model.written[i], sector);
    EXPECT_EQ(is_changed[s], expected && overlap(sector, range)) << s;
  }
}

void expect_all_right(const LogIndex& index, const LogBuilder& log, const Model& model,
                      ByteCount size, Prng& prng) {
  ASSERT_EQ(index.nr_entries(), log.nr_entries());
  for (int i = 0; i < 8; ++i) {
    const EntryIndex limit = prng.below(log.nr_entries() + 1);
    ASSERT_EQ(image_by_index(index, size, limit), image_by_replay(log, size, limit)) << limit;
    const ByteCount sector = index.sector_size();
    const ByteOffset begin = prng.below(size / sector) * sector;
    const ByteRange range{begin, begin + (1 + prng.below((size - begin) / sector)) * sector};
    const EntryIndex from = prng.below(limit + 1);
    expect_writers(index, model, range, from, limit);
    if (i < 2) expect_changes(index, log, model, size, range, from, limit);
  }
  ASSERT_EQ(index.nr_flushes(), model.flushes.size());
  for (std::uint64_t i = 0; i < model.flushes.size(); ++i)
    ASSERT_EQ(*index.flush(i), model.flushes[i]);
  ASSERT_EQ(index.nr_marks(), model.marks.size());
  for (std::uint64_t i = 0; i < model.marks.size(); ++i) ASSERT_EQ(*index.mark(i), model.marks[i]);
  const EntryIndex limit = prng.below(log.nr_entries() + 1);
  EXPECT_EQ(*index.flushes_before(limit),
            static_cast<std::uint64_t>(
                std::lower_bound(model.flushes.begin(), model.flushes.end(), limit) -
                model.flushes.begin()));
  EXPECT_EQ(*index.marks_before(limit), static_cast<std::uint64_t>(std::count_if(
                                            model.marks.begin(), model.marks.end(),
                                            [&](const Mark& mark) { return mark.entry < limit; })));
}

TEST(LogIndex, RandomLogs) {
  for (std::uint64_t seed = 1; seed <= test::rounds(80); ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    const std::uint32_t sector_size = prng.one_in(2) ? 512 : 4096;
    const Sector device_sectors = 1 + prng.below(3 * kMiB / sector_size);
    const ByteCount size = device_sectors * sector_size;
    LogBuilder log(sector_size,
                   prng.one_in(2) ? std::optional(test::test_extension(size)) : std::nullopt);
    Model model;
    const std::uint64_t entries = prng.below(150);
    for (std::uint64_t i = 0; i < entries; ++i) add_random(log, prng, device_sectors, model);
    const auto index = open_index(log.file());
    expect_all_right(*index, log, model, size, prng);
    if (HasFatalFailure()) return;
  }
}

TEST(LogIndex, RandomLogsThatGrow) {
  for (std::uint64_t seed = 1; seed <= test::rounds(8); ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    const Sector device_sectors = 3000;
    const ByteCount size = device_sectors * 512;
    LogBuilder log(512, test::test_extension(size));
    const auto file = std::shared_ptr<MemoryFile>(log.file());
    Model model;
    const auto index = open_index(file);
    for (int step = 0; step < 12; ++step) {
      const std::uint64_t entries = prng.below(prng.one_in(3) ? 40 : 4);
      for (std::uint64_t i = 0; i < entries; ++i) add_random(log, prng, device_sectors, model);
      ASSERT_TRUE(file->write_at(0, ConstBytes(log.bytes())));
      ASSERT_TRUE(index->refresh());
      expect_all_right(*index, log, model, size, prng);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(LogIndex, SmallExample) {
  LogBuilder log;
  log.write(0, "ABCD").flush().write(1, "XY").mark("m").discard(2, 1);
  const auto index = open_index(log.file());
  const auto extents = look_up(*index, {0, 6 * 512}, 5);
  const std::vector<Extent> expected = {
      {{0, 512}, Extent::Source::kPayload, 0, 2 * 512},
      {{512, 1024}, Extent::Source::kPayload, 2, 8 * 512},
      {{1024, 1536}, Extent::Source::kZeroes, 4, 0},
      {{1536, 2048}, Extent::Source::kPayload, 0, 5 * 512},
      {{2048, 3072}, Extent::Source::kInitial, 0, 0},
  };
  EXPECT_EQ(extents, expected);
  EXPECT_EQ(index->least_device_size_bytes(), 4 * 512u);
  EXPECT_EQ(*index->find_mark("m", 1), 3u);
  EXPECT_EQ(*index->find_mark("m", 2), std::nullopt);
  EXPECT_TRUE(index->ending().is_whole());
}

TEST(LogIndex, MarkWithSectorsWritesNothing) {
  LogBuilder log;
  log::Entry mark;
  mark.flags = log::kFlagMark;
  mark.nr_sectors = 1;
  log.write(0, "A").entry(mark, std::vector<std::byte>(512)).write(1, "B");
  const auto index = open_index(log.file());
  EXPECT_EQ(look_up(*index, {0, 512}, 3).front().entry, 0u);
  EXPECT_EQ(look_up(*index, {512, 1024}, 3).front().log_offset, 6 * 512u);
}

TEST(LogIndex, ASinkEndsTheWalk) {
  LogBuilder log;
  log.write(0, "A").write(1, "B").write(2, "C");
  const auto index = open_index(log.file());
  int calls = 0;
  const Status status = index->look_up({0, 1536}, 3, [&](const Extent&) -> Status {
    return ++calls == 2 ? usage_error("enough") : Status{};
  });
  EXPECT_FALSE(status);
  EXPECT_EQ(calls, 2);
}

TEST(LogIndex, TornAndCorruptLogs) {
  LogBuilder log;
  log.write(0, "A").write(1, "B").count(3);
  const auto torn = open_index(log.file());
  EXPECT_EQ(torn->nr_entries(), 2u);
  EXPECT_EQ(torn->ending().kind, log::Ending::Kind::kTorn);
  log.raw(std::vector<std::byte>(512));
  const auto corrupt = open_index(log.file());
  EXPECT_EQ(corrupt->nr_entries(), 2u);
  EXPECT_EQ(corrupt->ending().kind, log::Ending::Kind::kCorrupt);
  EXPECT_FALSE(LogIndex::open(std::make_shared<MemoryFile>(), {}));
}

TEST(LogIndex, RefreshRefusesAnotherLog) {
  LogBuilder log;
  log.write(0, "A").write(1, "B");
  const auto file = std::shared_ptr<MemoryFile>(log.file());
  const auto index = open_index(file);
  LogBuilder shorter;
  shorter.write(0, "A");
  ASSERT_TRUE(file->write_at(0, ConstBytes(shorter.bytes())));
  EXPECT_FALSE(index->refresh());
  LogBuilder other(512, test::test_extension(1 * kMiB));
  other.write(0, "A").write(1, "B").write(2, "C");
  ASSERT_TRUE(file->write_at(0, ConstBytes(other.bytes())));
  EXPECT_FALSE(index->refresh());
  EXPECT_EQ(index->nr_entries(), 2u);
}

// A flush that is overtaken is a mark until it completes.
TEST(LogIndex, PendingFlushesBecomeFlushes) {
  for (const bool extensions : {true, false}) {
    const auto file = std::make_shared<MemoryFile>();
    log::WriterOptions options;
    options.extensions = extensions;
    options.device_size_bytes = 1 * kMiB;
    auto writer = *log::Writer::create(std::make_unique<test::SharedFile>(file), options);
    const std::vector<std::byte> payload(512, std::byte{'A'});
    const auto write = [&] { ASSERT_TRUE(writer->append({.nr_sectors = 1, .payload = payload})); };
    write();
    const auto first = writer->begin_flush();
    write();
    const auto second = writer->begin_flush();
    for (int i = 0; i < 20; ++i) write();
    ASSERT_TRUE(writer->sync());
    const auto index = open_index(file);
    EXPECT_EQ(index->nr_entries(), 24u);
    EXPECT_EQ(index->nr_flushes(), 0u);
    EXPECT_EQ(index->nr_marks(), 2u);
    EXPECT_TRUE(index->entry(1)->is_pending_flush);

    ASSERT_TRUE(writer->complete_flush(*second));
    ASSERT_TRUE(index->refresh());
    EXPECT_EQ(index->nr_flushes(), 1u);
    EXPECT_EQ(*index->flush(0), 3u);
    EXPECT_EQ(index->nr_marks(), 1u);

    ASSERT_TRUE(writer->fail_flush(*first, "no"));
    write();
    ASSERT_TRUE(writer->sync());
    ASSERT_TRUE(index->refresh());
    EXPECT_EQ(index->nr_entries(), 25u);
    EXPECT_EQ(index->nr_flushes(), 1u);
    EXPECT_FALSE(index->entry(1)->is_pending_flush);
    EXPECT_EQ(index->mark(0)->text, "powercut: flush failed: no");
  }
}

// Questions while the log grows; of what was known, the answers stay.
TEST(LogIndex, ManyReadersOfALogThatGrows) {
  const auto file = std::make_shared<MemoryFile>();
  log::WriterOptions options;
  options.device_size_bytes = 1 * kMiB;
  auto writer = *log::Writer::create(std::make_unique<test::SharedFile>(file), options);
  const auto index = open_index(file);
  std::atomic<bool> is_done = false;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Prng prng(t);
      while (!is_done) {
        const EntryIndex limit = prng.below(index->nr_entries() + 1);
        // Entry i writes sector i % 2048.
        const Sector sector = prng.below(2048);
        const auto extents = index->look_up({sector * 512, sector * 512 + 512}, limit);
        ASSERT_TRUE(extents);
        ASSERT_EQ(extents->size(), 1u);
        const bool is_written = sector < limit;
        ASSERT_EQ(extents->front().source,
                  is_written ? Extent::Source::kPayload : Extent::Source::kInitial);
        if (is_written) {
          const EntryIndex expected = limit - 1 - (limit - 1 - sector) % 2048;
          ASSERT_EQ(extents->front().entry, expected);
        }
      }
    });
  }
  const std::vector<std::byte> payload(512, std::byte{'A'});
  for (EntryIndex i = 0; i < 5000; ++i) {
    EXPECT_TRUE(writer->append({.sector = i % 2048, .nr_sectors = 1, .payload = payload}));
    if (i % 50 == 0) {
      EXPECT_TRUE(writer->sync());
      EXPECT_TRUE(index->refresh());
      EXPECT_EQ(index->nr_entries(), i + 1);
    }
  }
  is_done = true;
  for (auto& thread : threads) thread.join();
}

TEST(LogIndex, GoldenLogs) {
  for (const auto& golden : test::golden_logs()) {
    SCOPED_TRACE(golden.name);
    const auto index = open_index(golden.unpack());
    EXPECT_EQ(index->nr_entries(), golden.nr_entries);
    auto reader = *log::Reader::open(*index->log());
    // Full replay, with a look at some instants on the way.
    std::vector<std::byte> image(golden.device_size_bytes, std::byte{0x5a});
    Prng prng(golden.nr_entries);
    while (const auto entry = reader.next()) {
      ASSERT_EQ(*index->entry(entry->index), summary_of(*entry));
      if (!entry->is_mark() && entry->nr_sectors > 0) {
        const ByteRange range = entry->device_range();
        const auto into = MutableBytes(image).subspan(range.begin, range.size());
        if (entry->is_discard()) {
          std::fill(into.begin(), into.end(), std::byte{0});
        } else {
          ASSERT_TRUE(reader.read_payload(*entry, 0, into));
        }
      }
      const EntryIndex limit = entry->index + 1;
      if (limit != golden.nr_entries && !prng.one_in(golden.nr_entries / 2 + 1)) continue;
      ASSERT_TRUE(test::same_bytes(image_by_index(*index, image.size(), limit), image)) << limit;
    }
  }
}

}  // namespace
}  // namespace powercut::index
