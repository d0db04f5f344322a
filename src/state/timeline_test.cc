// SPDX-License-Identifier: Apache-2.0
#include "state/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/prng.h"
#include "block/memory_device.h"
#include "support/log_builder.h"
#include "support/temporary_directory.h"

namespace powercut::state {
namespace {

using test::LogBuilder;
using test::sketch;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string content(BlockDevice& device) {
  std::vector<std::byte> bytes(device.size_bytes());
  const Status status = device.read(0, bytes);
  EXPECT_TRUE(status) << status.error().message;
  return sketch(bytes);
}

LogBuilder example() {
  LogBuilder log;
  log.write(0, "A").mark("m").flush().write(1, "B").mark("m").write(0, "C");
  return log;
}

TEST(Timeline, GivesAViewOfEachInstantByName) {
  auto timeline = Timeline::open(example().file(), {});
  ASSERT_TRUE(timeline) << timeline.error().message;
  const std::pair<const char*, const char*> cases[] = {
      {"start", ".."},    {"1", "A."},       {"entry:4", "AB"}, {"mark:m", "A."},
      {"mark:m#2", "AB"}, {"flush:1", "A."}, {"end", "CB"},
  };
  for (const auto& [text, expected] : cases) {
    const auto entries = (*timeline)->resolve(text);
    ASSERT_TRUE(entries) << entries.error().message;
    EXPECT_EQ(content(*(*timeline)->view(*entries)), expected) << text;
  }
  EXPECT_EQ((*timeline)->resolve("mark:n").error().kind, ErrorKind::kUsage);
  EXPECT_EQ((*timeline)->resolve("nonsense").error().kind, ErrorKind::kUsage);
}

TEST(Timeline, ABaseMayBeShorterButNotLonger) {
  LogBuilder log(512, test::test_extension(4 * 512));
  log.write(1, "A");
  const auto base_of = [](ByteCount size) {
    auto base = std::make_shared<MemoryDevice>(size);
    EXPECT_TRUE(base->write(0, std::vector<std::byte>(size, std::byte{'b'}), Fua::kNo));
    return base;
  };
  std::vector<std::string> notices;
  const auto open = [&](ByteCount base_size, std::optional<ByteCount> size) {
    notices.clear();
    return Timeline::open(log.file(),
                          {.base = base_of(base_size),
                           .size_bytes = size,
                           .notice = [&](const std::string& text) { notices.push_back(text); }});
  };
  auto whole = open(4 * 512, {});
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(content(*(*whole)->view(1)), "bAbb");
  EXPECT_THAT(notices, IsEmpty());
  auto shorter = open(3 * 512, {});
  ASSERT_TRUE(shorter) << shorter.error().message;
  EXPECT_EQ(content(*(*shorter)->view(1)), "bAb.");
  EXPECT_THAT(notices, ElementsAre(HasSubstr("zeroes behind its end")));
  EXPECT_EQ(open(5 * 512, {}).error().kind, ErrorKind::kBadInput);
  EXPECT_EQ(open(512, 5 * 512).error().kind, ErrorKind::kBadInput);
}

TEST(Timeline, WithoutAStatementTheBaseGivesTheSizeElseTheEntries) {
  const LogBuilder log = example();
  const auto base = std::make_shared<MemoryDevice>(8 * 512);
  auto with_base = Timeline::open(log.file(), {.base = base});
  ASSERT_TRUE(with_base) << with_base.error().message;
  EXPECT_EQ((*with_base)->device_size_bytes(), 8 * 512u);
  EXPECT_FALSE((*with_base)->is_size_inferred());
  std::vector<std::string> notices;
  auto without = Timeline::open(
      log.file(), {.notice = [&](const std::string& text) { notices.push_back(text); }});
  ASSERT_TRUE(without);
  EXPECT_EQ((*without)->device_size_bytes(), 2 * 512u);
  EXPECT_TRUE((*without)->is_size_inferred());
  EXPECT_THAT(notices, ElementsAre(HasSubstr("--size")));
  const auto too_small = Timeline::open(log.file("x.log"), {.size_bytes = 512});
  ASSERT_FALSE(too_small);
  EXPECT_THAT(too_small.error().message, HasSubstr("'x.log', entry 3"));
  EXPECT_EQ(Timeline::open(LogBuilder().file(), {}).error().kind, ErrorKind::kBadInput);
}

TEST(Timeline, ADeviceThatIsTooLargeForAFileIsRefused) {
  const LogBuilder log(512, test::test_extension(~std::uint64_t{0} - 511));
  const auto timeline = Timeline::open(log.file(), {});
  ASSERT_FALSE(timeline);
  EXPECT_EQ(timeline.error().kind, ErrorKind::kBadInput);
}

TEST(Timeline, OfATornLogShowsWhatStandsBeforeTheTear) {
  LogBuilder log = example();
  log.count(100);
  std::vector<std::string> notices;
  auto timeline = Timeline::open(
      log.file(),
      {.size_bytes = 1024, .notice = [&](const std::string& text) { notices.push_back(text); }});
  ASSERT_TRUE(timeline) << timeline.error().message;
  EXPECT_THAT(notices, ElementsAre(HasSubstr("torn")));
  EXPECT_EQ(content(*(*timeline)->view(6)), "CB");
  EXPECT_EQ((*timeline)->resolve("end").error().kind, ErrorKind::kBadInput);
  EXPECT_EQ((*timeline)->resolve("7").error().kind, ErrorKind::kBadInput);
}

TEST(Timeline, OpensByPath) {
  const test::TemporaryDirectory directory;
  example().write_to(directory / "x.log");
  auto timeline = Timeline::open(directory / "x.log", {});
  ASSERT_TRUE(timeline) << timeline.error().message;
  EXPECT_EQ(content(*(*timeline)->view(6)), "CB");
  EXPECT_EQ(Timeline::open(directory / "no.log", {}).error().kind, ErrorKind::kBadInput);
}

// A log of which the file gets one entry after the other.
class GrowingLog {
 public:
  explicit GrowingLog(std::uint64_t nr_entries) : builder_(512, test::test_extension(kSize)) {
    Prng prng(7);
    ends_.push_back(builder_.end_offset());
    for (std::uint64_t i = 0; i < nr_entries; ++i) {
      const Sector sector = prng.below(kSectors);
      const std::uint64_t count = prng.between(1, std::min<std::uint64_t>(8, kSectors - sector));
      if (prng.one_in(5)) {
        builder_.discard(sector, count);
      } else {
        builder_.write(sector, std::string(count, static_cast<char>('A' + i % 26)));
      }
      ends_.push_back(builder_.end_offset());
    }
    builder_.count(0);
    const auto bytes = builder_.bytes();
    file_ = std::make_shared<MemoryFile>(
        "growing", std::vector<std::byte>(bytes.begin(), bytes.begin() + 512));
  }

  void grow_to(std::uint64_t nr_entries) {
    LogBuilder counted = builder_;
    counted.count(nr_entries);
    const auto bytes = counted.bytes();
    ASSERT_TRUE(file_->write_at(
        ends_[done_], ConstBytes(bytes).subspan(ends_[done_], ends_[nr_entries] - ends_[done_])));
    ASSERT_TRUE(file_->write_at(0, ConstBytes(bytes).first(512)));
    done_ = nr_entries;
  }

  [[nodiscard]] std::shared_ptr<MemoryFile> file() const { return file_; }
  [[nodiscard]] std::vector<std::byte> image_after(EntryIndex entries) const {
    return builder_.image_after(entries, kSize);
  }

  static constexpr Sector kSectors = 64;
  static constexpr ByteCount kSize = kSectors * 512;

 private:
  LogBuilder builder_;
  std::vector<ByteOffset> ends_;
  std::shared_ptr<MemoryFile> file_;
  std::uint64_t done_ = 0;
};

TEST(Timeline, ManyReadersOfManyInstantsWhileTheLogGrows) {
  constexpr std::uint64_t kEntries = 400;
  constexpr int kReaders = 32;
  GrowingLog log(kEntries);
  std::vector<std::vector<std::byte>> images;
  for (EntryIndex i = 0; i <= kEntries; ++i) images.push_back(log.image_after(i));
  auto opened = Timeline::open(log.file(), {});
  ASSERT_TRUE(opened) << opened.error().message;
  Timeline& timeline = **opened;

  std::atomic<bool> is_grown = false;
  std::atomic<std::uint64_t> wrong = 0;
  std::atomic<std::uint64_t> largest_seen = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      Prng prng(static_cast<std::uint64_t>(i));
      bool is_last_round = false;
      while (!is_last_round) {
        is_last_round = is_grown;
        if (prng.one_in(4) && !timeline.refresh()) ++wrong;
        const EntryIndex entries = prng.between(0, timeline.index().nr_entries());
        const auto view = timeline.view(entries);
        const ByteOffset begin = prng.below(GrowingLog::kSize);
        std::vector<std::byte> bytes(prng.between(0, GrowingLog::kSize - begin));
        if (!view->read(begin, bytes) || !view->next_data(begin) ||
            !std::equal(bytes.begin(), bytes.end(),
                        images[entries].begin() + static_cast<std::ptrdiff_t>(begin))) {
          ++wrong;
        }
        EntryIndex before = largest_seen;
        while (entries > before && !largest_seen.compare_exchange_weak(before, entries)) {
        }
      }
    });
  }
  for (std::uint64_t done = 10; done <= kEntries; done += 10) {
    log.grow_to(done);
    std::this_thread::yield();
  }
  is_grown = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(largest_seen, 0u);
  ASSERT_TRUE(timeline.refresh());
  EXPECT_EQ(timeline.index().nr_entries(), kEntries);
  EXPECT_EQ(content(*timeline.view(kEntries)), sketch(images[kEntries]));
}

}  // namespace
}  // namespace powercut::state
