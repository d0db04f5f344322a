// SPDX-License-Identifier: Apache-2.0
#include "sim/subject.h"

#include <atomic>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "record/recording_device.h"

namespace powercut::sim {
namespace {

class RealSubject final : public Subject {
 public:
  explicit RealSubject(std::unique_ptr<record::RecordingDevice> device)
      : device_(std::move(device)) {}
  [[nodiscard]] BlockDevice& device() override { return *device_; }
  [[nodiscard]] Status mark(std::string_view text) override {
    return device_->mark(text).map([](EntryIndex) {});
  }
  [[nodiscard]] Status close() override { return device_->close(); }

 private:
  const std::unique_ptr<record::RecordingDevice> device_;
};

class FlawedSubject final : public Subject, public BlockDevice {
 public:
  FlawedSubject(std::shared_ptr<BlockDevice> file, std::unique_ptr<log::Writer> writer, Flaw flaw)
      : file_(std::move(file)), writer_(std::move(writer)), flaw_(flaw) {}

  [[nodiscard]] BlockDevice& device() override { return *this; }
  [[nodiscard]] Status close() override {
    log_held_back();
    return writer_->close();
  }

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  [[nodiscard]] ByteCount size_bytes() const override { return file_->size_bytes(); }
  [[nodiscard]] std::uint32_t alignment() const override { return writer_->sector_size(); }
  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override {
    return file_->read(offset, buffer);
  }

  [[nodiscard]] Status write(ByteOffset offset, ConstBytes bytes, Fua fua) override {
    return record({.payload = bytes}, {offset, offset + bytes.size()}, fua,
                  [&] { return file_->write(offset, bytes, fua); });
  }
  [[nodiscard]] Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) override {
    const auto operation =
        unmap == Unmap::kYes ? log::Operation::kZeroesUnmap : log::Operation::kZeroes;
    return record({.operation = operation}, range, fua,
                  [&] { return file_->write_zeroes(range, unmap, fua); });
  }
  [[nodiscard]] Status discard(ByteRange range, Fua fua) override {
    return record({.operation = log::Operation::kDiscard, .flags = log::kFlagDiscard}, range, fua,
                  [&] { return file_->discard(range, fua); });
  }
  [[nodiscard]] Status flush() override {
    if (flaw_ == Flaw::kFlushAtCompletion) {
      POWERCUT_TRY_STATUS(file_->flush());
      auto* pending = POWERCUT_TRY(writer_->begin_flush());
      return writer_->complete_flush(pending);
    }
    auto* pending = POWERCUT_TRY(writer_->begin_flush());
    POWERCUT_TRY_STATUS(file_->flush());
    return writer_->complete_flush(pending);
  }
  [[nodiscard]] Status mark(std::string_view text) override {
    return writer_
        ->append({.operation = log::Operation::kMark,
                  .flags = log::kFlagMark,
                  .mark = text,
                  .submit_tick = writer_->take_tick()})
        .map([](EntryIndex) {});
  }

 private:
  template <typename Body>
  Status record(log::NewEntry entry, ByteRange range, Fua fua, Body body) {
    entry.sector = range.begin / writer_->sector_size();
    entry.nr_sectors = range.size() / writer_->sector_size();
    entry.submit_tick = writer_->take_tick();
    if (fua == Fua::kYes && flaw_ != Flaw::kForgetsFua) entry.flags |= log::kFlagFua;
    std::optional<MutexLock> lock;
    if (flaw_ != Flaw::kNoRangeLock) lock.emplace(one_at_a_time_);
    if (flaw_ == Flaw::kLogsBeforeDevice) {
      POWERCUT_TRY_STATUS(writer_->append(entry));
      return body();
    }
    if (Status status = body(); !status) {
      if (flaw_ == Flaw::kRecordsFailures) POWERCUT_TRY_STATUS(writer_->append(entry));
      return status;
    }
    const std::uint64_t number = requests_++;
    if (flaw_ == Flaw::kDropsAnEntry && number % 50 == 49) return {};
    if (flaw_ == Flaw::kAnswersTooEarly && number % 8 == 7 && hold_back(entry)) return {};
    POWERCUT_TRY_STATUS(writer_->append(entry));
    log_held_back();
    return {};
  }

  bool hold_back(const log::NewEntry& entry) POWERCUT_NO_THREAD_SAFETY_ANALYSIS {
    if (held_back_) return false;
    held_payload_.assign(entry.payload.begin(), entry.payload.end());
    held_back_ = entry;
    held_back_->payload = held_payload_;
    return true;
  }
  void log_held_back() POWERCUT_NO_THREAD_SAFETY_ANALYSIS {
    if (!held_back_) return;
    POWERCUT_CHECK(writer_->append(*held_back_));
    held_back_.reset();
  }

  const std::shared_ptr<BlockDevice> file_;
  const std::unique_ptr<log::Writer> writer_;
  const Flaw flaw_;
  Mutex one_at_a_time_;
  std::atomic<std::uint64_t> requests_ = 0;
  // Only of kAnswersTooEarly; under one_at_a_time_.
  std::optional<log::NewEntry> held_back_;
  std::vector<std::byte> held_payload_;
};

}  // namespace

std::unique_ptr<Subject> make_recording_device(std::shared_ptr<BlockDevice> file,
                                               std::unique_ptr<log::Writer> writer) {
  auto device = record::RecordingDevice::make(std::move(file), std::move(writer), "sim.log",
                                              record::OnLogError::kFail, [](const std::string&) {});
  POWERCUT_CHECK(device);
  return std::make_unique<RealSubject>(*std::move(device));
}

MakeSubject make_flawed(Flaw flaw) {
  return [flaw](std::shared_ptr<BlockDevice> file, std::unique_ptr<log::Writer> writer) {
    return std::make_unique<FlawedSubject>(std::move(file), std::move(writer), flaw);
  };
}

}  // namespace powercut::sim
