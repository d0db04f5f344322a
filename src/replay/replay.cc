// SPDX-License-Identifier: Apache-2.0
// The caller's thread reads the headers, jumping over the payloads, and cuts what they do into
// pieces; a WorkQueue copies the payloads from the log's file to the device. Of a run of entries, a
// Window, only what none of them writes over is carried out. Large payloads that are holes of the
// log's file, as recorders leave them for zeroes, are not read.
#include "replay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "replay/window.h"
#include "replay/work_queue.h"

namespace powercut::replay {
namespace {

constexpr std::uint64_t kEntriesPerProgress = 64;

class Replayer {
 public:
  Replayer(log::Reader& reader, BlockDevice& device, const Options& options)
      : reader_(reader),
        device_(device),
        options_(options),
        size_bytes_(
            std::min(device.size_bytes(), options.size_bytes.value_or(device.size_bytes()))),
        queue_(reader.file(), device, options.workers, options.stripe_size) {}

  Result<Totals> run(EntryIndex from, EntryIndex to) {
    if (queue_.alignment() > reader_.sector_size()) {
      return bad_input(
          fmt::format("'{}' takes requests in multiples of {} bytes, but the log's sectors have {}",
                      device_.name(), queue_.alignment(), reader_.sector_size()));
    }
    totals_.from = from;
    if (reader_.position() > from) reader_.seek(0, reader_.sector_size());
    POWERCUT_TRY_STATUS(skip_to(from));
    while (reader_.position() < to) {
      const auto entry = reader_.next();
      if (!entry) break;
      POWERCUT_TRY_STATUS(in_order(apply(*entry)));
      if (options_.progress && reader_.position() % kEntriesPerProgress == 0) {
        options_.progress(reader_.position());
      }
    }
    totals_.to = reader_.position();
    POWERCUT_TRY_STATUS(finish());
    if (options_.flush) POWERCUT_TRY_STATUS(device_.flush());
    if (totals_.to < to) POWERCUT_TRY_STATUS(why_it_ended(to));
    return totals_;
  }

 private:
  Status skip_to(EntryIndex from) {
    while (reader_.position() < from) {
      if (!reader_.next()) return why_it_ended(from);
    }
    return {};
  }

  // An entry that cannot be applied is reported when all before it have been.
  Status in_order(Status applied) {
    if (applied) return {};
    POWERCUT_TRY_STATUS(finish());
    return applied;
  }

  Status add(const Piece& piece) { return window_.add(piece, sink_); }
  Status finish() {
    POWERCUT_TRY_STATUS(window_.end_run(sink_));
    return queue_.drain();
  }

  Status why_it_ended(EntryIndex wanted) {
    if (!reader_.ending().is_whole()) {
      return with_context(to_status(reader_.ending()).error(),
                          fmt::format("replayed up to entry:{} only", reader_.position()));
    }
    if (wanted == kToEnd) return {};
    return usage_error(fmt::format("there is no instant entry:{} in '{}': entries in it: {}",
                                   wanted, reader_.file().name(), reader_.position()));
  }

  Status apply(const log::Entry& entry) {
    if (entry.is_mark() || entry.nr_sectors == 0) return {};
    if (options_.filter && !options_.filter(entry)) return {};
    if (entry.is_discard() && !options_.discards) {
      ++totals_.skipped_discards;
      return {};
    }
    const ByteRange range = entry.device_range();
    if (range.end > size_bytes_) {
      return bad_input(
          fmt::format("entry {} at byte {} of '{}' is a {} of bytes {} to {}, but the device has "
                      "only {} bytes; "
                      "entries before it have been replayed onto '{}'",
                      entry.index, entry.log_offset, reader_.file().name(), kind_name(entry),
                      range.begin, range.end, size_bytes_, device_.name()));
    }
    if (entry.is_discard()) return discard(entry, range);
    ++totals_.written_entries;
    totals_.written_bytes += range.size();
    if (entry.is_zeroes()) return add({entry.index, range, std::nullopt});
    return write(entry, range);
  }

  Status discard(const log::Entry& entry, ByteRange range) {
    ++totals_.discarded_entries;
    totals_.discarded_bytes += range.size();
    return add({entry.index, range, std::nullopt});
  }

  // A payload that is a hole but for its ends becomes a hole but for its ends.
  Status write(const log::Entry& entry, ByteRange range) {
    const ByteOffset payload = entry.payload_offset();
    const ByteRange hole = POWERCUT_TRY(hole_in_payload(entry));
    const ByteRange zeroes = {range.begin + (hole.begin - payload),
                              range.begin + (hole.end - payload)};
    POWERCUT_TRY_STATUS(copy(entry, payload, {range.begin, zeroes.begin}));
    if (zeroes.size() > 0) POWERCUT_TRY_STATUS(add({entry.index, zeroes, std::nullopt}));
    return copy(entry, hole.end, {zeroes.end, range.end});
  }

  Status copy(const log::Entry& entry, ByteOffset log_offset, ByteRange range) {
    if (range.size() == 0) return {};
    return add({entry.index, range, log_offset});
  }

  // A log of ours says of each entry whether it is zeroes.
  Result<ByteRange> hole_in_payload(const log::Entry& entry) {
    if (entry.extension) return ByteRange{entry.end_offset(), entry.end_offset()};
    return known_hole(reader_.file(), {entry.payload_offset(), entry.end_offset()},
                      queue_.alignment());
  }

  log::Reader& reader_;
  BlockDevice& device_;
  const Options& options_;
  const ByteCount size_bytes_;
  Totals totals_;
  WorkQueue queue_;
  Window window_;
  const Window::Sink sink_ = [this](const Piece& piece) { return queue_.add(piece); };
};

}  // namespace

Result<Totals> replay(log::Reader& reader, EntryIndex from, EntryIndex to, BlockDevice& device,
                      const Options& options) {
  return Replayer(reader, device, options).run(from, to);
}

}  // namespace powercut::replay
