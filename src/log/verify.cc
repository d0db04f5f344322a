// SPDX-License-Identifier: Apache-2.0
#include "log/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "log/codec.h"

namespace powercut::log {
namespace {

constexpr std::string_view kEndMark = "dm-log-writes-end";

class Verifier {
 public:
  Verifier(Reader reader, const VerifyOptions& options)
      : reader_(std::move(reader)), options_(options) {
    report_.super_block = reader_.super_block();
    report_.file_size_bytes = reader_.file_size();
    device_size_ = options.device_size_bytes;
    if (!device_size_ && report_.super_block.extension) {
      device_size_ = report_.super_block.extension->device_size_bytes;
    }
  }

  Result<VerifyReport> run() {
    check_super_block();
    while (const auto entry = reader_.next()) POWERCUT_TRY_STATUS(check_entry(*entry));
    report_.ending = reader_.ending();
    report_.end_offset = reader_.log_offset();
    report_.readable_entries = std::min(reader_.position(), report_.super_block.nr_entries);
    if (report_.ending.kind == Ending::Kind::kIoError) {
      return environment_error(report_.ending.message, EIO);
    }
    POWERCUT_TRY_STATUS(check_ending());
    return std::move(report_);
  }

 private:
  template <typename... Args>
  void find(Finding::Kind kind, Finding::Severity severity, const Entry* entry,
            fmt::format_string<Args...> text, Args&&... args) {
    if (severity == Finding::Severity::kError) ++report_.errors;
    if (++found_[kind] > options_.max_findings_per_kind) return;
    Finding finding{kind, severity, reader_.position(), reader_.log_offset(), {}};
    std::string where;
    if (entry != nullptr) {
      finding.entry = entry->index;
      finding.log_offset = entry->log_offset;
      where = fmt::format("entry {} at byte {} ", entry->index, entry->log_offset);
    }
    finding.message = where + fmt::format(text, std::forward<Args>(args)...);
    report_.findings.push_back(std::move(finding));
  }

  void check_super_block() {
    const SuperBlock& super_block = report_.super_block;
    if (super_block.extension_damaged) {
      find(Finding::Kind::kDamagedExtension, Finding::Severity::kError, nullptr,
           "the super block's extension is damaged: its hash or version is wrong");
    }
    if (super_block.extension && super_block.extension->stopped_errno != 0) {
      find(Finding::Kind::kStopped, Finding::Severity::kError, nullptr,
           "recording stopped in front of entry {}, and the device went on: {}",
           super_block.extension->stopped_at_entry,
           describe_errno(static_cast<int>(super_block.extension->stopped_errno)));
    }
  }

  Status check_entry(const Entry& entry) {
    if (entry.index >= report_.super_block.nr_entries) ++report_.entries_past_count;
    report_.has_end_mark = entry.is_mark() && entry.mark == kEndMark;
    has_metadata_ |= (entry.flags & kFlagMetadata) != 0;
    largest_entry_ = std::max(largest_entry_, entry.end_offset() - entry.log_offset);
    if (device_size_ && entry.device_range().end > *device_size_ && entry.nr_sectors > 0) {
      find(Finding::Kind::kOutOfRange, Finding::Severity::kError, &entry,
           "covers sectors {} to {}, past the device's end at sector {}", entry.sector,
           entry.sector + entry.nr_sectors, *device_size_ / entry.sector_size);
    }
    if (entry.extension_damaged) {
      find(Finding::Kind::kDamagedExtension, Finding::Severity::kError, &entry,
           "has a damaged header: its hash is wrong");
    }
    if (entry.extension) check_extension(entry);
    POWERCUT_TRY_STATUS(check_payload(entry));
    if (options_.progress) options_.progress(entry.end_offset(), reader_.file_size());
    return {};
  }

  void check_extension(const Entry& entry) {
    const EntryExtension& extension = *entry.extension;
    const auto& log = report_.super_block.extension;
    if (extension.entry_index != entry.index || (log && extension.log_id != log_id_of(log->uuid))) {
      find(Finding::Kind::kForeignEntry, Finding::Severity::kError, &entry,
           "says that it is entry {} of log {:016x}: it belongs elsewhere", extension.entry_index,
           extension.log_id);
    }
    if (extension.complete_tick != 0 && extension.complete_tick <= extension.submit_tick) {
      find(Finding::Kind::kTickOrder, Finding::Severity::kError, &entry,
           "completed at tick {}, but was submitted at tick {}", extension.complete_tick,
           extension.submit_tick);
    }
    if (extension.operation == Operation::kFlushFailed) {
      find(Finding::Kind::kFailedFlush, Finding::Severity::kNote, &entry,
           "is a flush that failed: \"{}\"", entry.mark);
    }
  }

  Status check_payload(const Entry& entry) {
    if (!options_.payloads) return {};
    // Behind the count the reader has checked it already.
    const auto matches = POWERCUT_TRY(payload_matches(reader_, entry));
    if (!matches) return {};
    ++report_.payloads_checked;
    if (*matches) return {};
    if (entry.is_zeroes()) {
      find(Finding::Kind::kZeroesNotZero, Finding::Severity::kError, &entry,
           "is one of zeroes, but its payload is not zero");
    } else {
      find(Finding::Kind::kPayloadMismatch, Finding::Severity::kError, &entry,
           "has another payload than was recorded: its hash is wrong");
    }
    return {};
  }

  Status check_ending() {
    const Ending& ending = report_.ending;
    if (ending.kind != Ending::Kind::kCounted) {
      find(ending.kind == Ending::Kind::kTorn ? Finding::Kind::kTornTail : Finding::Kind::kCorrupt,
           Finding::Severity::kError, nullptr, "{}", ending.message);
      return {};
    }
    if (report_.entries_past_count > 0) {
      find(Finding::Kind::kStaleSuperBlock, Finding::Severity::kError, nullptr,
           "the super block counts {} of {} whole entries: the recorder was killed, or its log "
           "full; 'powercut repair' counts all of them",
           report_.super_block.nr_entries,
           report_.super_block.nr_entries + report_.entries_past_count);
    }
    return check_trailing_bytes();
  }

  // The kernel's target closes every log with a mark. Where that is missing, and an entry as large
  // as one that the log holds would not have found room, it is the room that ended the log. Other
  // recorders' logs often end where their file ends; only the target sets METADATA.
  Status check_trailing_bytes() {
    const ByteCount trailing = report_.file_size_bytes - report_.end_offset;
    if (!report_.has_end_mark && !report_.super_block.extension) {
      find(Finding::Kind::kNoEndMark, Finding::Severity::kNote, nullptr,
           "there is no '{}' mark: of a log by the kernel's target the end is missing; others "
           "never have it",
           kEndMark);
      const bool has_no_room = trailing == 0 ? has_metadata_ : trailing <= largest_entry_;
      if (has_no_room && (trailing == 0 || !POWERCUT_TRY(has_torn_entry(trailing)))) {
        find(Finding::Kind::kLogFull, Finding::Severity::kError, nullptr,
             "the log is full: {} bytes are left behind the last entry, too few for one of {} "
             "bytes; "
             "what was written later is not in it",
             trailing, largest_entry_);
        return {};
      }
    }
    if (trailing > 0) {
      find(Finding::Kind::kTrailingBytes, Finding::Severity::kNote, nullptr,
           "{} bytes behind the last entry are not part of the log", trailing);
    }
    return {};
  }

  // What a killed recorder leaves at the end of its file, as the kernel's target never does.
  Result<bool> has_torn_entry(ByteCount trailing) {
    const std::uint32_t sector_size = report_.super_block.sector_size;
    if (trailing < sector_size) return true;
    std::vector<std::byte> sector(sector_size);
    POWERCUT_TRY_STATUS(read_exactly(reader_.file(), report_.end_offset, sector));
    const auto entry = decode_entry(sector, reader_.position(), report_.end_offset);
    return entry && entry->end_offset() > report_.file_size_bytes;
  }

  Reader reader_;
  const VerifyOptions& options_;
  VerifyReport report_;
  std::optional<ByteCount> device_size_;
  ByteCount largest_entry_ = 0;
  bool has_metadata_ = false;
  std::map<Finding::Kind, std::size_t> found_;
};

}  // namespace

const char* name_of(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kTornTail:
      return "torn-tail";
    case Finding::Kind::kCorrupt:
      return "corrupt";
    case Finding::Kind::kStaleSuperBlock:
      return "stale-super-block";
    case Finding::Kind::kLogFull:
      return "log-full";
    case Finding::Kind::kNoEndMark:
      return "no-end-mark";
    case Finding::Kind::kTrailingBytes:
      return "trailing-bytes";
    case Finding::Kind::kStopped:
      return "stopped";
    case Finding::Kind::kOutOfRange:
      return "out-of-range";
    case Finding::Kind::kDamagedExtension:
      return "damaged-extension";
    case Finding::Kind::kForeignEntry:
      return "foreign-entry";
    case Finding::Kind::kPayloadMismatch:
      return "payload-mismatch";
    case Finding::Kind::kZeroesNotZero:
      return "zeroes-not-zero";
    case Finding::Kind::kTickOrder:
      return "tick-order";
    case Finding::Kind::kFailedFlush:
      return "failed-flush";
  }
  return "unknown";
}

Result<VerifyReport> verify(const File& file, const VerifyOptions& options) {
  Reader reader = POWERCUT_TRY(Reader::open(file, {.past_count = true}));
  return Verifier(std::move(reader), options).run();
}

}  // namespace powercut::log
