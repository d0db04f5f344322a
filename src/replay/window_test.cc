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

class Recorder {
 public:
  [[nodiscard]] Window::Sink sink() {
    return [this](const Piece& piece) -> Status {
      pieces.push_back(piece);
      return {};
    };
  }
  std::vector<Piece> pieces;
};

// What is handed out, all of it at the end, of these pieces.
std::vector<Piece> left_of(const std::vector<Piece>& pieces) {
  Window window;
  Recorder recorder;
  for (const Piece& piece : pieces) EXPECT_TRUE(window.add(piece, recorder.sink()));
  EXPECT_TRUE(recorder.pieces.empty());
  EXPECT_TRUE(window.end_run(recorder.sink()));
  return recorder.pieces;
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

// Far away, so that a table of all places between would be too large.
const Piece kFarAway = zero(0, 1'000'000, 1'000'001);

// The places are found in two ways.
void expect_left(std::vector<Piece> pieces, const std::string& expected) {
  EXPECT_EQ(text(left_of(pieces)), expected);
  pieces.push_back(kFarAway);
  EXPECT_EQ(text(left_of(pieces)), expected + " 1000000-1000001:0");
}

TEST(Window, GivesEachPlaceOnceInTheOrderOfTheDevice) {
  expect_left({write(0, 40, 60), write(1, 0, 30), write(2, 10, 50), write(3, 20, 25)},
              "0-10:1@0 10-20:2@0 20-25:3@0 25-50:2@15 50-60:0@10");
}

TEST(Window, TheLastOfSeveralAtOnePlaceWins) {
  expect_left({write(0, 0, 50), write(1, 0, 20), write(2, 0, 10), write(3, 0, 10)},
              "0-10:3@0 10-20:1@10 20-50:0@20");
}

TEST(Window, ZeroesThatMeetBecomeOne) {
  expect_left({write(0, 0, 100), zero(1, 10, 30), zero(2, 30, 40), zero(3, 20, 35)},
              "0-10:0@0 10-40:0 40-100:0@40");
}

TEST(Window, PlacesThatNothingWroteAreLeftOut) {
  expect_left({write(0, 20, 30), write(1, 50, 60), write(2, 20, 30)}, "20-30:2@0 50-60:1@0");
}

TEST(Window, KeepsTheOrderOfTheLogWhereLittleIsWrittenOver) {
  expect_left({write(0, 100, 200), write(1, 0, 100), zero(2, 50, 55)},
              "100-200:0@0 0-100:1@0 50-55:0");
}

TEST(Window, NothingGivesNothing) {
  EXPECT_EQ(text(left_of({})), "");
}

TEST(Window, TakesTheLargestDeviceThereIs) {
  const ByteOffset end = ~ByteOffset{0};
  EXPECT_EQ(text(left_of({zero(0, 0, end), zero(1, 5, end)})), "0-" + std::to_string(end) + ":0");
}

TEST(Window, TheErrorOfTheSinkEndsIt) {
  Window window;
  const auto fail = [](const Piece&) -> Status { return os_error("a test", EIO); };
  ASSERT_TRUE(window.add(write(0, 0, 10), fail));
  EXPECT_FALSE(window.end_run(fail));
}

TEST(Window, ARunInWhichMuchIsWrittenOverGoesOn) {
  constexpr ByteCount kSize = 1 * kMiB;
  constexpr EntryIndex kWrites = 1000;  // 1000 MiB
  Window window;
  Recorder recorder;
  for (EntryIndex i = 0; i < kWrites; ++i) {
    const ByteOffset begin = i % 20 * kSize;
    ASSERT_TRUE(window.add(write(i, begin, begin + kSize), recorder.sink()));
  }
  EXPECT_TRUE(recorder.pieces.empty());
  ASSERT_TRUE(window.end_run(recorder.sink()));
  ASSERT_EQ(recorder.pieces.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(recorder.pieces[i].entry, kWrites - 20 + i);
}

TEST(Window, ARunInWhichNothingIsWrittenOverEnds) {
  Window window;
  Recorder recorder;
  for (EntryIndex i = 0; i < 100; ++i)
    ASSERT_TRUE(window.add(write(i, i * kMiB, (i + 1) * kMiB), recorder.sink()));
  EXPECT_EQ(recorder.pieces.size(), 64u);
}

TEST(Window, HoldsNoMorePiecesThanItMay) {
  for (const std::uint64_t times_each : {1u, 2u}) {
    Window window;
    Recorder recorder;
    for (EntryIndex i = 0; i < Window::kMaxPieces; ++i) {
      EXPECT_TRUE(recorder.pieces.empty());
      const ByteOffset begin = i / times_each * 20;
      ASSERT_TRUE(window.add(write(i, begin, begin + 10), recorder.sink()));
    }
    // What half of the pieces wrote over is dropped, and there is room again.
    EXPECT_EQ(recorder.pieces.size(), times_each == 1 ? Window::kMaxPieces : 0);
    ASSERT_TRUE(window.end_run(recorder.sink()));
    EXPECT_EQ(recorder.pieces.size(), Window::kMaxPieces / times_each);
  }
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
    std::vector<Piece> pieces;
    for (EntryIndex i = 0; i < nr_pieces; ++i) {
      const ByteOffset begin = prng.below(size);
      const ByteOffset end = prng.between(begin + 1, std::min(size, begin + 20));
      const Piece piece = prng.one_in(4) ? zero(i, begin, end) : write(i, begin, end);
      apply(piece, expected);
      pieces.push_back(piece);
    }
    Image found_far_off = found;
    for (const Piece& piece : left_of(pieces)) apply(piece, found);
    ASSERT_EQ(found, expected);
    pieces.push_back(kFarAway);
    for (const Piece& piece : left_of(pieces)) {
      if (piece.device.end <= size) apply(piece, found_far_off);
    }
    ASSERT_EQ(found_far_off, expected);
  }
}

}  // namespace
}  // namespace powercut::replay
