// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/prng.h"
#include "index/log_index.h"
#include "support/log_builder.h"
#include "support/rounds.h"
#include "support/temporary_directory.h"

namespace powercut::index {
namespace {

using test::LogBuilder;
constexpr ByteCount kSize = 1500 * 512;

LogBuilder random_log(std::uint64_t seed, int entries, bool has_extension = true) {
  Prng prng(seed);
  LogBuilder log(512, has_extension ? std::optional(test::test_extension(kSize)) : std::nullopt);
  for (int i = 0; i < entries; ++i) {
    const Sector begin = prng.below(1490);
    const std::uint64_t kind = prng.below(12);
    const std::string text(1 + prng.below(10), static_cast<char>('A' + prng.below(26)));
    if (kind == 0) log.flush();
    if (kind == 1) log.mark("mark " + std::to_string(prng.below(9)));
    if (kind == 2) log.discard(begin, 1 + prng.below(1500 - begin));
    if (kind == 3) log.zeroes(begin, 1 + prng.below(10));
    if (kind >= 4) log.write(begin, text);
  }
  return log;
}

struct Opened {
  std::unique_ptr<LogIndex> index;
  std::vector<std::string> notices;
};

class Sidecar : public testing::Test {
 protected:
  Opened open() {
    Opened opened;
    auto log = PosixFile::open(log_path_, {});
    EXPECT_TRUE(log);
    auto index = LogIndex::open(
        std::shared_ptr<const File>(*std::move(log)),
        {.sidecar_path = path_,
         .notice = [this](const std::string& notice) { notices_.push_back(notice); }});
    EXPECT_TRUE(index) << index.error().message;
    opened.index = *std::move(index);
    opened.notices = std::exchange(notices_, {});
    return opened;
  }
  // Asks everything that there is to ask.
  void expect_right(const LogIndex& index, const LogBuilder& log) {
    const auto expected = LogIndex::open(log.file(), {});
    ASSERT_TRUE(expected);
    ASSERT_EQ(index.nr_entries(), log.nr_entries());
    for (EntryIndex limit = 0; limit <= log.nr_entries(); limit += 1 + log.nr_entries() / 50) {
      const auto extents = index.look_up({0, kSize}, limit);
      ASSERT_TRUE(extents) << extents.error().message;
      ASSERT_EQ(*extents, *(*expected)->look_up({0, kSize}, limit));
    }
    for (EntryIndex i = 0; i < log.nr_entries(); ++i)
      ASSERT_EQ(*index.entry(i), *(*expected)->entry(i));
    for (std::uint64_t i = 0; i < (*expected)->nr_flushes(); ++i)
      ASSERT_EQ(*index.flush(i), *(*expected)->flush(i));
    for (std::uint64_t i = 0; i < (*expected)->nr_marks(); ++i)
      ASSERT_EQ(*index.mark(i), *(*expected)->mark(i));
    ASSERT_EQ(index.nr_flushes(), (*expected)->nr_flushes());
    ASSERT_EQ(index.nr_marks(), (*expected)->nr_marks());
    ASSERT_EQ(index.least_device_size_bytes(), (*expected)->least_device_size_bytes());
  }
  [[nodiscard]] std::vector<char> content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // As a new file: the old one may be mapped.
  void replace_by(const std::vector<char>& bytes) {
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  [[nodiscard]] std::size_t nr_files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_.path()), {}));
  }

  const test::TemporaryDirectory directory_;
  const std::string log_path_ = directory_ / "a.log";
  const std::string path_ = default_sidecar_path(log_path_);
  std::vector<std::string> notices_;
};

TEST_F(Sidecar, IsMadeAndUsed) {
  const LogBuilder log = random_log(1, 400);
  log.write_to(log_path_);
  const auto first = open();
  EXPECT_EQ(first.index->origin(), LogIndex::Origin::kBuilt);
  expect_right(*first.index, log);
  const auto second = open();
  EXPECT_EQ(second.index->origin(), LogIndex::Origin::kLoaded);
  expect_right(*second.index, log);
  EXPECT_TRUE(first.notices.empty() && second.notices.empty());
  EXPECT_EQ(nr_files(), 2u);
}

TEST_F(Sidecar, IsGoneOnWith) {
  EntryIndex last_nr_entries = 0;
  for (const int entries : {0, 100, 101, 150, 400, 1000, 1001, 1001}) {
    const LogBuilder log = random_log(2, entries);
    log.write_to(log_path_);
    const auto opened = open();
    const auto expected = entries <= 100                        ? LogIndex::Origin::kBuilt
                          : log.nr_entries() == last_nr_entries ? LogIndex::Origin::kLoaded
                                                                : LogIndex::Origin::kExtended;
    EXPECT_EQ(opened.index->origin(), expected) << entries;
    last_nr_entries = log.nr_entries();
    expect_right(*opened.index, log);
    EXPECT_TRUE(opened.notices.empty());
    const auto again = open();
    EXPECT_EQ(again.index->origin(),
              entries > 0 ? LogIndex::Origin::kLoaded : LogIndex::Origin::kBuilt);
    expect_right(*again.index, log);
    if (HasFatalFailure()) return;
  }
}

// Of a log without a UUID nothing tells that what came is all that is new.
TEST_F(Sidecar, OfAPlainLogIsUsedUntilItIsWritten) {
  LogBuilder log = random_log(2, 100, false);
  log.write_to(log_path_);
  EXPECT_EQ(open().index->origin(), LogIndex::Origin::kBuilt);
  EXPECT_EQ(open().index->origin(), LogIndex::Origin::kLoaded);
  // Of the same size, and alike but for one entry in the middle.
  LogBuilder first = random_log(2, 100, false);
  LogBuilder second = random_log(2, 100, false);
  first.write(3, "A");
  second.write(4, "A");
  for (LogBuilder* each : {&first, &second}) {
    for (int i = 0; i < 5; ++i) each->write(9, "B");
  }
  first.write_to(log_path_);
  (void)open();
  EXPECT_EQ(open().index->origin(), LogIndex::Origin::kLoaded);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a file system's clock is coarse
  second.write_to(log_path_);
  const auto opened = open();
  EXPECT_EQ(opened.index->origin(), LogIndex::Origin::kBuilt);
  EXPECT_EQ(opened.notices.size(), 1u);
  expect_right(*opened.index, second);
}

TEST_F(Sidecar, AnyDamagedByteIsNoticed) {
  const LogBuilder log = random_log(3, 16);
  log.write_to(log_path_);
  (void)open();
  const auto good = content();
  std::size_t noticed = 0;
  std::size_t wrong = 0;
  for (std::size_t at = 0; at < good.size(); at += test::kOneIn) {
    // What lies between the header and the first segment is nothing.
    if (at >= 100 && at < 64 * kKiB) at = 64 * kKiB;
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at / test::kOneIn % 8));
    replace_by(bad);
    const auto opened = open();
    expect_right(*opened.index, log);
    ASSERT_FALSE(HasFatalFailure()) << at;
    // Whatever was found wrong, also later, is made anew in the sidecar.
    noticed += opened.notices.empty() && notices_.empty() ? 0 : 1;
    notices_.clear();
    ++wrong;
  }
  // All but the padding between sections.
  EXPECT_GT(noticed, wrong * 9 / 10);
}

TEST_F(Sidecar, DamageFoundLaterIsMadeGood) {
  const LogBuilder log = random_log(4, 3000);
  log.write_to(log_path_);
  (void)open();
  auto bad = content();
  // In the middle of the entries: opening looks at a few only.
  for (std::size_t i = 0; i < 14; ++i) bad[64 * kKiB + 14 * 1234 + i] = 0x11;
  replace_by(bad);
  const auto opened = open();
  expect_right(*opened.index, log);
  EXPECT_FALSE(opened.notices.empty() && notices_.empty());
  EXPECT_EQ(open().index->origin(), LogIndex::Origin::kLoaded);
}

// There is an older segment from which a wrong answer could be had.
TEST_F(Sidecar, CutShortWhileItIsMappedItIsMadeAnew) {
  const LogBuilder log = random_log(3, 400);
  log.write_to(log_path_);
  open();
  const auto opened = open();
  ASSERT_EQ(opened.index->origin(), LogIndex::Origin::kLoaded);
  std::filesystem::resize_file(path_, 0);
  expect_right(*opened.index, log);
  EXPECT_EQ(notices_.size(), 1u);
}

TEST_F(Sidecar, DamageInANewerSegmentDoesNotLetAnOlderOneAnswer) {
  LogBuilder log = random_log(4, 2200);
  for (Sector i = 0; i < 900; i += 9) log.write(2048 + i, "OLD");
  // So many that their nodes, of two leaves, are in no block that is looked at when the index is
  // opened.
  constexpr std::uint64_t kNewer = 877;
  log.write(1490, "Z");
  for (Sector i = 1; i < kNewer; ++i) log.write(2048 + 1000 + i * 7 % 301, "Z");
  const EntryIndex all = log.nr_entries();
  for (const EntryIndex count : {all - kNewer, all}) {
    log.count(count).write_to(log_path_);
    (void)open();
  }
  const auto good = content();
  const std::size_t newer = 128 * kKiB;
  ASSERT_GT(good.size(), newer + 16 * kKiB);
  const auto expected = (*LogIndex::open(log.file(), {}))->look_up({0, 2 * kMiB}, all);
  std::size_t found_later = 0;
  for (std::size_t at = newer; at < good.size(); at += 113 * test::kOneIn) {
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    replace_by(bad);
    const auto opened = open();
    ASSERT_EQ(*opened.index->look_up({0, 2 * kMiB}, all), *expected) << at;
    found_later += notices_.empty() ? 0 : 1;
    notices_.clear();
  }
  EXPECT_GT(found_later, 0u);
}

TEST_F(Sidecar, AnyLengthIsNoticed) {
  const LogBuilder log = random_log(5, 200);
  log.write_to(log_path_);
  (void)open();
  const auto good = content();
  for (std::size_t length = 0; length < good.size();
       length += 1 + good.size() / test::rounds(100)) {
    replace_by({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)});
    const auto opened = open();
    EXPECT_EQ(opened.index->origin(), LogIndex::Origin::kBuilt);
    EXPECT_EQ(opened.notices.size(), 1u);
    expect_right(*opened.index, log);
    ASSERT_FALSE(HasFatalFailure()) << length;
  }
}

TEST_F(Sidecar, OfAnotherLogIsNotUsed) {
  for (const bool has_extension : {true, false}) {
    random_log(6, 500, has_extension).write_to(log_path_);
    (void)open();
    // As many entries at the same places, other bytes in a header; also of a log that is longer.
    for (const int seed : {6, 7, 8}) {
      LogBuilder other =
          random_log(static_cast<std::uint64_t>(seed), seed == 6 ? 400 : 600, has_extension);
      other.write_to(log_path_);
      const auto opened = open();
      EXPECT_EQ(opened.index->origin(), LogIndex::Origin::kBuilt) << seed;
      EXPECT_EQ(opened.notices.size(), 1u);
      expect_right(*opened.index, other);
    }
  }
}

// As after a host's power cut: the same log, cut back and gone on with in another way.
TEST_F(Sidecar, OfALogThatWentOnDifferentlyIsNotUsed) {
  LogBuilder log = random_log(9, 100);
  log.write(7, "A").write(8, "B").write_to(log_path_);
  (void)open();
  LogBuilder other = random_log(9, 100);
  other.write(7, "A").write(9, "B").write_to(log_path_);
  const auto opened = open();
  EXPECT_EQ(opened.index->origin(), LogIndex::Origin::kBuilt);
  expect_right(*opened.index, other);
}

TEST_F(Sidecar, WhatIsNoIndexIsLeftAlone) {
  const LogBuilder log = random_log(10, 50);
  log.write_to(log_path_);
  const std::string diary = "Dear diary, today I was mistaken for an index.";
  replace_by({diary.begin(), diary.end()});
  const auto opened = open();
  expect_right(*opened.index, log);
  EXPECT_EQ(opened.notices.size(), 2u);
  const auto now = content();
  EXPECT_EQ(std::string(now.begin(), now.end()), diary);
}

TEST_F(Sidecar, APipeIsNotWaitedFor) {
  const LogBuilder log = random_log(11, 50);
  log.write_to(log_path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const auto opened = open();
  expect_right(*opened.index, log);
  EXPECT_FALSE(opened.notices.empty());
}

TEST_F(Sidecar, WithoutAPlaceTheIndexIsInATemporaryFile) {
  const LogBuilder log = random_log(12, 50);
  log.write_to(log_path_);
  auto file = PosixFile::open(log_path_, {});
  std::vector<std::string> notices;
  const auto index =
      LogIndex::open(std::shared_ptr<const File>(*std::move(file)),
                     {.sidecar_path = log_path_ + "/no/such/place.idx",
                      .notice = [&](const std::string& notice) { notices.push_back(notice); }});
  ASSERT_TRUE(index);
  expect_right(**index, log);
  EXPECT_EQ(notices.size(), 1u);
  EXPECT_EQ(nr_files(), 1u);
}

TEST_F(Sidecar, OfAStrangerIsNotUsed) {
  if (::geteuid() != 0) GTEST_SKIP() << "giving files away takes root";
  const LogBuilder log = random_log(13, 50);
  log.write_to(log_path_);
  (void)open();
  ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
  const auto opened = open();
  EXPECT_EQ(opened.index->origin(), LogIndex::Origin::kBuilt);
  EXPECT_EQ(opened.notices.size(), 1u);
  // The log's owner may.
  ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
  ASSERT_EQ(::chown(log_path_.c_str(), 12345, 12345), 0);
  EXPECT_EQ(open().index->origin(), LogIndex::Origin::kLoaded);
}

TEST_F(Sidecar, ManyAtOnceDoNotHarmEachOther) {
  for (std::uint64_t round = 0; round < std::max<std::uint64_t>(3, test::rounds(10)); ++round) {
    const LogBuilder log = random_log(14, static_cast<int>(100 + 100 * round));
    log.write_to(log_path_);
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        auto file = PosixFile::open(log_path_, {});
        const auto index =
            LogIndex::open(std::shared_ptr<const File>(*std::move(file)), {.sidecar_path = path_});
        ASSERT_TRUE(index);
        expect_right(**index, log);
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(nr_files(), 2u);
    EXPECT_EQ(open().index->origin(), LogIndex::Origin::kLoaded);
  }
}

}  // namespace
}  // namespace powercut::index
