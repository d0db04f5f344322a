// SPDX-License-Identifier: Apache-2.0
//
// The same random request streams go to qemu-io with driver=blklogwrites and to our recorder: the two
// logs, and the two images, must be equal byte for byte. A stream keeps to what QEMU does right; where
// we differ on purpose is in qemu_differences_test.cc and docs/qemu-differences.md. So in a stream
//   no write is FUA;
//   a flush follows something that it can flush, and ends each session;
//   discards are aligned, and no request is empty.
//
// POWERCUT_SEED gives another set of streams; POWERCUT_STREAM=N runs only the N-th of them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/prng.h"
#include "e2e/qemu_io.h"
#include "record/open.h"
#include "support/nbd_server.h"
#include "support/temporary_directory.h"

namespace powercut::test {
namespace {

constexpr std::uint64_t kStreams = 1000;
// So many share one qemu-io process; bounds the space that their files take.
constexpr std::uint64_t kBatch = 20;

struct Step {
  Request::Kind kind = Request::Kind::kFlush;
  ByteRange range;
  std::uint8_t pattern = 0;
  Unmap unmap = Unmap::kNo;
};

struct Session {
  std::optional<std::uint64_t> super_update_interval;
  std::vector<Step> steps;
};

struct Stream {
  std::uint64_t number = 0;
  std::uint32_t sector_size = 512;
  std::vector<std::byte> image;
  std::vector<Session> sessions;  // all but the first append to the log
};

std::uint64_t environment_number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

ByteRange random_range(Prng& prng, ByteCount size, ByteCount alignment, ByteCount longest) {
  const ByteOffset begin = align_down(prng.below(size), alignment);
  const ByteCount most = std::min(size - begin, align_up(longest, alignment));
  const ByteCount length = std::max(alignment, align_down(prng.between(1, most), alignment));
  return {begin, begin + length};
}

Step random_step(Prng& prng, ByteCount size, std::uint32_t sector_size) {
  using Kind = Request::Kind;
  constexpr Kind kKinds[] = {Kind::kWrite, Kind::kWrite, Kind::kWrite, Kind::kZeroes,
                             Kind::kDiscard};
  Step step;
  step.kind = kKinds[prng.below(std::size(kKinds))];
  // Most clients are aligned, the interesting ones are not.
  const bool is_aligned = step.kind == Kind::kDiscard || prng.one_in(2);
  const ByteCount longest = prng.one_in(8) ? size : 6 * std::max<ByteCount>(sector_size, 512);
  step.range = random_range(prng, size, is_aligned ? sector_size : 1, longest);
  step.pattern = static_cast<std::uint8_t>(prng.between(1, 255));
  step.unmap = prng.one_in(2) ? Unmap::kYes : Unmap::kNo;
  return step;
}

Stream random_stream(std::uint64_t seed, std::uint64_t number) {
  constexpr std::uint32_t kSectorSizes[] = {512,  512,  512,   1024, 2048, 4096,
                                            4096, 8192, 65536, 32,   64,   256};
  Prng prng(seed * 1'000'003 + number);
  Stream stream;
  stream.number = number;
  stream.sector_size = kSectorSizes[prng.below(std::size(kSectorSizes))];
  // QEMU wants a length that is a multiple of 512, too.
  stream.image.resize(std::max<ByteCount>(stream.sector_size, 512) * prng.between(1, 40));
  prng.fill(stream.image);
  for (std::uint64_t session = 0, sessions = prng.between(1, 3); session < sessions; ++session) {
    Session& current = stream.sessions.emplace_back();
    if (prng.one_in(3)) current.super_update_interval = prng.between(1, 5);
    for (std::uint64_t i = 0, steps = prng.between(1, 15); i < steps; ++i) {
      current.steps.push_back(random_step(prng, stream.image.size(), stream.sector_size));
      if (i + 1 == steps || prng.one_in(4)) current.steps.push_back({});
    }
  }
  return stream;
}

std::string qemu_command(const Step& step) {
  switch (step.kind) {
    case Request::Kind::kWrite:
      return fmt::format("write -q -P {} {} {}", step.pattern, step.range.begin, step.range.size());
    case Request::Kind::kZeroes:
      return fmt::format("write -q -z {} {} {}", step.unmap == Unmap::kYes ? "-u" : "",
                         step.range.begin, step.range.size());
    case Request::Kind::kDiscard:
      return fmt::format("discard -q {} {}", step.range.begin, step.range.size());
    default:
      return "flush";
  }
}

std::vector<std::string> qemu_script(const Stream& stream, const std::string& file,
                                     const std::string& log) {
  std::vector<std::string> lines;
  for (const Session& session : stream.sessions) {
    BlkLogWrites node = {
        .file = file, .log = log, .log_super_update_interval = session.super_update_interval};
    if (&session == &stream.sessions.front()) {
      node.log_sector_size = stream.sector_size;
    } else {
      node.log_append = true;
    }
    lines.push_back(node.open_command());
    for (const Step& step : session.steps) lines.push_back(qemu_command(step));
    lines.emplace_back("close");
  }
  return lines;
}

Status record_session(const Session& session, const record::RecordingOptions& options) {
  auto device = POWERCUT_TRY(
      record::open_recording(options, [](const std::string& text) { ADD_FAILURE() << text; }));
  for (const Step& step : session.steps) {
    Request request = {.kind = step.kind, .range = step.range, .unmap = step.unmap};
    if (step.kind == Request::Kind::kWrite)
      request.data.assign(step.range.size(), static_cast<std::byte>(step.pattern));
    POWERCUT_TRY_STATUS(execute(*device, request));
  }
  return device->close();
}

Status record_stream(const Stream& stream, const std::string& file, const std::string& log) {
  for (const Session& session : stream.sessions) {
    record::RecordingOptions options;
    options.file = file;
    options.log = log;
    options.log_extensions = false;
    if (session.super_update_interval)
      options.log_super_update_interval = *session.super_update_interval;
    if (&session == &stream.sessions.front()) {
      options.log_sector_size = stream.sector_size;
    } else {
      options.log_append = true;
    }
    POWERCUT_TRY_STATUS(record_session(session, options));
  }
  return {};
}

// Where two files begin to differ, in words; nothing if they are equal.
std::optional<std::string> difference(const std::string& ours, const std::string& qemus) {
  const auto a = read_file(ours);
  const auto b = read_file(qemus);
  const auto [at, ignored] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (a.size() == b.size() && at == a.end()) return std::nullopt;
  return fmt::format("ours has {} bytes, QEMU's {}; they differ from byte {} on", a.size(),
                     b.size(), at - a.begin());
}

class QemuStreams : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_program("qemu-io")) GTEST_SKIP() << "qemu-io is not installed";
  }

  struct Paths {
    std::string file, log;
  };
  [[nodiscard]] Paths paths(const Stream& stream, const char* whose) const {
    const std::string stem = directory_ / fmt::format("{}-{}", stream.number, whose);
    return {stem + ".img", stem + ".log"};
  }

  // Both record the streams. QEMU opens an existing file only.
  void record(const std::vector<Stream>& streams) {
    std::vector<std::string> script;
    for (const Stream& stream : streams) {
      const Paths qemu = paths(stream, "qemu");
      write_file(qemu.file, stream.image);
      write_file(qemu.log, {});
      const auto lines = qemu_script(stream, qemu.file, qemu.log);
      script.insert(script.end(), lines.begin(), lines.end());
      const Paths our = paths(stream, "ours");
      write_file(our.file, stream.image);
      const Status status = record_stream(stream, our.file, our.log);
      ASSERT_TRUE(status) << status.error().message;
    }
    const SubprocessResult result = qemu_io(script);
    ASSERT_TRUE(result.succeeded()) << result.describe() << '\n' << result.error_output;
    ASSERT_EQ(result.error_output.find("failed"), std::string::npos) << result.error_output;
  }

  void expect_equal(const Stream& stream) {
    const Paths qemu = paths(stream, "qemu");
    const Paths our = paths(stream, "ours");
    for (const auto& [what, ours, qemus] :
         {std::tuple{"log", our.log, qemu.log}, std::tuple{"image", our.file, qemu.file}}) {
      if (const auto found = difference(ours, qemus)) {
        ADD_FAILURE() << what << ": " << *found << "\nentries of ours:  "
                      << fmt::format("{}", fmt::join(entries_of(our.log), ", "))
                      << "\nentries of QEMU's: "
                      << fmt::format("{}", fmt::join(entries_of(qemu.log), ", "))
                      << "\nto repeat: POWERCUT_SEED=" << seed_
                      << " POWERCUT_STREAM=" << stream.number << "\nqemu-io:\n"
                      << fmt::format("{}", fmt::join(qemu_script(stream, "FILE", "LOG"), "\n"));
      }
    }
    for (const auto& path : {qemu.file, qemu.log, our.file, our.log}) std::filesystem::remove(path);
  }

  const std::uint64_t seed_ = environment_number("POWERCUT_SEED", 1);
  TemporaryDirectory directory_;
};

TEST_F(QemuStreams, LogsAndImagesAreEqualByteForByte) {
  fmt::print("seed {}\n", seed_);
  const std::uint64_t only = environment_number("POWERCUT_STREAM", kStreams);
  std::uint64_t number = only < kStreams ? only : 0;
  const std::uint64_t end = only < kStreams ? only + 1 : kStreams;
  std::uint64_t compared = 0;
  while (number < end) {
    std::vector<Stream> batch;
    for (; number < end && batch.size() < kBatch; ++number)
      batch.push_back(random_stream(seed_, number));
    ASSERT_NO_FATAL_FAILURE(record(batch));
    for (const Stream& stream : batch) {
      expect_equal(stream);
      ++compared;
    }
    ASSERT_FALSE(HasFailure()) << "stopped after " << compared << " streams";
  }
  EXPECT_EQ(compared, only < kStreams ? 1 : kStreams);
}

// Canary: of two streams that differ in one request, the comparison tells.
TEST_F(QemuStreams, AMissingRequestIsSeen) {
  for (std::uint64_t number = 0; number < 10; ++number) {
    Stream stream = random_stream(seed_, number);
    const Paths qemu = paths(stream, "qemu");
    write_file(qemu.file, stream.image);
    write_file(qemu.log, {});
    qemu_io_or_fail(qemu_script(stream, qemu.file, qemu.log));
    auto& steps = stream.sessions.back().steps;
    steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(Prng(number).below(steps.size())));
    const Paths our = paths(stream, "ours");
    write_file(our.file, stream.image);
    const Status status = record_stream(stream, our.file, our.log);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_TRUE(difference(our.log, qemu.log)) << "stream " << number;
  }
}

}  // namespace
}  // namespace powercut::test
