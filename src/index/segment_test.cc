// SPDX-License-Identifier: Apache-2.0
#include "index/segment.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "index/segment_store.h"
#include "support/rounds.h"

namespace powercut::index {
namespace {

struct Write {
  Sector begin;
  Sector end;
};

EntrySummary summary_of_write(const Write& write) {
  EntrySummary summary;
  summary.sector = write.begin;
  summary.nr_sectors = write.end - write.begin;
  summary.log_offset = 0;
  if (write.begin == write.end) summary.flags = log::kFlagFlush;
  return summary;
}

std::shared_ptr<const Segment> make_segment(SegmentStore& store, const std::vector<Write>& writes,
                                            std::uint32_t sector_size, EntryIndex first_entry) {
  SegmentBuilder builder(first_entry, sector_size, writes.size());
  for (const Write& write : writes) builder.add(summary_of_write(write), "");
  auto segment = store.add(builder, sector_size);
  EXPECT_TRUE(segment) << segment.error().message;
  return *segment;
}

// By going back through all entries.
std::optional<EntryIndex> newest(const std::vector<Write>& writes, EntryIndex first_entry,
                                 Sector sector, EntryIndex since, EntryIndex limit) {
  for (EntryIndex i = std::min(limit, first_entry + writes.size());
       i-- > std::max(since, first_entry);) {
    const Write& write = writes[i - first_entry];
    if (write.begin <= sector && sector < write.end) return i;
  }
  return std::nullopt;
}

std::vector<Piece> look_up_all(const Segment& segment, Sector begin, Sector end, EntryIndex since,
                               EntryIndex limit) {
  std::vector<Piece> pieces;
  for (Sector at = begin; at < end;) {
    const Sector before = at;
    at = segment.look_up(at, end, since, limit, pieces);
    EXPECT_GT(at, before);
  }
  Sector at = begin;
  for (const Piece& piece : pieces) {
    EXPECT_EQ(piece.begin, at);
    EXPECT_LT(piece.begin, piece.end);
    at = piece.end;
  }
  EXPECT_EQ(at, end);
  return pieces;
}

// Every sector, behind every number of entries.
void expect_all_right(const Segment& segment, const std::vector<Write>& writes, Sector device_end) {
  const EntryIndex first = segment.first_entry();
  for (EntryIndex limit = first; limit <= first + writes.size(); ++limit) {
    for (EntryIndex since : {EntryIndex{0}, first, first + 1}) {
      for (const Piece& piece : look_up_all(segment, 0, device_end, since, limit)) {
        for (Sector sector = piece.begin; sector < piece.end; ++sector) {
          ASSERT_EQ(piece.entry, newest(writes, first, sector, since, limit))
              << "sector " << sector << " since " << since << " limit " << limit;
        }
      }
    }
  }
  ASSERT_FALSE(segment.is_damaged());
}

// The entries that wrote to a range are among those in its lists.
void expect_lists(const Segment& segment, const std::vector<Write>& writes, Sector begin,
                  Sector end) {
  const auto lists = segment.lists(begin, end, 1'000'000);
  ASSERT_TRUE(lists);
  std::vector<EntryIndex> found;
  for (const auto& list : *lists) {
    for (std::uint64_t at = list.begin; at < list.end; ++at) {
      const EntryIndex entry = segment.reference(list, at);
      ASSERT_TRUE(at == list.begin || segment.reference(list, at - 1) < entry);
      found.push_back(entry);
    }
  }
  std::sort(found.begin(), found.end());
  for (EntryIndex i = 0; i < writes.size(); ++i) {
    if (writes[i].begin < end && begin < writes[i].end) {
      ASSERT_TRUE(std::binary_search(found.begin(), found.end(), i + segment.first_entry()));
    }
  }
}

TEST(Segment, ReferencesCoverAnEntryOnce) {
  constexpr std::uint64_t kPerLeaf = 2;
  constexpr Sector kEnd = 2 * 16 * 16 + 5;
  for (Sector begin = 0; begin < kEnd; begin += begin < 40 || begin > kEnd - 40 ? 1 : 17) {
    for (Sector end = begin + 1; end <= kEnd; ++end) {
      std::uint64_t covered = 0;
      std::size_t references = 0;
      for_each_reference(kPerLeaf, begin, end, [&](std::uint64_t key, bool is_full) {
        const std::uint64_t leaves = std::uint64_t{1} << ((key >> 56) * kFanOutBits);
        const Sector from = (key & 0xffffff) * leaves * kPerLeaf;
        const Sector to = from + leaves * kPerLeaf;
        if (is_full) {
          ASSERT_TRUE(begin <= from && to <= end);
        } else {
          ASSERT_EQ(leaves, 1u);
          ASSERT_TRUE(begin > from || to > end);
        }
        covered += std::min(end, to) - std::max(begin, from);
        ++references;
      });
      ASSERT_EQ(covered, end - begin) << begin << " " << end;
      ASSERT_LE(references, 2 + 2 * 15 * 3u);
    }
  }
}

// All logs of three entries whose ends are at the places where something changes in the tree.
TEST(Segment, AllTinyLogs) {
  constexpr std::uint32_t kSectorSize = 512 * kKiB;  // a leaf is two sectors
  const std::vector<Sector> ends = {0, 1, 2, 32, 63, 66};
  std::vector<Write> choices = {{0, 0}};
  for (std::size_t i = 0; i < ends.size(); ++i)
    for (std::size_t k = i + 1; k < ends.size(); ++k) choices.push_back({ends[i], ends[k]});
  std::unique_ptr<SegmentStore> store;
  std::size_t nr = 0;
  std::size_t made = 0;
  for (const Write& a : choices) {
    for (const Write& b : choices) {
      for (const Write& c : choices) {
        if (nr++ % test::kOneIn != 0) continue;
        if (made++ % 512 == 0) store = *SegmentStore::make_nameless();
        const std::vector<Write> writes = {a, b, c};
        expect_all_right(*make_segment(*store, writes, kSectorSize, 5), writes, 67);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Small writes all over a leaf or two: runs and checkpoints.
TEST(Segment, ManyWritesToFewLeaves) {
  const std::uint64_t nr_questions = test::rounds(300);
  for (const std::uint64_t seed : {1, 2, 3}) {
    Prng prng(seed);
    std::vector<Write> writes;
    constexpr Sector kEnd = 5000;
    for (int i = 0; i < 6000; ++i) {
      const Sector begin = prng.below(kEnd);
      const std::uint64_t length = prng.one_in(200) ? prng.below(3000) : 1 + prng.below(16);
      // A part of the device is written once, early, as file systems do.
      if (i > 500 && begin > 4000 && begin < 4600) continue;
      writes.push_back({begin, std::min(begin + length, kEnd)});
    }
    const auto store = *SegmentStore::make_nameless();
    const auto segment = make_segment(*store, writes, 512, 1000);
    EXPECT_GT(segment->disk().nr_checkpoints, 3u);
    for (std::uint64_t i = 0; i < nr_questions; ++i) {
      const Sector begin = prng.below(kEnd);
      const Sector end = begin + 1 + prng.below(kEnd - begin);
      const EntryIndex limit = 1000 + prng.below(writes.size() + 1);
      const EntryIndex since = prng.one_in(2) ? 0 : 900 + prng.below(writes.size() + 200);
      for (const Piece& piece : look_up_all(*segment, begin, end, since, limit)) {
        for (Sector sector = piece.begin; sector < piece.end; sector += 1 + prng.below(7)) {
          ASSERT_EQ(piece.entry, newest(writes, 1000, sector, since, limit)) << "seed " << seed;
        }
      }
    }
  }
}

// Devices of any size, up to the last sector that a byte offset can name.
TEST(Segment, HugeDevices) {
  for (std::uint64_t seed = 1; seed <= test::rounds(25); ++seed) {
    Prng prng(seed);
    const std::uint32_t sector_size = std::uint32_t{1} << prng.between(5, 23);
    const Sector device_end = max_sector(sector_size) >> prng.below(30);
    const auto place = [&] {
      const Sector sector = prng.below(device_end >> prng.below(40) | 1);
      return prng.one_in(2) ? align_down(sector, std::uint64_t{1} << prng.below(30)) : sector;
    };
    std::vector<Write> writes = {{0, device_end}};
    for (int i = 0; i < 200; ++i) {
      Sector begin = place();
      Sector end = prng.one_in(2) ? place() : begin + prng.below(10000);
      if (begin > end) std::swap(begin, end);
      writes.push_back({begin, std::min(end, device_end)});
    }
    const auto store = *SegmentStore::make_nameless();
    const auto segment = make_segment(*store, writes, sector_size, 0);
    EXPECT_EQ(segment->disk().least_device_size_bytes, device_end * sector_size);
    std::vector<Sector> borders;
    for (const Write& write : writes) borders.insert(borders.end(), {write.begin, write.end});
    std::sort(borders.begin(), borders.end());
    for (int i = 0; i < 20; ++i) {
      const EntryIndex limit = prng.below(writes.size() + 1);
      const Sector from = prng.one_in(2) ? 0 : prng.below(device_end);
      for (const Piece& piece : look_up_all(*segment, from, device_end, 0, limit)) {
        ASSERT_EQ(piece.entry, newest(writes, 0, piece.begin, 0, limit)) << "seed " << seed;
        ASSERT_EQ(piece.entry, newest(writes, 0, piece.end - 1, 0, limit)) << "seed " << seed;
        const auto inside = std::upper_bound(borders.begin(), borders.end(), piece.begin);
        for (auto at = inside; at != borders.end() && *at < piece.end; ++at)
          ASSERT_EQ(piece.entry, newest(writes, 0, *at, 0, limit)) << "seed " << seed;
      }
    }
    for (int i = 0; i < 20; ++i) {
      const Sector from = place();
      expect_lists(*segment, writes, from, from + 1);
      expect_lists(*segment, writes, from, from + 1 + prng.below(device_end - from));
    }
    for (EntryIndex i = 0; i < writes.size(); ++i)
      ASSERT_EQ(segment->entry(i), summary_of_write(writes[i]));
    ASSERT_FALSE(segment->is_damaged());
  }
}

// A device of 2^63 bytes written here and there is gone through in steps that are worth it.
TEST(Segment, EmptySpaceIsPassedInOneStep) {
  const auto store = *SegmentStore::make_nameless();
  const Sector end = Sector{1} << 54;
  const auto segment = make_segment(*store, {{1000, 1008}, {end / 2, end / 2 + 8}}, 512, 0);
  std::vector<Piece> pieces;
  int steps = 0;
  for (Sector at = 0; at < end; ++steps) at = segment->look_up(at, end, 0, 2, pieces);
  EXPECT_LE(steps, 4);
}

}  // namespace
}  // namespace powercut::index
