// SPDX-License-Identifier: Apache-2.0
// G5: a fault at every single operation that a small workload does on the log and on the device, of
// each kind, in both modes, with and without extensions.
//
// The workload is of one client, but for writes that overtake a flush: so what may stand in the log
// is known, call by call.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/check.h"
#include "base/prng.h"
#include "block/memory_device.h"
#include "io/faulty_file.h"
#include "io/memory_file.h"
#include "log/reader.h"
#include "log/verify.h"
#include "record/recording_device.h"
#include "sim/history.h"
#include "support/shared_file.h"
#include "support/volatile_file.h"

namespace powercut::sim {
namespace {

using record::OnLogError;
using record::RecordingDevice;

constexpr ByteCount kDeviceSize = 32 * kKiB;
constexpr std::uint64_t kNoFault = ~std::uint64_t{0};

// What the device was asked to change and did: what an entry may stand for.
struct Done {
  Kind kind = Kind::kWrite;
  ByteRange range = {};
  std::string mark = {};
  bool is_owed = false;  // the client was told that it is done, and that it is recorded
  bool is_durable = false;
};

struct Fault {
  enum class Where { kNowhere, kLog, kDevice } where = Where::kNowhere;
  enum class How {
    kNotDone,
    kPartlyDone,  // of a write, some sectors
    kDone,        // but an error is returned
    kFromThenOn,  // not done, nor anything later
  } how = How::kNotDone;
  std::uint64_t at = kNoFault;
  int os_errno = EIO;
};

// Passes requests on to a memory device, and notes those that change it.
class Witness final : public BlockDevice {
 public:
  explicit Witness(const Fault& fault) : fault_(fault) {}

  // Called in the middle of a flush.
  std::function<void()> during_flush;
  std::vector<Done> done;
  // Sectors of which a failed request may have changed anything.
  std::vector<ByteRange> uncertain;
  std::uint64_t calls = 0;

  [[nodiscard]] const std::string& name() const override { return memory_.name(); }
  [[nodiscard]] ByteCount size_bytes() const override { return memory_.size_bytes(); }
  [[nodiscard]] std::uint32_t alignment() const override { return 512; }
  [[nodiscard]] bool discard_zeroes() const override { return true; }
  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override {
    const bool fails = next_fails();
    return fails ? error() : memory_.read(offset, buffer);
  }
  [[nodiscard]] Status write(ByteOffset offset, ConstBytes bytes, Fua) override {
    const ByteRange range = {offset, offset + bytes.size()};
    return change(Kind::kWrite, range, [&](ByteCount size) {
      return memory_.write(offset, bytes.first(size), Fua::kNo);
    });
  }
  [[nodiscard]] Status write_zeroes(ByteRange range, Unmap unmap, Fua) override {
    return change(Kind::kZeroes, range, [&](ByteCount size) {
      return memory_.write_zeroes({range.begin, range.begin + size}, unmap, Fua::kNo);
    });
  }
  [[nodiscard]] Status discard(ByteRange range, Fua) override {
    return change(Kind::kDiscard, range, [&](ByteCount size) {
      return memory_.discard({range.begin, range.begin + size}, Fua::kNo);
    });
  }
  [[nodiscard]] Status flush() override {
    const bool fails = next_fails();
    if (during_flush) std::exchange(during_flush, nullptr)();
    if (fails) return error();
    done.push_back({.kind = Kind::kFlush});
    return {};
  }
  [[nodiscard]] std::vector<std::byte> content() const { return memory_.content(); }

 private:
  bool next_fails() {
    const std::uint64_t number = calls++;
    if (fault_.where != Fault::Where::kDevice) return false;
    return number == fault_.at || (fault_.how == Fault::How::kFromThenOn && number > fault_.at);
  }
  [[nodiscard]] Status error() const { return os_error("injected fault: device", fault_.os_errno); }

  template <typename Body>
  Status change(Kind kind, ByteRange range, Body body) {
    if (!next_fails()) {
      POWERCUT_TRY_STATUS(body(range.size()));
      done.push_back({.kind = kind, .range = range});
      return {};
    }
    uncertain.push_back(range);
    if (fault_.how == Fault::How::kDone) POWERCUT_TRY_STATUS(body(range.size()));
    if (fault_.how == Fault::How::kPartlyDone)
      POWERCUT_TRY_STATUS(body(align_up(range.size() / 2, 512)));
    return error();
  }

  const Fault fault_;
  MemoryDevice memory_{kDeviceSize, 512};
};

FaultyFile::Plan plan_for(const Fault& fault, const std::shared_ptr<test::VolatileFile>& file) {
  return [fault, file](FaultyFile::Operation operation,
                       std::uint64_t number) -> std::optional<FaultyFile::Fault> {
    if (fault.where != Fault::Where::kLog || number < fault.at) return std::nullopt;
    if (number > fault.at && fault.how != Fault::How::kFromThenOn) return std::nullopt;
    if (operation == FaultyFile::Operation::kSync) {
      file->fail_sync(0);  // which forgets what it should have written
      return std::nullopt;
    }
    switch (fault.how) {
      case Fault::How::kPartlyDone:
        return FaultyFile::Fault{fault.os_errno, 512};
      case Fault::How::kDone:
        return FaultyFile::Fault{fault.os_errno, 1 * kMiB};
      default:
        return FaultyFile::Fault{fault.os_errno, 0};
    }
  };
}

struct Outcome {
  bool was_created = false;
  std::vector<Done> done;
  std::vector<ByteRange> uncertain;
  std::vector<std::byte> content;
  std::shared_ptr<test::VolatileFile> log;
  std::uint64_t device_calls = 0;
  std::uint64_t log_operations = 0;
  std::uint64_t acknowledged_after_failure = 0;
  std::vector<std::string> notices;
};

// Carries out one request after another, and notes what the client was told.
class Client {
 public:
  Client(RecordingDevice& device, Witness& witness) : device_(device), witness_(witness) {}

  void write(ByteOffset begin, ByteOffset end, Fua fua = Fua::kNo) {
    std::vector<std::byte> data(end - begin);
    Prng(++writes_).fill(data);
    request(fua, [&] { return device_.write(begin, data, fua); });
  }
  void zeroes(ByteOffset begin, ByteOffset end, Fua fua = Fua::kNo) {
    request(fua, [&] { return device_.write_zeroes({begin, end}, Unmap::kYes, fua); });
  }
  void discard(ByteOffset begin, ByteOffset end) {
    request(Fua::kNo, [&] { return device_.discard({begin, end}, Fua::kNo); });
  }
  void flush() {
    request(Fua::kYes, [&] { return device_.flush(); });
  }
  // While the device flushes, a write comes and goes.
  void overtaken_flush(ByteOffset begin, ByteOffset end) {
    const std::size_t before = witness_.done.size();
    witness_.during_flush = [&, begin, end] { std::thread([&] { write(begin, end); }).join(); };
    const bool ok = device_.flush().has_value();
    witness_.during_flush = nullptr;
    // It stands where it was submitted.
    if (!witness_.done.empty() && witness_.done.back().kind == Kind::kFlush &&
        witness_.done.size() > before) {
      std::rotate(witness_.done.begin() + static_cast<std::ptrdiff_t>(before),
                  witness_.done.end() - 1, witness_.done.end());
      note(before, before + 1, ok, Fua::kYes);
    }
  }
  void mark(const std::string& text) {
    const std::size_t before = witness_.done.size();
    const bool ok = device_.mark(text).has_value();
    witness_.done.push_back({.kind = Kind::kMark, .mark = text});
    note(before, witness_.done.size(), ok, Fua::kYes);
  }

 private:
  template <typename Body>
  void request(Fua fua, Body body) {
    const std::size_t before = witness_.done.size();
    const bool ok = body().has_value();
    note(before, witness_.done.size(), ok, fua);
  }
  void note(std::size_t from, std::size_t to, bool ok, Fua fua) {
    const bool is_recording = device_.status().recording;
    for (std::size_t i = from; i < to; ++i) {
      witness_.done[i].is_owed = ok && is_recording;
      witness_.done[i].is_durable = ok && is_recording && fua == Fua::kYes;
      // What the client was told to have failed may be on the device all the same.
      if (!ok) witness_.uncertain.push_back(witness_.done[i].range);
    }
  }

  RecordingDevice& device_;
  Witness& witness_;
  std::uint64_t writes_ = 0;
};

// No two changes alike.
void run_workload(Client& client) {
  client.write(0, 1024);
  client.write(600, 2000);
  client.write(4608, 5632);
  client.zeroes(6144, 8192);
  client.flush();
  client.zeroes(1900, 5000);
  client.write(8192, 8704, Fua::kYes);
  client.discard(512, 3072);
  client.mark("a mark");
  client.write(512, 1536);
  client.overtaken_flush(10240, 12288);
  client.zeroes(12288, 12800, Fua::kYes);
  client.write(1024, 9216);
  client.overtaken_flush(14336, 14848);
  client.mark("another mark");
  client.write(100, 200);
  client.discard(16384, 20480);
}

Outcome run(const Fault& fault, OnLogError mode, bool extensions) {
  Outcome outcome;
  outcome.log = std::make_shared<test::VolatileFile>();
  auto faulty = std::make_unique<FaultyFile>(std::make_unique<test::SharedFile>(outcome.log),
                                             plan_for(fault, outcome.log));
  const FaultyFile& counter = *faulty;
  log::WriterOptions options;
  options.extensions = extensions;
  options.device_size_bytes = kDeviceSize;
  options.super_update_interval = 3;
  auto writer = log::Writer::create(std::move(faulty), options);
  if (!writer) return outcome;
  outcome.was_created = true;
  const auto witness = std::make_shared<Witness>(fault);
  const auto device =
      *RecordingDevice::make(witness, *std::move(writer), "log", mode,
                             [&](const std::string& notice) { outcome.notices.push_back(notice); });
  Client client(*device, *witness);
  run_workload(client);
  const Status closed = device->close();
  if (fault.where == Fault::Where::kNowhere) {
    EXPECT_TRUE(closed);
  }
  outcome.log_operations = counter.operations();
  outcome.device_calls = witness->calls;
  outcome.done = witness->done;
  outcome.uncertain = witness->uncertain;
  outcome.content = witness->content();
  return outcome;
}

bool is_held_place(const SimEntry& entry) {
  return entry.is(log::kFlagMark) && entry.mark.starts_with("powercut: flush");
}

bool is_zero(const std::vector<std::byte>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

bool records(const SimEntry& entry, const Done& done, bool has_extensions) {
  if (entry.range != done.range || entry.mark != done.mark) return false;
  const bool is_data = (entry.flags & ~std::uint64_t{log::kFlagFua}) == 0;
  switch (done.kind) {
    case Kind::kFlush:
      return entry.is(log::kFlagFlush);
    case Kind::kMark:
      return entry.is(log::kFlagMark);
    case Kind::kDiscard:
      return entry.is(log::kFlagDiscard);
    case Kind::kZeroes:
      return is_data && is_zero(entry.payload) &&
             (!has_extensions || entry.operation == log::Operation::kZeroesUnmap);
    default:
      return is_data && (!has_extensions || entry.operation == log::Operation::kWrite);
  }
}

// What is wrong with the log as a record of what was done; empty if nothing is.
std::string what_is_wrong(const std::vector<SimEntry>& entries, const std::vector<Done>& done,
                          bool has_extensions, bool only_durable) {
  std::size_t next = 0;
  const auto is_owed = [&](const Done& each) {
    return only_durable ? each.is_durable : each.is_owed;
  };
  for (std::size_t e = 0; e < entries.size(); ++e) {
    if (is_held_place(entries[e])) continue;
    while (next < done.size() && !records(entries[e], done[next], has_extensions)) {
      if (is_owed(done[next]))
        return fmt::format("{} stands where [{}, {}) {} was owed", describe(entries[e], e),
                           done[next].range.begin, done[next].range.end, done[next].mark);
      ++next;
    }
    if (next == done.size()) return describe(entries[e], e) + " was never done";
    ++next;
  }
  const auto missing =
      std::find_if(done.begin() + static_cast<std::ptrdiff_t>(next), done.end(), is_owed);
  if (missing == done.end()) return {};
  return fmt::format("kind {} [{}, {}) {} is owed, and missing", static_cast<int>(missing->kind),
                     missing->range.begin, missing->range.end, missing->mark);
}

// Where the log's replay may differ from the device: what failed, and what came when recording had
// stopped.
std::string what_differs(const std::vector<SimEntry>& entries, const Outcome& outcome,
                         OnLogError mode) {
  auto image = replay(entries, std::vector<std::byte>(kDeviceSize));
  auto content = outcome.content;
  auto excused = outcome.uncertain;
  if (mode == OnLogError::kStop) {
    for (const Done& each : outcome.done)
      if (!each.is_owed) excused.push_back(each.range);
  }
  for (const ByteRange& range : excused) {
    std::fill_n(image.begin() + static_cast<std::ptrdiff_t>(range.begin), range.size(),
                std::byte{0});
    std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(range.begin), range.size(),
                std::byte{0});
  }
  const auto [a, b] = std::mismatch(image.begin(), image.end(), content.begin());
  return a == image.end() ? std::string()
                          : fmt::format("replay differs at byte {}", a - image.begin());
}

// All that verify may find is that the count is behind, or that recording stopped.
std::string what_verify_finds(const File& file) {
  const auto report = log::verify(file, {});
  if (!report) return report.error().message;
  for (const log::Finding& finding : report->findings) {
    if (finding.severity == log::Finding::Severity::kError &&
        finding.kind != log::Finding::Kind::kStaleSuperBlock &&
        finding.kind != log::Finding::Kind::kStopped)
      return finding.message;
  }
  return {};
}

void expect_goes_on(const std::vector<std::byte>& log, std::size_t entries) {
  const auto file = std::make_shared<MemoryFile>("again", log);
  auto writer = log::Writer::append_to(std::make_unique<test::SharedFile>(file), {});
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE((*writer)->append({.operation = log::Operation::kZeroes, .nr_sectors = 1}));
  ASSERT_TRUE((*writer)->close());
  ASSERT_EQ(load_entries(*file)->size(), entries + 1);
  ASSERT_TRUE(log::verify(*file, {})->is_whole());
}

void check_outcome(const Outcome& outcome, OnLogError mode, bool extensions) {
  const MemoryFile log("log", outcome.log->content());
  const auto entries = load_entries(log);
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(what_is_wrong(*entries, outcome.done, extensions, false), "");
  ASSERT_EQ(what_differs(*entries, outcome, mode), "");
  ASSERT_EQ(what_verify_finds(log), "");
  ASSERT_NO_FATAL_FAILURE(expect_goes_on(log.content(), entries->size()));
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Prng prng(seed);
    const MemoryFile left("left", outcome.log->after_power_cut(prng));
    const auto reader = log::Reader::open(left);
    ASSERT_TRUE(reader) << reader.error().message;
    auto counted = load_entries(left);
    ASSERT_TRUE(counted) << counted.error().message;
    ASSERT_LE(reader->super_block().nr_entries, counted->size());
    counted->resize(reader->super_block().nr_entries);
    ASSERT_EQ(what_is_wrong(*counted, outcome.done, extensions, true), "");
  }
}

class FaultTest : public testing::TestWithParam<std::tuple<OnLogError, bool>> {
 protected:
  [[nodiscard]] OnLogError mode() const { return std::get<0>(GetParam()); }
  [[nodiscard]] bool extensions() const { return std::get<1>(GetParam()); }

  // One run for each operation, until the workload has no more.
  void run_everywhere(Fault::Where where, Fault::How how, int os_errno) {
    for (std::uint64_t at = 0;; ++at) {
      const Fault fault = {where, how, at, os_errno};
      SCOPED_TRACE(fmt::format("operation {} of {} fails, {}, errno {}", at,
                               where == Fault::Where::kLog ? "the log" : "the device",
                               static_cast<int>(how), os_errno));
      const Outcome outcome = run(fault, mode(), extensions());
      if (!outcome.was_created) continue;
      const std::uint64_t operations =
          where == Fault::Where::kLog ? outcome.log_operations : outcome.device_calls;
      if (at >= operations) break;
      ++runs_;
      ASSERT_NO_FATAL_FAILURE(check_outcome(outcome, mode(), extensions()));
      if (where == Fault::Where::kDevice) {
        ASSERT_TRUE(outcome.notices.empty()) << outcome.notices.front();
      }
      ASSERT_LT(at, 1000u);
    }
  }
  std::uint64_t runs_ = 0;
};

TEST_P(FaultTest, WithoutOneAllIsRecorded) {
  const Outcome outcome = run({}, mode(), extensions());
  check_outcome(outcome, mode(), extensions());
  EXPECT_TRUE(std::all_of(outcome.done.begin(), outcome.done.end(),
                          [](const Done& each) { return each.is_owed; }));
  const MemoryFile log("log", outcome.log->content());
  EXPECT_EQ(load_entries(log)->size(), outcome.done.size());
  EXPECT_TRUE(outcome.uncertain.empty());
}

TEST_P(FaultTest, OfTheLog) {
  for (const int os_errno : {EIO, ENOSPC}) {
    for (const auto how : {Fault::How::kNotDone, Fault::How::kPartlyDone, Fault::How::kDone,
                           Fault::How::kFromThenOn}) {
      ASSERT_NO_FATAL_FAILURE(run_everywhere(Fault::Where::kLog, how, os_errno));
    }
  }
  fmt::print("{} runs\n", runs_);
  EXPECT_GT(runs_, 300u);
}

TEST_P(FaultTest, OfTheDevice) {
  for (const int os_errno : {EIO, ENOSPC}) {
    for (const auto how : {Fault::How::kNotDone, Fault::How::kPartlyDone, Fault::How::kDone,
                           Fault::How::kFromThenOn}) {
      ASSERT_NO_FATAL_FAILURE(run_everywhere(Fault::Where::kDevice, how, os_errno));
    }
  }
  fmt::print("{} runs\n", runs_);
  EXPECT_GT(runs_, 100u);
}

// The canaries: a log that lies about what was done is found.
TEST_P(FaultTest, ALogThatLiesIsFound) {
  const Outcome outcome = run({}, mode(), extensions());
  const auto entries = *load_entries(MemoryFile("log", outcome.log->content()));
  const auto wrong = [&](const std::vector<SimEntry>& log) {
    return !what_is_wrong(log, outcome.done, extensions(), false).empty();
  };
  EXPECT_FALSE(wrong(entries));
  for (std::size_t e = 0; e < entries.size(); ++e) {
    auto log = entries;
    log.erase(log.begin() + static_cast<std::ptrdiff_t>(e));
    EXPECT_TRUE(wrong(log)) << "without " << describe(entries[e], e);
    log = entries;
    log.insert(log.begin() + static_cast<std::ptrdiff_t>(e), entries[e]);
    EXPECT_TRUE(wrong(log)) << "twice " << describe(entries[e], e);
  }
  auto log = entries;
  const auto last = std::find_if(log.rbegin(), log.rend(),
                                 [](const SimEntry& entry) { return !entry.payload.empty(); });
  last->payload[0] ^= std::byte{1};
  EXPECT_NE(what_differs(log, outcome, mode()), "");
  EXPECT_EQ(what_differs(entries, outcome, mode()), "");
}

INSTANTIATE_TEST_SUITE_P(
    Modes, FaultTest,
    testing::Combine(testing::Values(OnLogError::kFail, OnLogError::kStop), testing::Bool()),
    [](const auto& each) {
      return fmt::format("{}{}", std::get<0>(each.param) == OnLogError::kFail ? "Fail" : "Stop",
                         std::get<1>(each.param) ? "Extended" : "Plain");
    });

}  // namespace
}  // namespace powercut::sim
