// SPDX-License-Identifier: Apache-2.0
#include "check/acknowledgement_history.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace powercut::check {
namespace {

using testing::HasSubstr;

std::string hash_of(char name) {
  return std::string(64, name);
}

// Marks as letters, for the file "f": a, b, c: with that content; x: removed; u: changing, and there
// is a file; n: changing, and there is none; i: changing in place; o: removed, but another file.
std::string text_of(char letter) {
  Acknowledgement what;
  what.file = letter == 'o' ? "other" : "f";
  if (letter == 'x' || letter == 'o') {
    what.kind = Acknowledgement::Kind::kRemoved;
  } else if (letter == 'u' || letter == 'n' || letter == 'i') {
    what.kind = Acknowledgement::Kind::kChanging;
    what.exists = letter != 'n';
    what.is_in_place = letter == 'i';
  } else {
    what.content = {1, hash_of(letter)};
  }
  return *mark_text(what);
}

AcknowledgementHistory history_of(std::string_view letters) {
  AcknowledgementHistory history;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const Status added = history.add(i, text_of(letters[i]));
    EXPECT_TRUE(added) << added.error().message;
  }
  return history;
}

// What "f" may be, as letters in order: contents, - for absent; * for anything.
std::string allowed_in(const AcknowledgementHistory& history, MarkPlace in_front,
                       MarkPlace reached) {
  std::set<char> letters;
  bool is_listed = false;
  for (const AllowedFile& file : history.allowed(in_front, reached)) {
    if (file.file != "f") continue;
    is_listed = true;
    if (file.absent) letters.insert('-');
    for (const FileContent& content : file.contents) letters.insert(content.sha256[0]);
  }
  return is_listed ? std::string(letters.begin(), letters.end()) : "*";
}

TEST(AcknowledgementHistory, Table) {
  struct Case {
    const char* marks;
    const char* allowed;  // where the first N marks have surely been put and no other may have been
    const char* meaning;
  };
  const Case cases[] = {
      {"", "*", "of a file without marks nothing is known"},
      {"a", "* a", "an acknowledged file stays as it is"},
      {"ab", "* ab b", "an acknowledgement after the other: old or new"},
      {"aub", "* a ab b", "before a change is announced there is only the old"},
      {"uab", "* * ab b", "a file that is there and that nobody has promised anything of"},
      {"na", "* -a a", "a file that is made"},
      {"nua", "* -a -a a", "... and announced twice"},
      {"xa", "* -a a", "a file that has gone, and is made"},
      {"xna", "* - -a a", "... as announced"},
      {"ax", "* -a -", "a file that is removed"},
      {"aux", "* a -a -", "... as announced"},
      {"axb", "* -a -b b", "removed, then made"},
      {"aib", "* a * b", "written in place"},
      {"aiub", "* a * * b", "... which ends with the next acknowledgement"},
      {"auib", "* a ab * b", ""},
      {"au", "* a *", "nobody says how this change ended"},
      {"n", "* *", "nor this one"},
      {"aoob", "* ab ab ab b", "other files' marks say nothing"},
      {"aa", "* a a", "the same again"},
  };
  for (const Case& example : cases) {
    const std::string marks = example.marks;
    std::string found;
    for (std::size_t i = 0; i <= marks.size(); ++i) {
      found += (i == 0 ? "" : " ") + allowed_in(history_of(marks), i, i);
    }
    EXPECT_EQ(found, example.allowed) << marks << ": " << example.meaning;
  }
}

TEST(AcknowledgementHistory, MarksThatMayHaveBeenPutAddWhatComesAfterThem) {
  EXPECT_EQ(allowed_in(history_of("abc"), 1, 1), "ab");
  EXPECT_EQ(allowed_in(history_of("abc"), 1, 2), "abc");
  EXPECT_EQ(allowed_in(history_of("aubuc"), 1, 1), "a");
  EXPECT_EQ(allowed_in(history_of("aubuc"), 1, 2), "ab");
  EXPECT_EQ(allowed_in(history_of("aubuc"), 1, 4), "abc");
  EXPECT_EQ(allowed_in(history_of("aibc"), 1, 3), "*");
}

// The naive model: each change paints the times at which it may show.
class PaintedTimes {
 public:
  explicit PaintedTimes(std::string_view letters) : times_(letters.size() + 1) {
    std::size_t from = 0;       // behind the last acknowledgement
    bool is_announced = false;  // since then
    std::size_t announced = 0;  // behind the first announcement
    char old = '*';
    for (std::size_t i = 0; i <= letters.size(); ++i) {
      const char letter = i < letters.size() ? letters[i] : '$';
      if (letter == 'o') continue;
      const bool announces = letter == 'u' || letter == 'n' || letter == 'i';
      if (announces) {
        // A file that was not there when its story began had not been there before.
        if (!is_announced && old == '*' && from == 0 && letter == 'n') {
          paint(from, i, '*');
          from = i + 1;
          old = '-';
        }
        if (!is_announced) announced = i + 1;
        is_announced = true;
        if (letter == 'i') paint(i + 1, acknowledged_at(letters, i), '*');
        continue;
      }
      paint(from, i, old);
      const char result = letter == '$' ? '*' : letter == 'x' ? '-' : letter;
      if (is_announced || letter != '$') paint(is_announced ? announced : from, i, result);
      from = i + 1;
      is_announced = false;
      old = result;
    }
  }

  [[nodiscard]] std::string between(std::size_t first, std::size_t last) const {
    std::set<char> all;
    for (std::size_t time = first; time <= last; ++time) {
      all.insert(times_[time].begin(), times_[time].end());
    }
    return all.count('*') > 0 ? "*" : std::string(all.begin(), all.end());
  }

 private:
  // Time N is behind the first N marks.
  void paint(std::size_t first, std::size_t last, char what) {
    for (std::size_t time = first; time <= last && time < times_.size(); ++time) {
      times_[time].insert(what);
    }
  }
  static std::size_t acknowledged_at(std::string_view letters, std::size_t from) {
    return std::min(letters.find_first_of("abx", from), letters.size());
  }

  std::vector<std::set<char>> times_;
};

TEST(AcknowledgementHistory, AllSmallOnesAreAsTheModelHasThem) {
  std::uint64_t compared = 0;
  const std::function<void(std::string)> visit = [&](const std::string& letters) {
    const AcknowledgementHistory history = history_of(letters);
    const PaintedTimes model(letters);
    for (std::size_t in_front = 0; in_front <= letters.size(); ++in_front) {
      for (std::size_t reached = in_front; reached <= letters.size(); ++reached) {
        ASSERT_EQ(allowed_in(history, in_front, reached), model.between(in_front, reached))
            << "marks '" << letters << "', " << in_front << " in front, " << reached << " reached";
        ++compared;
      }
    }
    if (letters.size() == 5 || testing::Test::HasFatalFailure()) return;
    for (const char letter : std::string_view("abxunio")) visit(letters + letter);
  };
  visit("");
  EXPECT_GT(compared, 300000U);
}

TEST(AcknowledgementHistory, FilesAreTheSameHoweverTheirPathsAreWritten) {
  AcknowledgementHistory history;
  ASSERT_TRUE(history.add(3, R"({"removed":"d//f"})"));
  ASSERT_TRUE(history.add(5, R"({"changing":"./d/f","exists":false})"));
  ASSERT_TRUE(
      history.add(9, fmt::format(R"({{"file":"d/./f","size":1,"sha256":"{}"}})", hash_of('a'))));
  const auto files = history.allowed(6, 6);
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].file, "d/f");
  EXPECT_TRUE(files[0].absent);
  EXPECT_THAT(files[0].contents, testing::ElementsAre(FileContent{1, hash_of('a')}));
}

TEST(AcknowledgementHistory, KnowsWhereAContentComesFrom) {
  AcknowledgementHistory history = history_of("aub");
  ASSERT_TRUE(
      history.add(7, fmt::format(R"({{"file":"g","size":1,"sha256":"{}"}})", hash_of('a'))));
  const auto origins = history.origins({1, hash_of('a')});
  ASSERT_EQ(origins.size(), 2U);
  EXPECT_EQ(origins[0].file, "f");
  EXPECT_EQ(origins[0].place, 0U);
  EXPECT_EQ(origins[1].file, "g");
  EXPECT_EQ(origins[1].place, 7U);
  EXPECT_TRUE(history.origins({2, hash_of('a')}).empty());
}

TEST(AcknowledgementHistory, OtherMarksArePassedOverAndBadOnesAreErrors) {
  AcknowledgementHistory history;
  ASSERT_TRUE(history.add(0, "mkfs"));
  EXPECT_TRUE(history.empty());
  EXPECT_THAT(history.add(1, R"({"file":"f"})").error().message, HasSubstr("size"));
}

}  // namespace
}  // namespace powercut::check
