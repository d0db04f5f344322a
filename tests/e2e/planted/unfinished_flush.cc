// SPDX-License-Identifier: Apache-2.0
// Records programs that go wrong by not waiting, with the recorder itself. The device under it holds
// requests up until it is told to let them go, so that each run gives the same log.
//
//   unfinished_flush record HISTORY LOG    unfinished_flush check
//
// A transaction is data at 4096, then a commit record at 0. It is acknowledged by the mark "committed".
// HISTORY is
//   right         data; when that is done, flush; when that is done, commit with FUA; mark
//   early-flush   the flush is submitted while the data are still being written; the data are done before
//                 the flush is
//   early-commit  the commit record is written while the flush is still under way
// check: where the commit record is on $POWERCUT_DISK, the data are; and it is, if it was acknowledged.
#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <thread>

#include "base/check.h"
#include "base/gate.h"
#include "block/faulty_device.h"
#include "block/memory_device.h"
#include "io/posix_file.h"
#include "record/recording_device.h"

namespace powercut {
namespace {

constexpr ByteCount kSize = 64 * kKiB;
constexpr ByteOffset kDataAt = 4096;
constexpr ByteOffset kCommitAt = 0;

std::vector<std::byte> sector_of(char letter) {
  return std::vector<std::byte>(512, static_cast<std::byte>(letter));
}

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "unfinished_flush: {}\n", result.error().message);
  std::exit(2);
}
void must(const Status& status) {
  if (status) return;
  fmt::print(stderr, "unfinished_flush: {}\n", status.error().message);
  std::exit(2);
}

// Holds up requests of one kind when they have reached the device, once it is armed.
class Hold {
 public:
  explicit Hold(Request::Kind kind) : kind_(kind) {}

  void arm() { is_armed_ = true; }
  void at(Request::Kind kind) {
    if (kind != kind_ || !is_armed_.exchange(false)) return;
    reached_.open(1);
    static_cast<void>(let_go_.wait());
  }
  void wait_until_reached() { static_cast<void>(reached_.wait()); }
  void let_go() { let_go_.open(1); }

 private:
  const Request::Kind kind_;
  std::atomic<bool> is_armed_ = false;
  Gate reached_;
  Gate let_go_;
};

// A request that is under way until finish().
class Held {
 public:
  Held(Hold& hold, std::function<void()> request) : hold_(hold) {
    hold_.arm();
    thread_ = std::thread(std::move(request));
    hold_.wait_until_reached();
  }
  void finish() {
    hold_.let_go();
    thread_.join();
  }

 private:
  Hold& hold_;
  std::thread thread_;
};

void write_data(BlockDevice& device) {
  must(device.write(kDataAt, sector_of('D'), Fua::kNo));
}
void write_commit(BlockDevice& device) {
  must(device.write(kCommitAt, sector_of('C'), Fua::kYes));
}

void record_history(const std::string& history, const std::string& log_path) {
  Hold write_hold(Request::Kind::kWrite);
  Hold flush_hold(Request::Kind::kFlush);
  auto device =
      std::make_shared<FaultyDevice>(std::make_shared<MemoryDevice>(kSize, 512),
                                     [&](Request::Kind kind, ByteRange, std::uint64_t) -> Status {
                                       write_hold.at(kind);
                                       flush_hold.at(kind);
                                       return {};
                                     });
  auto file = must(
      PosixFile::open(log_path, {.writable = true, .create = OpenOptions::Create::kMustBeNew}));
  log::WriterOptions options;
  options.device_size_bytes = kSize;
  options.initial_content = log::InitialContent::kZero;
  auto recorder = must(record::RecordingDevice::make(
      device, must(log::Writer::create(std::move(file), options)), log_path,
      record::OnLogError::kFail, [](const std::string& message) { std::cerr << message << '\n'; }));
  const auto data = [&] { write_data(*recorder); };
  const auto flush = [&] { must(recorder->flush()); };
  const auto commit = [&] { write_commit(*recorder); };
  if (history == "right") {
    data();
    flush();
    commit();
  } else if (history == "early-flush") {
    Held held_data(write_hold, data);
    Held held_flush(flush_hold, flush);
    held_data.finish();
    held_flush.finish();
    commit();
  } else {
    POWERCUT_CHECK(history == "early-commit");
    data();
    Held held_flush(flush_hold, flush);
    commit();
    held_flush.finish();
  }
  static_cast<void>(must(recorder->mark("committed")));
  must(recorder->close());
}

bool is_there(std::istream& disk, ByteOffset offset, char letter) {
  std::string sector(512, '\0');
  disk.seekg(static_cast<std::streamoff>(offset));
  disk.read(sector.data(), static_cast<std::streamsize>(sector.size()));
  return disk.good() && sector == std::string(512, letter);
}

int check() {
  std::ifstream disk(std::getenv("POWERCUT_DISK"), std::ios::binary);
  std::ifstream marks(std::getenv("POWERCUT_MARKS"));
  const std::string all((std::istreambuf_iterator<char>(marks)), {});
  const bool is_committed = is_there(disk, kCommitAt, 'C');
  if (all.find("committed") != std::string::npos && !is_committed) {
    std::cout << "acknowledged, and no commit record\n";
    return 1;
  }
  if (is_committed && !is_there(disk, kDataAt, 'D')) {
    std::cout << "a commit record without its data\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace powercut

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0] == "check") return powercut::check();
  if (words.size() != 3 || words[0] != "record") {
    std::cerr << "usage: unfinished_flush record HISTORY LOG | unfinished_flush check\n";
    return 2;
  }
  powercut::record_history(words[1], words[2]);
  return 0;
}
