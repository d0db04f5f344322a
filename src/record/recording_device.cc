// SPDX-License-Identifier: Apache-2.0
//
// When a request becomes an entry. A write takes its range's lock, goes to the device, and once the
// device has done it gets its place in the log; then the client is answered. From that order
// follow:
//
// G1  Who waits for an answer before he submits stands behind what he waited for.
// G2  A flush takes its place before it goes to the device. What has a place by then was done on
//     the device before the device saw the flush; what has none yet will stand behind it.
// G3  FUA goes to the device, and into the log, on the write that bears it.
// G4  Of two overlapping requests the lock lets the later one begin when the earlier one has its
//     place, so device and log see them in the same order.
// G5  What the device failed gets no place. What the log failed is answered with the log's error;
//     the log takes nothing more, and nothing that comes later reaches the device
//     (OnLogError::kFail). With kStop the device goes on, by the same path: what began before the
//     log failed may still be in the middle of a read-modify-write.
// G6  The client is answered when the entry, and so all before it, is in the log's file; for a
//     flush, a mark or FUA, when it is durable there.
//
// Reads take no lock: a device orders them against writes in flight as it likes.
#include "record/recording_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace powercut::record {

using log::NewEntry;
using log::Operation;

Status check_geometry(const BlockDevice& file, std::uint32_t sector_size) {
  if (file.alignment() > sector_size) {
    return bad_input(
        fmt::format("'{}' has logical blocks of {} bytes, which sectors of {} bytes do not fill; "
                    "use log-sector-size={}",
                    file.name(), file.alignment(), sector_size, file.alignment()));
  }
  if (!is_aligned(file.size_bytes(), sector_size)) {
    return bad_input(fmt::format(
        "'{}' is {} bytes long, not a multiple of the log's sector size {}; extend it to {} bytes",
        file.name(), file.size_bytes(), sector_size, align_up(file.size_bytes(), sector_size)));
  }
  return {};
}

Result<std::unique_ptr<RecordingDevice>> RecordingDevice::make(std::shared_ptr<BlockDevice> file,
                                                               std::unique_ptr<log::Writer> writer,
                                                               std::string log_name,
                                                               OnLogError on_log_error,
                                                               Notice notice) {
  POWERCUT_TRY_STATUS(check_geometry(*file, writer->sector_size()));
  if (writer->device_size_bytes() != 0 && writer->device_size_bytes() != file->size_bytes()) {
    return bad_input(fmt::format("log '{}' was made for a device of {} bytes, but '{}' has {}",
                                 log_name, writer->device_size_bytes(), file->name(),
                                 file->size_bytes()));
  }
  if (writer->least_device_size_bytes() > file->size_bytes()) {
    return bad_input(
        fmt::format("log '{}' has entries up to byte {} of the device, but '{}' ends at byte {}",
                    log_name, writer->least_device_size_bytes(), file->name(), file->size_bytes()));
  }
  return std::unique_ptr<RecordingDevice>(new RecordingDevice(
      std::move(file), std::move(writer), std::move(log_name), on_log_error, std::move(notice)));
}

RecordingDevice::RecordingDevice(std::shared_ptr<BlockDevice> file,
                                 std::unique_ptr<log::Writer> writer, std::string log_name,
                                 OnLogError on_log_error, Notice notice)
    : file_(std::move(file)),
      writer_(std::move(writer)),
      log_name_(std::move(log_name)),
      on_log_error_(on_log_error),
      notice_(std::move(notice)),
      sector_size_(writer_->sector_size()) {}

RecordingDevice::~RecordingDevice() {
  (void)close();
}

Status RecordingDevice::check_accepting() const {
  if (is_closed_) {
    return environment_error(fmt::format("the recording to '{}' has been closed", log_name_),
                             ESHUTDOWN);
  }
  if (!log_has_failed_ || on_log_error_ == OnLogError::kStop) return {};
  const auto failure = writer_->failure();
  if (!failure) return environment_error(fmt::format("log '{}' has failed", log_name_), EIO);
  return with_context(*failure, "the log has failed");
}

Status RecordingDevice::log_failed(const Error& error) {
  const bool is_first = !log_has_failed_.exchange(true);
  const auto counters = writer_->counters();
  if (on_log_error_ == OnLogError::kFail) {
    if (is_first) {
      notice_(fmt::format("{}; the log ends at entry {}, and writes fail from here on",
                          error.message, counters.entries));
    }
    return Unexpected(error);
  }
  if (is_first) {
    writer_->stop(error.client_errno());
    notice_(fmt::format("{}; RECORDING HAS STOPPED at entry {}, the device goes on", error.message,
                        counters.entries));
  }
  return {};
}

Status RecordingDevice::device_failed(Status status) {
  ++failed_requests_;
  return status;
}

Status RecordingDevice::record(NewEntry entry, Fua fua) {
  if (fua == Fua::kYes) entry.flags |= log::kFlagFua;
  auto& counter = entry.operation == Operation::kWrite     ? writes_
                  : entry.operation == Operation::kDiscard ? discards_
                                                           : zeroes_;
  if (has_stopped()) return {};
  const auto index = writer_->append(entry);
  if (!index) return log_failed(index.error());
  ++counter;
  return {};
}

ByteRange RecordingDevice::aligned(ByteRange range) const {
  return {align_down(range.begin, sector_size_), align_up(range.end, sector_size_)};
}

Status RecordingDevice::read(ByteOffset offset, MutableBytes buffer) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
  if (buffer.empty()) return {};
  const ByteRange wanted = {offset, offset + buffer.size()};
  if (is_aligned(wanted.begin | wanted.end, file_->alignment())) return file_->read(offset, buffer);
  const ByteRange outer = aligned(wanted);
  std::vector<std::byte> sectors(outer.size());
  POWERCUT_TRY_STATUS(file_->read(outer.begin, sectors));
  std::memcpy(buffer.data(), sectors.data() + (wanted.begin - outer.begin), buffer.size());
  return {};
}

Status RecordingDevice::write_aligned(ByteOffset offset, ConstBytes bytes, Fua fua,
                                      Tick submitted) {
  if (Status status = file_->write(offset, bytes, fua); !status)
    return device_failed(std::move(status));
  return record({.operation = Operation::kWrite,
                 .sector = offset / sector_size_,
                 .nr_sectors = bytes.size() / sector_size_,
                 .payload = bytes,
                 .submit_tick = submitted},
                fua);
}

Status RecordingDevice::zero_aligned(ByteRange range, Unmap unmap, Fua fua, Tick submitted) {
  if (Status status = file_->write_zeroes(range, unmap, fua); !status)
    return device_failed(std::move(status));
  return record({.operation = unmap == Unmap::kYes ? Operation::kZeroesUnmap : Operation::kZeroes,
                 .sector = range.begin / sector_size_,
                 .nr_sectors = range.size() / sector_size_,
                 .submit_tick = submitted},
                fua);
}

// Read, modify, write: for bytes that do not begin and end with a sector.
Status RecordingDevice::write_within_sectors(ByteOffset offset, ConstBytes bytes, Fua fua,
                                             Tick submitted) {
  const ByteRange outer = aligned({offset, offset + bytes.size()});
  std::vector<std::byte> sectors(outer.size());
  const auto read_sector = [&](ByteOffset begin) {
    return file_->read(begin, MutableBytes(sectors).subspan(begin - outer.begin, sector_size_));
  };
  Status status = read_sector(outer.begin);
  if (status && outer.size() > sector_size_) status = read_sector(outer.end - sector_size_);
  if (!status) return device_failed(std::move(status));
  std::memcpy(sectors.data() + (offset - outer.begin), bytes.data(), bytes.size());
  return write_aligned(outer.begin, sectors, fua, submitted);
}

Status RecordingDevice::write(ByteOffset offset, ConstBytes bytes, Fua fua) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, bytes.size()));
  if (bytes.empty()) return {};
  POWERCUT_TRY_STATUS(check_accepting());
  const ByteRange range = {offset, offset + bytes.size()};
  const Tick submitted = writer_->take_tick();
  const RangeLock::Guard guard(range_lock_, aligned(range));
  if (is_aligned(range.begin | range.end, sector_size_))
    return write_aligned(offset, bytes, fua, submitted);
  return write_within_sectors(offset, bytes, fua, submitted);
}

Status RecordingDevice::write_zeroes(ByteRange range, Unmap unmap, Fua fua) {
  POWERCUT_TRY_STATUS(check_request(*this, range.begin, range.size()));
  if (range.size() == 0) return {};
  POWERCUT_TRY_STATUS(check_accepting());
  const Tick submitted = writer_->take_tick();
  const RangeLock::Guard guard(range_lock_, aligned(range));
  // Sectors that are zeroed only in part are written; those in between become one entry of zeroes.
  const ByteOffset first_whole = align_up(range.begin, sector_size_);
  const ByteOffset last_whole = align_down(range.end, sector_size_);
  if (first_whole >= last_whole) {  // there are none in between
    const std::vector<std::byte> zeroes(range.size());
    return write_within_sectors(range.begin, zeroes, fua, submitted);
  }
  const std::vector<std::byte> zeroes(sector_size_);
  if (range.begin < first_whole) {
    const auto part = ConstBytes(zeroes).first(first_whole - range.begin);
    POWERCUT_TRY_STATUS(write_within_sectors(range.begin, part, fua, submitted));
  }
  POWERCUT_TRY_STATUS(zero_aligned({first_whole, last_whole}, unmap, fua, submitted));
  if (last_whole == range.end) return {};
  return write_within_sectors(last_whole, ConstBytes(zeroes).first(range.end - last_whole), fua,
                              submitted);
}

Status RecordingDevice::discard(ByteRange range, Fua fua) {
  POWERCUT_TRY_STATUS(check_request(*this, range.begin, range.size()));
  const ByteRange whole = {align_up(range.begin, sector_size_),
                           align_down(range.end, sector_size_)};
  if (whole.begin >= whole.end) return {};
  POWERCUT_TRY_STATUS(check_accepting());
  const Tick submitted = writer_->take_tick();
  const RangeLock::Guard guard(range_lock_, whole);
  Status status = file_->discard_zeroes() ? file_->discard(whole, fua)
                                          : file_->write_zeroes(whole, Unmap::kYes, fua);
  if (!status) return device_failed(std::move(status));
  return record({.operation = Operation::kDiscard,
                 .sector = whole.begin / sector_size_,
                 .nr_sectors = whole.size() / sector_size_,
                 .flags = log::kFlagDiscard,
                 .submit_tick = submitted},
                fua);
}

Status RecordingDevice::flush() {
  POWERCUT_TRY_STATUS(check_accepting());
  if (has_stopped()) return file_->flush();
  const auto pending = writer_->begin_flush();
  if (!pending) {
    POWERCUT_TRY_STATUS(log_failed(pending.error()));
    return file_->flush();
  }
  if (Status status = file_->flush(); !status) {
    if (const Status noted = writer_->fail_flush(*pending, status.error().message); !noted) {
      (void)log_failed(noted.error());
    }
    return device_failed(std::move(status));
  }
  if (const Status logged = writer_->complete_flush(*pending); !logged)
    return log_failed(logged.error());
  ++flushes_;
  return {};
}

Result<EntryIndex> RecordingDevice::mark(std::string_view text) {
  if (text.empty() || text.find('\0') != std::string_view::npos) {
    return usage_error("a mark must not be empty or hold a zero byte");
  }
  if (text.size() > max_mark_bytes()) {
    return usage_error(fmt::format("a mark of {} bytes is too long: in this log at most {} fit",
                                   text.size(), max_mark_bytes()));
  }
  POWERCUT_TRY_STATUS(check_accepting());
  if (has_stopped()) {
    return environment_error("recording has stopped (see 'powercut status'), so no mark can be put",
                             ENOSPC);
  }
  const auto index = writer_->append({.operation = Operation::kMark,
                                      .flags = log::kFlagMark,
                                      .mark = text,
                                      .submit_tick = writer_->take_tick()});
  if (!index) {
    (void)log_failed(index.error());
    return Unexpected(index.error());
  }
  ++marks_;
  return *index;
}

RecorderStatus RecordingDevice::status() const {
  RecorderStatus status;
  status.file = file_->name();
  status.log = log_name_;
  status.device_size_bytes = file_->size_bytes();
  status.sector_size = sector_size_;
  status.extensions = writer_->has_extensions();
  status.max_mark_bytes = max_mark_bytes();
  status.log_counters = writer_->counters();
  status.writes = writes_;
  status.zeroes = zeroes_;
  status.discards = discards_;
  status.flushes = flushes_;
  status.marks = marks_;
  status.failed_requests = failed_requests_;
  if (const auto failure = writer_->failure()) {
    status.recording = false;
    status.log_error = failure->message;
  }
  return status;
}

Status RecordingDevice::close() {
  is_closed_ = true;
  return writer_->close();
}

}  // namespace powercut::record
