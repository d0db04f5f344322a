// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "block/device.h"
#include "log/writer.h"
#include "record/range_lock.h"

namespace powercut::record {

// What to do when a request cannot be recorded.
enum class OnLogError {
  kFail,  // the client gets the error, and so does every later request that would change the device
  kStop,  // the device goes on, recording ends there; status and the notice say so
};

struct RecorderStatus {
  std::string file;
  std::string log;
  ByteCount device_size_bytes = 0;
  std::uint32_t sector_size = 0;
  bool extensions = false;
  std::uint32_t max_mark_bytes = 0;
  log::Writer::Counters log_counters;
  std::uint64_t writes = 0;  // recorded requests of each kind since the recorder started
  std::uint64_t zeroes = 0;
  std::uint64_t discards = 0;
  std::uint64_t flushes = 0;
  std::uint64_t marks = 0;
  std::uint64_t failed_requests = 0;
  bool recording = true;  // false once the log has failed
  std::string log_error;  // why, if so
};

// Whether a device can be recorded in sectors of this size; says what to do if not.
[[nodiscard]] Status check_geometry(const BlockDevice& file, std::uint32_t sector_size);

// Everything that goes through it to `file` is recorded in a log: what a log promises is G1 to G6
// of docs/crash-model.md, and recording_device.cc says how they are kept. Thread-safe.
//
// Takes requests of any alignment; what is recorded is aligned to the log's sector size.
class RecordingDevice final : public BlockDevice {
 public:
  // Told once, loudly, when recording stops (OnLogError::kStop) or begins to fail.
  using Notice = std::function<void(const std::string& message)>;

  [[nodiscard]] static Result<std::unique_ptr<RecordingDevice>> make(
      std::shared_ptr<BlockDevice> file, std::unique_ptr<log::Writer> writer, std::string log_name,
      OnLogError on_log_error, Notice notice);
  ~RecordingDevice() override;

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  [[nodiscard]] ByteCount size_bytes() const override { return file_->size_bytes(); }
  [[nodiscard]] bool discard_zeroes() const override { return true; }
  // What clients had better align to.
  [[nodiscard]] std::uint32_t sector_size() const { return sector_size_; }

  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override;
  [[nodiscard]] Status write(ByteOffset offset, ConstBytes bytes, Fua fua) override;
  [[nodiscard]] Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) override;
  // Only the whole sectors in the range are discarded, as other devices do; they read as zeroes.
  [[nodiscard]] Status discard(ByteRange range, Fua fua) override;
  [[nodiscard]] Status flush() override;
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) override {
    return file_->next_data(offset);
  }

  // Puts a mark behind every request that has completed. Durable when it returns. kUsage error if
  // the text is longer than max_mark_bytes(), empty or holds a zero byte. Gives the entry's number.
  [[nodiscard]] Result<EntryIndex> mark(std::string_view text);
  [[nodiscard]] std::uint32_t max_mark_bytes() const { return writer_->max_mark_bytes(); }

  [[nodiscard]] RecorderStatus status() const;
  // Brings the log's super block up to date; nothing may be in flight. No request that would be
  // recorded succeeds afterwards.
  [[nodiscard]] Status close();

 private:
  RecordingDevice(std::shared_ptr<BlockDevice> file, std::unique_ptr<log::Writer> writer,
                  std::string log_name, OnLogError on_log_error, Notice notice);

  // The parts of a request that are done under its range's lock; ranges are aligned.
  [[nodiscard]] Status write_aligned(ByteOffset offset, ConstBytes bytes, Fua fua, Tick submitted);
  [[nodiscard]] Status zero_aligned(ByteRange range, Unmap unmap, Fua fua, Tick submitted);
  [[nodiscard]] Status write_within_sectors(ByteOffset offset, ConstBytes bytes, Fua fua,
                                            Tick submitted);

  // An error where requests must be refused for the log's sake.
  [[nodiscard]] Status check_accepting() const;
  // The log has failed, and the device goes on without it.
  [[nodiscard]] bool has_stopped() const {
    return log_has_failed_ && on_log_error_ == OnLogError::kStop;
  }
  // Puts the entry into the log, and deals with a log that fails. To be called once the device has
  // done it.
  [[nodiscard]] Status record(log::NewEntry entry, Fua fua);
  [[nodiscard]] Status log_failed(const Error& error);
  // Counts a request that the device failed.
  [[nodiscard]] Status device_failed(Status status);
  [[nodiscard]] ByteRange aligned(ByteRange range) const;

  // Constant.
  const std::shared_ptr<BlockDevice> file_;
  const std::unique_ptr<log::Writer> writer_;
  const std::string log_name_;
  const OnLogError on_log_error_;
  const Notice notice_;
  const std::uint32_t sector_size_;

  // Locks by themselves.
  RangeLock range_lock_;

  // Counters that no decision rests on, and flags that are set once.
  std::atomic<std::uint64_t> writes_ = 0;
  std::atomic<std::uint64_t> zeroes_ = 0;
  std::atomic<std::uint64_t> discards_ = 0;
  std::atomic<std::uint64_t> flushes_ = 0;
  std::atomic<std::uint64_t> marks_ = 0;
  std::atomic<std::uint64_t> failed_requests_ = 0;
  std::atomic<bool> log_has_failed_ = false;
  std::atomic<bool> is_closed_ = false;
};

}  // namespace powercut::record
