// SPDX-License-Identifier: Apache-2.0
#include "state/crash_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace powercut::state {
namespace {

TEST(CrashRules, ExactlyOneRowForEachInputAndNoRowWithoutUse) {
  std::vector<int> used(crash_rules().size());
  for (const Model model : kModels) {
    for (const EntryKind kind : kEntryKinds) {
      for (const bool is_fua : {false, true}) {
        for (const Standing standing : kStandings) {
          int found = 0;
          for (std::size_t i = 0; i < used.size(); ++i) {
            if (!matches(crash_rules()[i], model, kind, is_fua, standing)) continue;
            ++found;
            ++used[i];
            EXPECT_EQ(fate_of(model, kind, is_fua, standing), crash_rules()[i].fate);
          }
          EXPECT_EQ(found, 1) << to_string(model) << " kind " << static_cast<int>(kind) << " FUA "
                              << is_fua << " standing " << static_cast<int>(standing);
        }
      }
    }
  }
  EXPECT_EQ(std::count(used.begin(), used.end(), 0), 0);
}

TEST(CrashRules, OnlyDataThatWereDoneBeforeTheCutDependOnFua) {
  for (const Model model : {Model::kEpoch, Model::kExact}) {
    for (const EntryKind kind : {EntryKind::kWrite, EntryKind::kZeroes, EntryKind::kDiscard}) {
      EXPECT_EQ(fate_of(model, kind, true, Standing::kDone), Fate::kMust);
      EXPECT_EQ(fate_of(model, kind, false, Standing::kDone), Fate::kMay);
      for (const bool is_fua : {false, true}) {
        EXPECT_EQ(fate_of(model, kind, is_fua, Standing::kFlushed), Fate::kMust);
        EXPECT_EQ(fate_of(model, kind, is_fua, Standing::kUnderWay), Fate::kMay);
        EXPECT_EQ(fate_of(model, kind, is_fua, Standing::kLater), Fate::kAbsent);
      }
    }
  }
}

TEST(EntryKind, OfEachFlagTogetherWithDataAndWithout) {
  using log::Flag;
  const auto kind = [](std::uint64_t flags, std::uint64_t nr_sectors, bool zeroes = false,
                       bool pending = false) {
    return kind_of({.sector = 7,
                    .nr_sectors = nr_sectors,
                    .flags = flags,
                    .reads_as_zeroes = zeroes,
                    .is_pending_flush = pending});
  };
  EXPECT_EQ(kind(0, 1), EntryKind::kWrite);
  EXPECT_EQ(kind(Flag::kFlagFlush | Flag::kFlagFua, 1), EntryKind::kWrite);
  EXPECT_EQ(kind(0, 1, true), EntryKind::kZeroes);
  EXPECT_EQ(kind(Flag::kFlagDiscard, 1, true), EntryKind::kDiscard);
  EXPECT_EQ(kind(Flag::kFlagFlush | Flag::kFlagFua | Flag::kFlagMetadata, 0), EntryKind::kFlush);
  EXPECT_EQ(kind(Flag::kFlagMark, 0), EntryKind::kMark);
  EXPECT_EQ(kind(Flag::kFlagMark, 0, false, true), EntryKind::kFlushPending);
  EXPECT_EQ(kind(Flag::kFlagFua | Flag::kFlagMetadata, 0), EntryKind::kNothing);
  EXPECT_EQ(kind(Flag::kFlagDiscard, 0), EntryKind::kNothing);
}

TEST(DiscardPolicy, IsReadAndNonsenseIsNot) {
  EXPECT_EQ(parse_discard_policy("zeroes", 3)->kind, DiscardPolicy::Kind::kZeroes);
  EXPECT_EQ(parse_discard_policy("stale", 3)->kind, DiscardPolicy::Kind::kStale);
  EXPECT_EQ(parse_discard_policy("random", 3)->seed, 3u);
  EXPECT_EQ(parse_discard_policy("random:18446744073709551615", 3)->seed, ~std::uint64_t{0});
  for (const char* text : {"", "random:", "random:x", "random:1 ", "zeros"})
    EXPECT_EQ(parse_discard_policy(text, 0).error().kind, ErrorKind::kUsage) << text;
}

TEST(Noise, IsTheSameInWhateverPiecesItIsRead) {
  std::vector<std::byte> whole(100);
  fill_with_noise(1, 2, 13, whole);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::vector<std::byte> pieces(whole.size());
    fill_with_noise(1, 2, 13, MutableBytes(pieces).first(cut));
    fill_with_noise(1, 2, 13 + cut, MutableBytes(pieces).subspan(cut));
    ASSERT_EQ(pieces, whole) << cut;
  }
  std::vector<std::byte> other(whole.size());
  fill_with_noise(1, 3, 13, other);
  EXPECT_NE(other, whole);
  fill_with_noise(2, 2, 13, other);
  EXPECT_NE(other, whole);
}

}  // namespace
}  // namespace powercut::state
