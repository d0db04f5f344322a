// SPDX-License-Identifier: Apache-2.0
#include "record/recording_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <latch>
#include <thread>

#include "base/prng.h"
#include "block/faulty_device.h"
#include "block/file_device.h"
#include "block/memory_device.h"
#include "io/faulty_file.h"
#include "log/reader.h"
#include "record/open.h"
#include "support/log_builder.h"
#include "support/temporary_directory.h"

namespace powercut::record {
namespace {

using test::TemporaryDirectory;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr ByteCount kDeviceSize = 64 * kKiB;

struct Rig {
  TemporaryDirectory directory;
  std::string log_path = directory.path() + "/log";
  std::shared_ptr<MemoryDevice> memory = std::make_shared<MemoryDevice>(kDeviceSize);
  std::vector<std::string> notices;
  std::unique_ptr<RecordingDevice> device;

  void start(std::shared_ptr<BlockDevice> file, OnLogError on_log_error = OnLogError::kFail,
             FaultyFile::Plan log_faults = nullptr, std::uint32_t sector_size = 512) {
    std::unique_ptr<File> log = *PosixFile::open(
        log_path, {.writable = true, .create = OpenOptions::Create::kIfAbsent, .truncate = true});
    if (log_faults) log = std::make_unique<FaultyFile>(std::move(log), std::move(log_faults));
    log::WriterOptions options;
    options.sector_size = sector_size;
    options.extensions = sector_size >= 512;
    options.device_size_bytes = file->size_bytes();
    device = *RecordingDevice::make(
        std::move(file), *log::Writer::create(std::move(log), options), log_path, on_log_error,
        [this](const std::string& notice) { notices.push_back(notice); });
  }

  [[nodiscard]] std::vector<log::Entry> entries() const {
    const auto file = *PosixFile::open(log_path, {});
    auto reader = log::Reader::open(*file, {.past_count = true});
    std::vector<log::Entry> result;
    while (auto entry = reader->next()) result.push_back(*std::move(entry));
    EXPECT_TRUE(reader->ending().is_whole()) << reader->ending().message;
    return result;
  }

  [[nodiscard]] std::vector<std::string> kinds() const {
    std::vector<std::string> result;
    for (const log::Entry& entry : entries()) result.emplace_back(kind_name(entry));
    return result;
  }

  // The most naive replay, over zeroes.
  [[nodiscard]] std::vector<std::byte> replayed() const {
    const auto file = *PosixFile::open(log_path, {});
    const auto reader = *log::Reader::open(*file);
    std::vector<std::byte> image(kDeviceSize);
    for (const log::Entry& entry : entries()) {
      const ByteRange range = entry.device_range();
      std::vector<std::byte> payload(range.size());
      if (!entry.is_discard()) {
        EXPECT_TRUE(reader.read_payload(entry, 0, payload));
      }
      std::copy(payload.begin(), payload.end(),
                image.begin() + static_cast<std::ptrdiff_t>(range.begin));
    }
    return image;
  }
};

std::vector<std::byte> filled(std::size_t size, char c) {
  return std::vector<std::byte>(size, static_cast<std::byte>(c));
}

TEST(RecordingDevice, EachRequestBecomesAnEntry) {
  Rig rig;
  rig.start(rig.memory);
  ASSERT_TRUE(rig.device->write(0, filled(1024, 'A'), Fua::kNo));
  ASSERT_TRUE(rig.device->write(1024, filled(512, 'B'), Fua::kYes));
  ASSERT_TRUE(rig.device->write_zeroes({512, 2048}, Unmap::kYes, Fua::kNo));
  ASSERT_TRUE(rig.device->discard({0, 1024}, Fua::kNo));
  ASSERT_TRUE(rig.device->flush());
  ASSERT_TRUE(rig.device->mark("here"));
  ASSERT_TRUE(rig.device->close());
  EXPECT_THAT(rig.kinds(), ElementsAre("write", "write", "zeroes", "discard", "flush", "mark"));
  const auto entries = rig.entries();
  EXPECT_EQ(entries[1].flags, log::kFlagFua);
  EXPECT_EQ(entries[2].extension->operation, log::Operation::kZeroesUnmap);
  EXPECT_EQ(entries[5].mark, "here");
  EXPECT_EQ(rig.replayed(), rig.memory->content());
  const RecorderStatus status = rig.device->status();
  EXPECT_EQ(status.writes, 2u);
  EXPECT_EQ(status.log_counters.durable_entries, 6u);
}

// G4 for requests of any alignment, and what clients read is what they wrote.
TEST(RecordingDevice, AnyAlignmentReplaysToTheDevice) {
  for (const std::uint32_t sector_size : {32u, 512u, 4096u}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " sector size " << sector_size);
      Rig rig;
      rig.memory = std::make_shared<MemoryDevice>(kDeviceSize, sector_size);
      rig.start(rig.memory, OnLogError::kFail, nullptr, sector_size);
      Prng prng(seed);
      std::vector<std::byte> model(kDeviceSize);
      for (int step = 0; step < 100; ++step) {
        const ByteOffset begin = prng.below(kDeviceSize);
        const ByteOffset end =
            std::min<ByteOffset>(kDeviceSize, begin + prng.below(3 * sector_size + 1));
        std::vector<std::byte> data(end - begin);
        const auto at = model.begin() + static_cast<std::ptrdiff_t>(begin);
        switch (prng.below(4)) {
          case 0:
            prng.fill(data);
            ASSERT_TRUE(rig.device->write(begin, data, Fua::kNo));
            std::copy(data.begin(), data.end(), at);
            break;
          case 1:
            ASSERT_TRUE(rig.device->write_zeroes({begin, end}, Unmap::kNo, Fua::kNo));
            std::fill_n(at, data.size(), std::byte{0});
            break;
          case 2: {
            ASSERT_TRUE(rig.device->discard({begin, end}, Fua::kNo));
            const ByteOffset first = align_up(begin, sector_size);
            const ByteOffset last = align_down(end, sector_size);
            if (first < last) {
              std::fill_n(model.begin() + static_cast<std::ptrdiff_t>(first), last - first,
                          std::byte{0});
            }
            break;
          }
          default:
            ASSERT_TRUE(rig.device->read(begin, data));
            ASSERT_TRUE(std::equal(data.begin(), data.end(), at));
        }
      }
      ASSERT_TRUE(rig.device->close());
      EXPECT_EQ(rig.memory->content(), model);
      EXPECT_EQ(rig.replayed(), model);
    }
  }
}

// G2: a write that is in flight when a flush is submitted stands behind the flush, even if it
// completes on the device first; one that had completed stands before it.
TEST(RecordingDevice, AFlushStandsAtItsSubmission) {
  Rig rig;
  std::latch write_is_in_flight(1);
  std::latch flush_is_in_flight(1);
  std::latch write_has_completed(1);
  const auto slow = std::make_shared<FaultyDevice>(
      rig.memory, [&](Request::Kind kind, ByteRange range, std::uint64_t) -> Status {
        if (kind == Request::Kind::kWrite && range.begin == 512) {
          write_is_in_flight.count_down();
          flush_is_in_flight.wait();
        } else if (kind == Request::Kind::kFlush) {
          flush_is_in_flight.count_down();
          write_has_completed.wait();
        }
        return {};
      });
  rig.start(slow);
  ASSERT_TRUE(rig.device->write(0, filled(512, 'A'), Fua::kNo));
  std::thread writer([&] {
    EXPECT_TRUE(rig.device->write(512, filled(512, 'B'), Fua::kNo));
    write_has_completed.count_down();
  });
  write_is_in_flight.wait();
  EXPECT_TRUE(rig.device->flush());
  writer.join();
  ASSERT_TRUE(rig.device->close());
  const auto entries = rig.entries();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].sector, 0u);
  EXPECT_TRUE(entries[1].is_flush());
  EXPECT_EQ(entries[2].sector, 1u);
  // The ticks say the same: the write was submitted before the flush and completed within it.
  EXPECT_LT(entries[2].extension->submit_tick, entries[1].extension->submit_tick);
  EXPECT_LT(entries[1].extension->submit_tick, entries[2].extension->complete_tick);
  EXPECT_LT(entries[2].extension->complete_tick, entries[1].extension->complete_tick);
}

TEST(RecordingDevice, AFailedFlushIsAMark) {
  Rig rig;
  rig.start(
      std::make_shared<FaultyDevice>(rig.memory, [](Request::Kind kind, ByteRange, std::uint64_t) {
        return kind == Request::Kind::kFlush ? Status(os_error("flush", EIO)) : Status{};
      }));
  ASSERT_TRUE(rig.device->write(0, filled(512, 'A'), Fua::kNo));
  EXPECT_FALSE(rig.device->flush());
  ASSERT_TRUE(rig.device->close());
  EXPECT_THAT(rig.kinds(), ElementsAre("write", "mark"));
  EXPECT_THAT(rig.entries()[1].mark, HasSubstr("flush failed"));
}

TEST(RecordingDevice, AFailedWriteIsNotRecorded) {
  Rig rig;
  rig.start(std::make_shared<FaultyDevice>(
      rig.memory, [](Request::Kind, ByteRange, std::uint64_t number) {
        return number == 1 ? Status(os_error("write", EIO)) : Status{};
      }));
  ASSERT_TRUE(rig.device->write(0, filled(512, 'A'), Fua::kNo));
  EXPECT_EQ(rig.device->write(512, filled(512, 'B'), Fua::kNo).error().os_errno, EIO);
  ASSERT_TRUE(rig.device->write(1024, filled(512, 'C'), Fua::kNo));
  ASSERT_TRUE(rig.device->close());
  EXPECT_EQ(rig.entries().size(), 2u);
  EXPECT_EQ(rig.device->status().failed_requests, 1u);
}

FaultyFile::Plan full_after(std::uint64_t operations) {
  return [operations](FaultyFile::Operation operation,
                      std::uint64_t number) -> std::optional<FaultyFile::Fault> {
    // A full disk still lets existing blocks be rewritten and synced.
    if (number < operations || operation != FaultyFile::Operation::kWrite) return std::nullopt;
    return FaultyFile::Fault{ENOSPC, 0};
  };
}

TEST(RecordingDevice, AFullLogFailsTheClient) {
  Rig rig;
  rig.start(rig.memory, OnLogError::kFail, full_after(3));
  ASSERT_TRUE(rig.device->write(0, filled(512, 'A'), Fua::kNo));
  EXPECT_EQ(rig.device->write(512, filled(512, 'B'), Fua::kNo).error().os_errno, ENOSPC);
  EXPECT_EQ(rig.device->write(1024, filled(512, 'C'), Fua::kNo).error().os_errno, ENOSPC);
  EXPECT_EQ(rig.device->flush().error().os_errno, ENOSPC);
  EXPECT_FALSE(rig.device->mark("m"));
  EXPECT_EQ(rig.memory->content()[1024], std::byte{0})
      << "what cannot be recorded must not be done";
  std::vector<std::byte> sector(512);
  EXPECT_TRUE(rig.device->read(0, sector));
  EXPECT_FALSE(rig.device->close());
  EXPECT_EQ(rig.entries().size(), 1u);
  ASSERT_EQ(rig.notices.size(), 1u);
  EXPECT_THAT(rig.notices[0], HasSubstr("the log ends at entry 1"));
  EXPECT_FALSE(rig.device->status().recording);
}

TEST(RecordingDevice, AFullLogStopsRecordingIfSoWished) {
  Rig rig;
  rig.start(rig.memory, OnLogError::kStop, full_after(3));
  ASSERT_TRUE(rig.device->write(0, filled(512, 'A'), Fua::kNo));
  EXPECT_TRUE(rig.device->write(512, filled(512, 'B'), Fua::kNo));
  EXPECT_TRUE(rig.device->write(1024, filled(512, 'C'), Fua::kNo));
  EXPECT_TRUE(rig.device->flush());
  EXPECT_FALSE(rig.device->mark("m"));
  EXPECT_EQ(rig.memory->content()[1024], std::byte{'C'});
  EXPECT_EQ(rig.entries().size(), 1u);
  ASSERT_EQ(rig.notices.size(), 1u);
  EXPECT_THAT(rig.notices[0], HasSubstr("RECORDING HAS STOPPED at entry 1"));
  EXPECT_FALSE(rig.device->status().recording);
}

// What is done without a log is done as before: aligned for the file, one at a time where it
// overlaps.
TEST(RecordingDevice, UnalignedRequestsGoOnWhenRecordingHasStopped) {
  Rig rig;
  rig.memory = std::make_shared<MemoryDevice>(kDeviceSize, 512);
  rig.start(rig.memory, OnLogError::kStop, full_after(3));
  ASSERT_TRUE(rig.device->write(0, filled(512, 'A'), Fua::kNo));
  ASSERT_TRUE(rig.device->write(0, filled(512, 'B'), Fua::kNo));
  ASSERT_FALSE(rig.device->status().recording);
  EXPECT_TRUE(rig.device->write(100, filled(10, 'C'), Fua::kNo));
  EXPECT_TRUE(rig.device->write_zeroes({200, 1100}, Unmap::kNo, Fua::kNo));
  const auto content = rig.memory->content();
  EXPECT_EQ(content[99], std::byte{'B'});
  EXPECT_EQ(content[100], std::byte{'C'});
  EXPECT_EQ(content[110], std::byte{'B'});
  EXPECT_EQ(content[200], std::byte{0});
}

TEST(RecordingDevice, NothingReachesTheDeviceOnceClosed) {
  Rig rig;
  rig.start(rig.memory);
  ASSERT_TRUE(rig.device->write(0, filled(512, 'A'), Fua::kNo));
  ASSERT_TRUE(rig.device->close());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(rig.device->write(0, filled(512, 'B'), Fua::kNo).error().os_errno, ESHUTDOWN);
    EXPECT_FALSE(rig.device->write_zeroes({0, 512}, Unmap::kNo, Fua::kNo));
    EXPECT_FALSE(rig.device->discard({0, 512}, Fua::kNo));
    EXPECT_FALSE(rig.device->flush());
    EXPECT_FALSE(rig.device->mark("m"));
  }
  EXPECT_EQ(rig.memory->content()[0], std::byte{'A'});
  EXPECT_TRUE(rig.notices.empty());
}

TEST(RecordingDevice, MarksThatDoNotFitAreRefused) {
  Rig rig;
  rig.start(rig.memory);
  EXPECT_TRUE(rig.device->mark(std::string(rig.device->max_mark_bytes(), 'm')));
  const auto refused = rig.device->mark(std::string(rig.device->max_mark_bytes() + 1, 'm'));
  EXPECT_THAT(refused.error().message, HasSubstr("too long"));
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_FALSE(rig.device->mark(""));
}

class OpenRecording : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const char* name) const { return directory_.path() + "/" + name; }
  void make_file(const char* name, ByteCount size) {
    const auto file =
        *PosixFile::open(path(name), {.writable = true, .create = OpenOptions::Create::kIfAbsent});
    ASSERT_TRUE(file->truncate(size));
  }
  [[nodiscard]] Result<std::unique_ptr<RecordingDevice>> open(const RecordingOptions& options) {
    return open_recording(options, [](const std::string&) {});
  }
  void expect_refused(const RecordingOptions& options, ErrorKind kind, const char* message) {
    const auto result = open(options);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, kind) << result.error().message;
    EXPECT_THAT(result.error().message, HasSubstr(message));
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(OpenRecording, RecordsAFile) {
  make_file("disk", kDeviceSize);
  const RecordingOptions options = {.file = path("disk"), .log = path("log")};
  {
    auto device = open(options);
    ASSERT_TRUE(device) << device.error().message;
    ASSERT_TRUE((*device)->write(0, filled(512, 'A'), Fua::kNo));
    expect_refused({.file = path("disk"), .log = path("other")}, ErrorKind::kEnvironment, "in use");
  }
  expect_refused(options, ErrorKind::kEnvironment, "exists and holds a log");
  RecordingOptions append = options;
  append.log_append = true;
  ASSERT_TRUE((*open(append))->write(512, filled(512, 'B'), Fua::kNo));
  const auto file = *PosixFile::open(path("log"), {});
  EXPECT_EQ(log::Reader::open(*file)->super_block().nr_entries, 2u);
  EXPECT_EQ(log::Reader::open(*file)->super_block().extension->device_size_bytes, kDeviceSize);
}

TEST_F(OpenRecording, WrongOptionsAreRefusedAndNothingIsLost) {
  make_file("disk", kDeviceSize);
  make_file("odd", 1000);
  make_file("empty", 0);
  make_file("other-size", 2 * kDeviceSize);
  ASSERT_TRUE(open({.file = path("disk"), .log = path("log")}));
  const auto size_before = std::filesystem::file_size(path("log"));
  const std::string disk = path("disk");
  const std::string log = path("log");
  expect_refused({.file = path("absent"), .log = log}, ErrorKind::kBadInput, "No such file");
  expect_refused({.file = disk, .log = disk, .overwrite = true}, ErrorKind::kUsage,
                 "file and log are the same");
  expect_refused({.file = disk, .log = log, .log_append = true, .log_sector_size = 512},
                 ErrorKind::kUsage, "together");
  expect_refused({.file = disk, .log = log, .log_sector_size = 1000, .overwrite = true},
                 ErrorKind::kUsage, "power of two");
  expect_refused({.file = disk, .log = log, .log_super_update_interval = 0, .overwrite = true},
                 ErrorKind::kUsage, "interval");
  expect_refused({.file = path("odd"), .log = log, .overwrite = true}, ErrorKind::kBadInput,
                 "extend it to 1024");
  expect_refused({.file = path("empty"), .log = log, .overwrite = true}, ErrorKind::kBadInput,
                 "empty");
  expect_refused({.file = path("other-size"), .log = log, .log_append = true}, ErrorKind::kBadInput,
                 "made for a device of");
  expect_refused({.file = disk, .log = path("odd"), .log_append = true}, ErrorKind::kBadInput,
                 "not a log");
  expect_refused({.file = disk, .log = log, .log_append = true, .log_extensions = false},
                 ErrorKind::kUsage, "extensions on");
  EXPECT_EQ(std::filesystem::file_size(log), size_before);
  EXPECT_TRUE(open({.file = disk, .log = log, .overwrite = true}));
}

// The old log's storage is used again; what a kill leaves of both is the new log alone.
TEST_F(OpenRecording, OverwritingKeepsTheStorageButNoEntry) {
  make_file("disk", kDeviceSize);
  RecordingOptions options = {.file = path("disk"), .log = path("log"), .overwrite = true};
  for (int i = 0; i < 10; ++i) {
    // Each write goes on with the same log, but for the first, which begins one.
    ASSERT_TRUE((*open(options))->write(0, filled(512, 'A'), Fua::kNo));
    options.overwrite = false;
    options.log_append = true;
  }
  const auto old_size = std::filesystem::file_size(path("log"));
  options = {.file = path("disk"), .log = path("log"), .overwrite = true};
  {
    auto device = open(options);
    ASSERT_TRUE(device) << device.error().message;
    ASSERT_TRUE((*device)->write(512, filled(512, 'B'), Fua::kNo));
    EXPECT_EQ(std::filesystem::file_size(path("log")), old_size);
    std::filesystem::copy_file(path("log"), path("killed"));
  }
  EXPECT_EQ(std::filesystem::file_size(path("log")), 3u * 512);
  const RecordingOptions append = {.file = path("disk"), .log = path("killed"), .log_append = true};
  EXPECT_EQ((*open(append))->status().log_counters.entries, 1u);
  EXPECT_EQ(std::filesystem::file_size(path("killed")), 3u * 512);
}

// Without extensions nothing tells the old log's entries from the new one's.
TEST_F(OpenRecording, OverwritingWithoutExtensionsEmptiesTheLogFirst) {
  make_file("disk", kDeviceSize);
  ASSERT_TRUE(
      (*open({.file = path("disk"), .log = path("log")}))->write(0, filled(512, 'A'), Fua::kNo));
  const auto device =
      open({.file = path("disk"), .log = path("log"), .log_extensions = false, .overwrite = true});
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ(std::filesystem::file_size(path("log")), 512u);
}

TEST_F(OpenRecording, MemoryNeedsNoFile) {
  auto device = open({.file = "memory:65536", .log = path("log")});
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ((*device)->size_bytes(), 65536u);
  expect_refused({.file = "memory:1x", .log = path("log2")}, ErrorKind::kUsage, "memory:BYTES");
}

}  // namespace
}  // namespace powercut::record
