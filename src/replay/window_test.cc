// SPDX-License-Identifier: Apache-2.0
#include "replay/window.h"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"
#include "support/rounds.h"

namespace powercut::replay {
namespace {

constexpr std::uint64_t kLogAt = 1000;  // where entry 0's payload begins; entry n's stands n * this

Piece write(EntryIndex entry, ByteOffset begin, ByteOffset end) {
  return {entry, {begin, end}, (entry + 1) * kLogAt};
}
Piece zero(EntryIndex entry, ByteOffset begin, ByteOffset end) {
  return {entry, {begin, end}, std::nullopt};
}

std::vector<Piece> empty(Window& window) {
  std::vector<Piece> pieces;
  EXPECT_TRUE(window.empty_into([&](const Piece& piece) -> Status {
    pieces.push_back(piece);
    return {};
  }));
  EXPECT_EQ(window.size(), 0u);
  return pieces;
}

// "begin-end:entry@offset in the payload", or "begin-end:0".
std::string text(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) {
    if (!text.empty()) text += " ";
    text += std::to_string(piece.device.begin) + "-" + std::to_string(piece.device.end) + ":";
    text += piece.log_offset ? std::to_string(piece.entry) + "@" +
                                   std::to_string(*piece.log_offset - (piece.entry + 1) * kLogAt)
                             : "0";
  }
  return text;
}

TEST(Window, GivesEachPlaceOnceInTheOrderOfTheDevice) {
  Window window;
  window.add(write(0, 40, 60));
  window.add(write(1, 0, 30));
  window.add(write(2, 10, 50));
  window.add(write(3, 20, 25));
  EXPECT_EQ(text(empty(window)), "0-10:1@0 10-20:2@0 20-25:3@0 25-50:2@15 50-60:0@10");
}

TEST(Window, TheLastOfSeveralAtOnePlaceWins) {
  Window window;
  window.add(write(0, 0, 50));
  window.add(write(1, 0, 20));
  window.add(write(2, 0, 10));
  window.add(write(3, 0, 10));
  EXPECT_EQ(text(empty(window)), "0-10:3@0 10-20:1@10 20-50:0@20");
}

TEST(Window, ZeroesThatMeetBecomeOne) {
  Window window;
  window.add(write(0, 0, 100));
  window.add(zero(1, 10, 30));
  window.add(zero(2, 30, 40));
  window.add(zero(3, 20, 35));
  EXPECT_EQ(text(empty(window)), "0-10:0@0 10-40:0 40-100:0@40");
}

TEST(Window, KeepsTheOrderOfTheLogWhereLittleIsWrittenOver) {
  Window window;
  window.add(write(0, 100, 200));
  window.add(write(1, 0, 100));
  window.add(zero(2, 50, 55));
  EXPECT_EQ(text(empty(window)), "100-200:0@0 0-100:1@0 50-55:0");
}

TEST(Window, NothingGivesNothing) {
  Window window;
  EXPECT_EQ(text(empty(window)), "");
}

TEST(Window, TheErrorOfTheSinkEndsIt) {
  Window window;
  window.add(write(0, 0, 10));
  EXPECT_FALSE(window.empty_into([](const Piece&) -> Status { return os_error("a test", EIO); }));
}

// Who wrote each byte, and which byte of its payload; 0: nobody.
using Image = std::vector<std::uint64_t>;

void apply(const Piece& piece, Image& image) {
  for (ByteOffset at = piece.device.begin; at < piece.device.end; ++at) {
    image[at] = piece.log_offset ? *piece.log_offset + (at - piece.device.begin) : 1;
  }
}

TEST(Window, AgreesWithTheModelOnRandomPieces) {
  for (std::uint64_t seed = 1; seed <= test::rounds(2000); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Prng prng(seed);
    const ByteCount size = prng.between(1, 80);
    const std::uint64_t nr_pieces = prng.between(1, 30);
    Image expected(size);
    Image found(size);
    Window window;
    for (EntryIndex i = 0; i < nr_pieces; ++i) {
      const ByteOffset begin = prng.below(size);
      const ByteOffset end = prng.between(begin + 1, std::min(size, begin + 20));
      const Piece piece = prng.one_in(4) ? zero(i, begin, end) : write(i, begin, end);
      apply(piece, expected);
      window.add(piece);
    }
    for (const Piece& piece : empty(window)) apply(piece, found);
    ASSERT_EQ(found, expected);
  }
}

}  // namespace
}  // namespace powercut::replay
