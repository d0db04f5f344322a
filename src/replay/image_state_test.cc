// SPDX-License-Identifier: Apache-2.0
#include "replay/image_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "log/reader.h"
#include "support/log_builder.h"
#include "support/temporary_directory.h"

namespace powercut::replay {
namespace {

using test::LogBuilder;

ImageState some_state() {
  ImageState state;
  state.log_path = "/x/run.log";
  state.log.spanned_bytes = 7;
  state.log.hash = ~std::uint64_t{0};
  state.base_path = "/x/base";
  state.name = "entry:5";
  state.has_arrived = true;
  state.position = Position{5, 5};
  state.image = {1024, 77, 1'700'000'000'123'456'789};
  return state;
}

ImageState moving(ImageState state, std::optional<Position> position, const std::string& to) {
  state.name = to;
  state.has_arrived = false;
  state.position = position;
  state.image = {};
  return state;
}

ImageState written_and_read(const ImageState& state) {
  const test::TemporaryDirectory directory;
  EXPECT_TRUE(write_image_state(directory / "s", state));
  const auto read = read_image_state(directory / "s");
  EXPECT_TRUE(read && *read) << (read ? "" : read.error().message);
  // Nothing but the file itself is left.
  const auto entries = std::filesystem::directory_iterator(directory / "");
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
  return **read;
}

TEST(ImageState, ComesBackAsItWas) {
  ImageState state = some_state();
  state.base_path = "/x/base";
  EXPECT_EQ(written_and_read(state), state);
  for (const auto& other : {moving(state, Position{3, 9}, "entry:3"),
                            moving(state, Position{3, 9}, "exact:8:kept:4.6-8:torn:5:0:unit:4096"),
                            moving(state, std::nullopt, "entry:4")}) {
    EXPECT_EQ(written_and_read(other), other);
  }
  ImageState crashed = state;
  crashed.name = "epoch:5:lost:4:discard:stale";
  crashed.position = Position{0, 9};
  EXPECT_EQ(written_and_read(crashed), crashed);
  state.log = {};
  state.log.uuid = *log::make_uuid();
  EXPECT_EQ(written_and_read(state), state);
}

TEST(ImageState, IsReplacedAsAWhole) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(*read_image_state(directory / "s"), std::nullopt);
  ImageState state = some_state();
  state.base_path = "";
  ASSERT_TRUE(write_image_state(directory / "s", state));
  ASSERT_TRUE(write_image_state(directory / "s", moving(state, Position{1, 2}, "entry:2")));
  EXPECT_EQ((**read_image_state(directory / "s")).name, "entry:2");
  EXPECT_FALSE(write_image_state(directory / "absent/s", state));
}

TEST(ImageState, RefusesWhatIsNone) {
  const test::TemporaryDirectory directory;
  const auto expect_refused = [&](const std::string& text) {
    std::ofstream(directory / "s", std::ios::trunc) << text;
    const auto read = read_image_state(directory / "s");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::kBadInput);
  };
  ImageState state = some_state();
  state.base_path = "";
  ASSERT_TRUE(write_image_state(directory / "s", state));
  std::ifstream file(directory / "s");
  const std::string good{std::istreambuf_iterator<char>(file), {}};
  // Cut anywhere but in the newline at the end.
  for (std::size_t length = 0; length + 1 < good.size(); ++length) {
    expect_refused(good.substr(0, length));
  }
  const auto with = [&](const std::string& what, const std::string& instead) {
    std::string text = good;
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), instead);
  };
  expect_refused(with("\"version\": 1", "\"version\": 2"));
  expect_refused(with("entry:5", "entry:6"));
  expect_refused(with("entry:5", "entry:05"));
  expect_refused(with("entry:5", "flush:5"));
  expect_refused(with("\"entry:5\"", "5"));
  expect_refused(with("5,", "-5,"));
  expect_refused(with("5,", "\"5\","));
  expect_refused(with("5,", "6,"));
  expect_refused(with("\"at\"", "\"to\""));
  expect_refused(with("\"log_hash\"", "\"log_hish\""));
  expect_refused(with("\"format\"", "\"formats\""));
  expect_refused("{}");
  expect_refused("[1, 2");
  expect_refused(std::string(200'000, '['));
}

LogIdentity identity(const LogBuilder& log, const LogIdentity* like = nullptr) {
  const auto file = log.file();
  return *identity_of(*file, log::Reader::open(*file)->super_block(), like);
}

TEST(LogIdentity, StaysWhileTheLogGrows) {
  LogBuilder log;
  log.write(0, "A");
  const LogIdentity before = identity(log);
  LogBuilder other;
  other.write(0, "B").write(1, "B");
  log.write(1, "B");
  EXPECT_NE(identity(log), before);
  EXPECT_EQ(identity(log, &before), before);
  EXPECT_NE(identity(other, &before), before);
}

TEST(LogIdentity, IsTheUuidWhereThereIsOne) {
  LogBuilder log(512, test::test_extension(4096));
  const LogIdentity before = identity(log);
  EXPECT_TRUE(before.uuid);
  log.write(0, "A");
  EXPECT_EQ(identity(log), before);
}

TEST(ImageStamp, ChangesWhenTheImageIsWritten) {
  const test::TemporaryDirectory directory;
  auto file = PosixFile::open(directory / "i",
                              {.writable = true, .create = OpenOptions::Create::kIfAbsent});
  ASSERT_TRUE(file && (*file)->truncate(4096));
  const ImageStamp before = *stamp_of(**file);
  EXPECT_EQ(*stamp_of(**file), before);
  std::filesystem::last_write_time(
      directory / "i", std::filesystem::last_write_time(directory / "i") + std::chrono::seconds(1));
  EXPECT_NE(*stamp_of(**file), before);
}

}  // namespace
}  // namespace powercut::replay
