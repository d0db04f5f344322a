// SPDX-License-Identifier: Apache-2.0
// One thread reads the headers, jumping over the payloads, and cuts what they do into pieces; the
// threads of a WorkQueue copy the payloads from the log's file to the device. Memory is bounded by
// the queue's length. Holes of the log's file, where recorders leave zeroes, are not read.
#include "replay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "replay/work_queue.h"

namespace powercut::replay {
namespace {

constexpr unsigned kMinWorkers = 2;
constexpr unsigned kMaxWorkers = 8;
constexpr std::uint64_t kProgressInterval = 64;  // entries

unsigned worker_count(const Options& options) {
  if (options.workers > 0) return options.workers;
  return std::clamp(std::thread::hardware_concurrency(), kMinWorkers, kMaxWorkers);
}

// Where a file holds data. Remembers the last extent, so that a file without holes is asked once.
class DataMap {
 public:
  explicit DataMap(const File& file) : file_(file) {}

  struct Run {
    ByteOffset begin;
    ByteOffset end;
    bool is_data;
    [[nodiscard]] ByteCount size() const { return end - begin; }
  };
  // The run that begins at range.begin and ends at range.end at the latest. A hole is never
  // remembered: in a log that is being written it may be filled the next moment.
  Result<Run> run(ByteRange range) {
    if (range.begin < extent_.begin || range.begin >= extent_.end) {
      const auto extent = POWERCUT_TRY(file_.next_data(range.begin));
      if (!extent || extent->begin >= range.end) return Run{range.begin, range.end, false};
      extent_ = *extent;
      if (extent_.begin > range.begin) return Run{range.begin, extent_.begin, false};
    }
    return Run{range.begin, std::min(range.end, extent_.end), true};
  }

 private:
  const File& file_;
  ByteRange extent_;
};

class Replayer {
 public:
  Replayer(log::Reader& reader, BlockDevice& device, const Options& options)
      : reader_(reader),
        device_(device),
        options_(options),
        size_bytes_(
            std::min(device.size_bytes(), options.size_bytes.value_or(device.size_bytes()))),
        data_map_(reader.file()),
        queue_(reader.file(), device, worker_count(options), options.stripe_size) {}

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
      if (options_.progress && reader_.position() % kProgressInterval == 0) {
        options_.progress(reader_.position());
      }
    }
    totals_.to = reader_.position();
    POWERCUT_TRY_STATUS(queue_.drain());
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
    POWERCUT_TRY_STATUS(queue_.drain());
    return applied;
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
    if (entry.is_zeroes()) return queue_.add({entry.index, range, std::nullopt});
    return write(entry, range);
  }

  Status discard(const log::Entry& entry, ByteRange range) {
    ++totals_.discarded_entries;
    totals_.discarded_bytes += range.size();
    return queue_.add({entry.index, range, std::nullopt});
  }

  Status write(const log::Entry& entry, ByteRange range) {
    const ByteOffset payload = entry.payload_offset();
    for (ByteCount done = 0; done < range.size();) {
      const auto run = POWERCUT_TRY(run_in_payload({payload + done, entry.end_offset()}));
      const ByteRange part = {range.begin + done, range.begin + done + run.size()};
      POWERCUT_TRY_STATUS(queue_.add(
          {entry.index, part, run.is_data ? std::optional(payload + done) : std::nullopt}));
      done += run.size();
    }
    return {};
  }

  // The run at the beginning of `rest`, so cut that the device takes it; in doubt it counts as
  // data.
  Result<DataMap::Run> run_in_payload(ByteRange rest) {
    DataMap::Run run = POWERCUT_TRY(data_map_.run(rest));
    if (run.end == rest.end) return run;
    const ByteCount size = run.end - rest.begin;
    const ByteCount aligned_down = align_down(size, queue_.alignment());
    if (!run.is_data && aligned_down > 0)
      return DataMap::Run{rest.begin, rest.begin + aligned_down, false};
    const ByteCount aligned_up = std::min(align_up(size, queue_.alignment()), rest.size());
    return DataMap::Run{rest.begin, rest.begin + aligned_up, true};
  }

  log::Reader& reader_;
  BlockDevice& device_;
  const Options& options_;
  const ByteCount size_bytes_;
  Totals totals_;
  DataMap data_map_;
  WorkQueue queue_;
};

}  // namespace

Result<Totals> replay(log::Reader& reader, EntryIndex from, EntryIndex to, BlockDevice& device,
                      const Options& options) {
  return Replayer(reader, device, options).run(from, to);
}

}  // namespace powercut::replay
