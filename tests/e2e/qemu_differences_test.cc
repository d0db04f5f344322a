// SPDX-License-Identifier: Apache-2.0
//
// Where our log differs from the one that QEMU's blklogwrites writes for the same requests, on purpose. Each
// test shows what QEMU does and what we do; docs/qemu-differences.md has a section for each, and says why.
// When QEMU changes, the test that fails says what may be dropped from that page.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "block/faulty_device.h"
#include "block/file_device.h"
#include "e2e/qemu_io.h"
#include "io/faulty_file.h"
#include "log/codec.h"
#include "log/reader.h"
#include "record/open.h"
#include "support/nbd_server.h"
#include "support/temporary_directory.h"

namespace powercut::test {
namespace {

using record::RecordingDevice;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr ByteCount kSize = 64 * kKiB;

class QemuDifferences : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_program("qemu-io")) GTEST_SKIP() << "qemu-io is not installed";
    for (const auto& path : {our_file_, qemu_.file})
      write_file(path, std::vector<std::byte>(kSize));
    write_file(qemu_.log, {});
  }

  // QEMU's log of these commands of qemu-io.
  std::vector<std::string> qemu_entries(std::vector<std::string> commands) {
    commands.insert(commands.begin(), qemu_.open_command());
    const SubprocessResult result = qemu_io(commands);
    // Exit status 1 tells that a command failed, which some of them are meant to.
    EXPECT_EQ(result.end, SubprocessResult::End::kExited) << result.describe();
    EXPECT_EQ(result.error_output.find("can't open"), std::string::npos) << result.error_output;
    qemu_output_ = result.output + result.error_output;
    return entries_of(qemu_.log);
  }

  [[nodiscard]] record::RecordingOptions our_options() const {
    record::RecordingOptions options;
    options.file = our_file_;
    options.log = our_log_;
    options.log_extensions = false;
    return options;
  }
  std::unique_ptr<RecordingDevice> open_ours() { return open_ours(our_options()); }
  static std::unique_ptr<RecordingDevice> open_ours(const record::RecordingOptions& options) {
    auto device = record::open_recording(options, [](const std::string&) {});
    EXPECT_TRUE(device) << device.error().message;
    return device ? std::move(*device) : nullptr;
  }
  // Our recorder on a device and a log that can be made to fail or wait.
  std::unique_ptr<RecordingDevice> open_ours(FaultyDevice::Hook hook,
                                             FaultyFile::Plan plan = nullptr) {
    auto file = *FileDevice::make(*PosixFile::open(our_file_, {.writable = true}));
    std::unique_ptr<File> log =
        *PosixFile::open(our_log_, {.writable = true, .create = OpenOptions::Create::kIfAbsent});
    if (plan) log = std::make_unique<FaultyFile>(std::move(log), std::move(plan));
    log::WriterOptions options;
    options.extensions = false;
    auto device =
        RecordingDevice::make(std::make_shared<FaultyDevice>(std::move(file), std::move(hook)),
                              *log::Writer::create(std::move(log), options), our_log_,
                              record::OnLogError::kFail, [](const std::string&) {});
    EXPECT_TRUE(device) << device.error().message;
    return device ? std::move(*device) : nullptr;
  }
  // Closes ours, and reads its log.
  std::vector<std::string> our_entries(std::unique_ptr<RecordingDevice> device) {
    (void)device->close();
    device.reset();
    return entries_of(our_log_);
  }

  TemporaryDirectory directory_;
  BlkLogWrites qemu_ = {.file = directory_ / "qemu.img", .log = directory_ / "qemu.log"};
  const std::string our_file_ = directory_ / "our.img";
  const std::string our_log_ = directory_ / "our.log";
  std::string qemu_output_;
};

Status write(RecordingDevice& device, Sector sector, Fua fua = Fua::kNo) {
  return device.write(sector * 512, std::vector<std::byte>(512, std::byte{1}), fua);
}

Status never(Request::Kind, ByteRange, std::uint64_t) {
  return {};
}

TEST_F(QemuDifferences, FuaIsRecordedAsFua) {
  // A write and a flush; and no flush at all for the first one, though it is acknowledged as durable.
  EXPECT_THAT(qemu_entries({"write -f 0 512", "write -f 512 512"}),
              ElementsAre("write 0+1", "write 1+1", "flush", "flush"));

  auto ours = open_ours();
  ASSERT_TRUE(write(*ours, 0, Fua::kYes));
  ASSERT_TRUE(write(*ours, 1, Fua::kYes));
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("write 0+1 fua", "write 1+1 fua"));
}

TEST_F(QemuDifferences, ClosingIsNoFlush) {
  EXPECT_THAT(qemu_entries({"write 0 512"}), ElementsAre("write 0+1", "flush"));

  auto ours = open_ours();
  ASSERT_TRUE(write(*ours, 0));
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("write 0+1"));
}

TEST_F(QemuDifferences, EveryFlushIsRecorded) {
  EXPECT_THAT(qemu_entries({"flush", "write 0 512", "flush", "flush"}),
              ElementsAre("write 0+1", "flush"));

  auto ours = open_ours();
  ASSERT_TRUE(ours->flush());
  ASSERT_TRUE(write(*ours, 0));
  ASSERT_TRUE(ours->flush());
  ASSERT_TRUE(ours->flush());
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("flush", "write 0+1", "flush", "flush"));
}

TEST_F(QemuDifferences, AFlushStandsWhereItWasSubmitted) {
  qemu_.file_node =
      fmt::format("file.driver=blkdebug,file.image.driver=file,file.image.filename={}", qemu_.file);
  // The flush that makes the FUA write durable is under way while another write comes and goes.
  EXPECT_THAT(
      qemu_entries({"write 0 512", "break flush_to_disk A", "aio_write -f 512 512", "wait_break A",
                    "aio_write 1024 512", "sleep 100", "resume A", "aio_flush"}),
      ElementsAre("write 0+1", "write 1+1", "write 2+1", "flush", "flush"));

  std::mutex mutex;
  std::condition_variable changed;
  bool is_flushing = false;
  bool may_end = false;
  auto ours = open_ours([&](Request::Kind kind, ByteRange, std::uint64_t) -> Status {
    std::unique_lock lock(mutex);
    if (kind != Request::Kind::kFlush) return {};
    is_flushing = true;
    changed.notify_all();
    changed.wait(lock, [&] { return may_end; });
    return {};
  });
  ASSERT_TRUE(write(*ours, 0));
  std::thread flusher([&] { EXPECT_TRUE(ours->flush()); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_flushing; });
  }
  EXPECT_TRUE(write(*ours, 2));
  {
    const std::lock_guard lock(mutex);
    may_end = true;
  }
  changed.notify_all();
  flusher.join();
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("write 0+1", "flush", "write 2+1"));
}

TEST_F(QemuDifferences, AFailedWriteIsNotRecorded) {
  qemu_.file_node = fmt::format(
      "file.driver=blkdebug,file.image.driver=file,file.image.filename={},"
      "file.inject-error.0.event=none,file.inject-error.0.iotype=write,"
      "file.inject-error.0.sector=1,file.inject-error.0.errno=5",
      qemu_.file);
  EXPECT_THAT(qemu_entries({"write 0 512", "write 512 512", "write 1024 512"}),
              ElementsAre("write 0+1", "write 1+1", "write 2+1", "flush"));
  EXPECT_THAT(qemu_output_, HasSubstr("write failed: Input/output error"));

  auto ours = open_ours([](Request::Kind, ByteRange range, std::uint64_t) -> Status {
    if (range.begin == 512) return os_error("injected", EIO);
    return {};
  });
  EXPECT_TRUE(write(*ours, 0));
  EXPECT_FALSE(write(*ours, 1));
  EXPECT_TRUE(write(*ours, 2));
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("write 0+1", "write 2+1"));
}

TEST_F(QemuDifferences, AFailedFlushIsNoFlush) {
  qemu_.file_node = fmt::format(
      "file.driver=blkdebug,file.image.driver=file,file.image.filename={},"
      "file.inject-error.0.event=none,file.inject-error.0.iotype=flush,"
      "file.inject-error.0.errno=5,file.inject-error.0.once=on",
      qemu_.file);
  EXPECT_THAT(qemu_entries({"write 0 512", "flush", "write 512 512"}),
              ElementsAre("write 0+1", "flush", "write 1+1", "flush"));

  auto ours = open_ours([](Request::Kind kind, ByteRange, std::uint64_t) -> Status {
    if (kind == Request::Kind::kFlush) return os_error("injected", EIO);
    return {};
  });
  EXPECT_TRUE(write(*ours, 0));
  EXPECT_FALSE(ours->flush());
  EXPECT_TRUE(write(*ours, 1));
  EXPECT_THAT(our_entries(std::move(ours)),
              ElementsAre("write 0+1", HasSubstr("mark powercut: flush failed"), "write 1+1"));
}

TEST_F(QemuDifferences, NothingStandsBehindAHoleInTheLog) {
  qemu_.log_node = fmt::format(
      "log.driver=blkdebug,log.image.driver=file,log.image.filename={},"
      "log.inject-error.0.event=none,log.inject-error.0.iotype=write,"
      "log.inject-error.0.sector=3,log.inject-error.0.errno=28,log.inject-error.0.once=on",
      qemu_.log);
  // The entry that could not be written is a hole, in front of entries that nobody can read.
  EXPECT_THAT(qemu_entries({"write 0 512", "write 512 512", "write 1024 512"}),
              ElementsAre("write 0+1", "corrupt"));
  EXPECT_THAT(qemu_output_, HasSubstr("write failed: No space left on device"));

  auto ours = open_ours(never,
                        [](FaultyFile::Operation operation,
                           std::uint64_t number) -> std::optional<FaultyFile::Fault> {
                          if (operation == FaultyFile::Operation::kWrite && number == 3)
                            return FaultyFile::Fault{ENOSPC};
                          return std::nullopt;
                        });
  // Number 0 and 1 are the super block's; each write below is one of the next.
  EXPECT_TRUE(write(*ours, 0));
  const Status failed = write(*ours, 1);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().client_errno(), ENOSPC);
  EXPECT_FALSE(write(*ours, 2));
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("write 0+1"));
}

TEST_F(QemuDifferences, AnUnalignedDiscardDiscardsTheWholeSectorsInIt) {
  const SubprocessResult qemu = qemu_io({qemu_.open_command(), "discard 100 2000"});
  EXPECT_EQ(qemu.end, SubprocessResult::End::kSignalled) << "QEMU no longer aborts";

  auto ours = open_ours();
  EXPECT_TRUE(ours->discard({100, 2100}, Fua::kNo));
  EXPECT_TRUE(ours->discard({100, 200}, Fua::kNo));
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("discard 1+3"));
}

TEST_F(QemuDifferences, AnEmptyRequestIsNotRecorded) {
  // An entry of zeroes, which readers take for the end, or for damage.
  EXPECT_THAT(qemu_entries({"write 0 0", "write 0 512"}), ElementsAre("corrupt"));

  auto ours = open_ours();
  EXPECT_TRUE(ours->write(0, {}, Fua::kNo));
  EXPECT_TRUE(ours->write_zeroes({0, 0}, Unmap::kYes, Fua::kNo));
  EXPECT_TRUE(ours->discard({0, 0}, Fua::kNo));
  EXPECT_TRUE(write(*ours, 0));
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("write 0+1"));
}

TEST_F(QemuDifferences, ALogIsALogFromTheStart) {
  EXPECT_THAT(qemu_entries({"read 0 512"}), ElementsAre("not a log"));
  EXPECT_EQ(std::filesystem::file_size(qemu_.log), 0u);

  EXPECT_THAT(our_entries(open_ours()), ElementsAre());
  EXPECT_EQ(std::filesystem::file_size(our_log_), 512u);
}

TEST_F(QemuDifferences, AnExistingLogIsNotOverwrittenUnasked) {
  qemu_entries({"write 0 4096"});
  EXPECT_THAT(qemu_entries({"write 0 512"}), ElementsAre("write 0+1", "flush"));
  EXPECT_GT(std::filesystem::file_size(qemu_.log), 4096u)
      << "what the old log had behind it is gone";

  ASSERT_TRUE(write(*open_ours(), 0));
  const auto refused = record::open_recording(our_options(), [](const std::string&) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().os_errno, EEXIST);
  EXPECT_THAT(entries_of(our_log_), ElementsAre("write 0+1"));
  record::RecordingOptions options = our_options();
  options.overwrite = true;
  EXPECT_THAT(our_entries(open_ours(options)), ElementsAre());
}

// As a kill leaves it: entries, and a super block that does not count them yet.
void make_stale(const std::string& log, std::uint64_t nr_entries) {
  auto content = read_file(log);
  log::SuperBlock super_block = *log::decode_super_block(content);
  super_block.nr_entries = nr_entries;
  log::encode_super_block(super_block, MutableBytes(content).first(super_block.sector_size));
  write_file(log, content);
}

TEST_F(QemuDifferences, AppendingKeepsWhatAKilledRecorderLeft) {
  qemu_entries({"write 0 512", "write 512 512", "write 1024 512"});
  make_stale(qemu_.log, 1);
  qemu_.log_append = true;
  EXPECT_THAT(qemu_entries({"write 1536 512"}), ElementsAre("write 0+1", "write 3+1", "flush"));

  auto ours = open_ours();
  for (const Sector sector : {0, 1, 2}) ASSERT_TRUE(write(*ours, sector));
  ours.reset();
  make_stale(our_log_, 1);
  record::RecordingOptions options = our_options();
  options.log_append = true;
  ours = open_ours(options);
  ASSERT_TRUE(write(*ours, 3));
  EXPECT_THAT(our_entries(std::move(ours)),
              ElementsAre("write 0+1", "write 1+1", "write 2+1", "write 3+1"));
}

TEST_F(QemuDifferences, ALogWithMetadataFlagsCanBeAppendedTo) {
  auto content = std::vector<std::byte>(1024);
  log::encode_super_block({.nr_entries = 1, .sector_size = 512}, MutableBytes(content).first(512));
  log::encode_entry(
      {.sector_size = 512, .flags = log::kFlagFlush | log::kFlagFua | log::kFlagMetadata},
      MutableBytes(content).subspan(512));
  write_file(qemu_.log, content);
  write_file(our_log_, content);
  qemu_.log_append = true;
  const SubprocessResult qemu = qemu_io({qemu_.open_command()});
  EXPECT_THAT(qemu.output + qemu.error_output, HasSubstr("Invalid flags 0x13"));

  record::RecordingOptions options = our_options();
  options.log_append = true;
  auto ours = open_ours(options);
  ASSERT_TRUE(write(*ours, 0));
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("flush fua", "write 0+1"));
}

TEST_F(QemuDifferences, AFileIsNotMadeLonger) {
  for (const auto& path : {our_file_, qemu_.file}) write_file(path, std::vector<std::byte>(1000));
  EXPECT_THAT(qemu_entries({"write 512 512"}), ElementsAre("write 1+1", "flush"));
  EXPECT_EQ(std::filesystem::file_size(qemu_.file), 1024u);

  const auto refused = record::open_recording(our_options(), [](const std::string&) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kBadInput);
  EXPECT_THAT(refused.error().message, HasSubstr("extend it to 1024 bytes"));
  EXPECT_EQ(std::filesystem::file_size(our_file_), 1000u);
}

TEST_F(QemuDifferences, TheSectorSizeFollowsTheDevice) {
  if (!have_program("nbdkit")) GTEST_SKIP() << "nbdkit is not installed";
  const auto server = NbdServer::nbdkit({"--filter=blocksize-policy", "memory", "64K",
                                         "blocksize-minimum=4096", "blocksize-error-policy=error"});
  ASSERT_TRUE(server);
  qemu_.file_node =
      fmt::format("file.driver=nbd,file.server.type=unix,file.server.path={}", server->socket());
  // Sectors that the device does not have.
  EXPECT_THAT(qemu_entries({"write 4096 512"}), ElementsAre("write 8+1", "flush"));

  record::RecordingOptions options = our_options();
  options.file = server->uri();
  auto ours = open_ours(options);
  ASSERT_TRUE(ours->write(4096, std::vector<std::byte>(512), Fua::kNo));
  EXPECT_EQ(ours->sector_size(), 4096u);
  EXPECT_THAT(our_entries(std::move(ours)), ElementsAre("write 1+1"));
}

}  // namespace
}  // namespace powercut::test
