// SPDX-License-Identifier: Apache-2.0
// The index says which places were written between the two, and the view of the one that is wanted which
// entry each has its content from. A WorkQueue copies those payloads from the log; what no entry had
// written yet comes from the initial content, and noise from the view, by queues of their own. No two pieces
// overlap, so their order is free: it is that of the device.
#include "replay/jump.h"

#include <fmt/format.h>

#include <algorithm>

#include "replay/changes.h"
#include "replay/work_queue.h"

namespace powercut::replay {
namespace {

constexpr std::uint64_t kPiecesPerProgress = 256;

// A device as a file to copy from.
class DeviceAsFile final : public File {
 public:
  explicit DeviceAsFile(BlockDevice& device) : device_(device) {}
  const std::string& name() const override { return device_.name(); }
  Result<ByteCount> size() const override { return device_.size_bytes(); }
  Result<std::size_t> read_at(ByteOffset offset, MutableBytes buffer) const override {
    const ByteCount left = device_.size_bytes() - std::min(offset, device_.size_bytes());
    const auto part = buffer.first(std::min<ByteCount>(buffer.size(), left));
    POWERCUT_TRY_STATUS(read_unaligned(device_, offset, part));
    return part.size();
  }
  Result<std::optional<ByteRange>> next_data(ByteOffset offset) const override {
    return device_.next_data(offset);
  }

  using File::write_at;
  Status write_at(ByteOffset, std::span<const ConstBytes>) override { return refuse(); }
  Status write_zeroes(ByteRange) override { return refuse(); }
  Status truncate(ByteCount) override { return refuse(); }
  Status sync() override { return {}; }
  void preallocate(ByteRange) override {}

 private:
  Status refuse() const {
    return environment_error(fmt::format("'{}' is only read", device_.name()), EROFS);
  }
  BlockDevice& device_;
};

// Copies from another device than the log, by threads that are only made when there is something to
// copy.
class DeviceQueue {
 public:
  DeviceQueue(BlockDevice& from, BlockDevice& to, const JumpOptions& options)
      : file_(from), to_(to), options_(options) {}

  Status copy(ByteRange range) {
    if (!queue_) queue_.emplace(file_, to_, options_.workers, options_.stripe_size);
    return queue_->add({kNoEntry, range, range.begin});
  }
  Status drain() { return queue_ ? queue_->drain() : Status(); }

 private:
  const DeviceAsFile file_;
  BlockDevice& to_;
  const JumpOptions& options_;
  std::optional<WorkQueue> queue_;
};

class Jumper {
 public:
  Jumper(const state::Timeline& timeline, const state::Moment& to, BlockDevice& device,
         const JumpOptions& options)
      : index_(timeline.index()),
        base_(timeline.base()),
        initial_(timeline.view(0)),
        size_bytes_(timeline.device_size_bytes()),
        to_(to),
        device_(device),
        options_(options),
        queue_(*index_.log(), device, options.workers, options.stripe_size),
        initial_queue_(*initial_, device, options),
        noise_queue_(*to.view, device, options) {}

  Result<JumpTotals> run(const std::optional<Position>& position) {
    POWERCUT_TRY_STATUS(check_device());
    POWERCUT_TRY_STATUS(position ? write_changes(position->and_also(Position::of(to_)))
                                 : write_all());
    POWERCUT_TRY_STATUS(finish_zeroes());
    POWERCUT_TRY_STATUS(queue_.drain());
    POWERCUT_TRY_STATUS(initial_queue_.drain());
    POWERCUT_TRY_STATUS(noise_queue_.drain());
    if (options_.flush) POWERCUT_TRY_STATUS(device_.flush());
    return totals_;
  }

 private:
  Status check_device() const {
    if (device_.size_bytes() < size_bytes_) {
      return bad_input(fmt::format("'{}' has {} bytes, but the recorded device {}", device_.name(),
                                   device_.size_bytes(), size_bytes_));
    }
    if (queue_.alignment() > index_.sector_size()) {
      return bad_input(
          fmt::format("'{}' takes requests in multiples of {} bytes, but the log's sectors have {}",
                      device_.name(), queue_.alignment(), index_.sector_size()));
    }
    return {};
  }

  // What changes() says of the content holds for the later of the instants; for anything else each
  // range has to be looked up.
  Status write_changes(const Position& span) {
    if (!to_.crash_state && span.greatest == to_.least) {
      return index_.changes({0, whole_sectors()}, span.least, span.greatest,
                            [&](const index::Extent& extent) { return add(extent, false); });
    }
    return changed_ranges(index_, size_bytes_, span.least, span.greatest,
                          [&](ByteRange range) { return write(range); });
  }

  Status write_all() {
    POWERCUT_TRY_STATUS(write({0, whole_sectors()}));
    return restore({whole_sectors(), size_bytes_});
  }

  Status write(ByteRange range) {
    return to_.view->look_up(
        range, [&](const index::Extent& extent, bool is_noise) { return add(extent, is_noise); });
  }

  // No entry reaches into a part of a sector at the device's end.
  [[nodiscard]] ByteOffset whole_sectors() const {
    return align_down(size_bytes_, index_.sector_size());
  }

  Status add(const index::Extent& extent, bool is_noise) {
    if (options_.progress && totals_.pieces % kPiecesPerProgress == 0) {
      options_.progress(extent.range.begin);
    }
    if (is_noise) return make_noise(extent.range);
    switch (extent.source) {
      case index::Extent::Source::kInitial:
        return restore(extent.range);
      case index::Extent::Source::kZeroes:
        return zero(extent.range);
      case index::Extent::Source::kPayload:
        return copy(extent);
    }
    return {};
  }

  Status copy(const index::Extent& extent) {
    const ByteRange in_log{extent.log_offset, extent.log_offset + extent.range.size()};
    const ByteRange hole = POWERCUT_TRY(known_hole(*index_.log(), in_log, queue_.alignment()));
    const auto device_offset = [&](ByteOffset at) {
      return extent.range.begin + (at - in_log.begin);
    };
    POWERCUT_TRY_STATUS(copy_part(extent.entry, {in_log.begin, hole.begin}, extent.range.begin));
    POWERCUT_TRY_STATUS(zero({device_offset(hole.begin), device_offset(hole.end)}));
    return copy_part(extent.entry, {hole.end, in_log.end}, device_offset(hole.end));
  }
  Status copy_part(EntryIndex entry, ByteRange in_log, ByteOffset to) {
    if (in_log.size() == 0) return {};
    totals_.copied_bytes += in_log.size();
    ++totals_.pieces;
    return queue_.add({entry, {to, to + in_log.size()}, in_log.begin});
  }

  // Neighbours become one, whoever made them zeroes.
  Status zero(ByteRange range) {
    if (range.size() == 0) return {};
    if (zeroes_.end != range.begin || zeroes_.size() == 0) {
      POWERCUT_TRY_STATUS(finish_zeroes());
      zeroes_.begin = range.begin;
    }
    zeroes_.end = range.end;
    return {};
  }
  Status finish_zeroes() {
    if (zeroes_.size() == 0) return {};
    totals_.zeroed_bytes += zeroes_.size();
    ++totals_.pieces;
    const ByteRange range = std::exchange(zeroes_, {});
    return queue_.add({kNoEntry, range, std::nullopt});
  }

  Status restore(ByteRange range) {
    if (base_ == nullptr) return zero(range);
    while (range.begin < range.end) {
      auto data = POWERCUT_TRY(initial_->next_data(range.begin));
      if (!data || data->begin >= range.end) data = ByteRange{range.end, range.end};
      data->end = std::min(data->end, range.end);
      POWERCUT_TRY_STATUS(zero({range.begin, data->begin}));
      POWERCUT_TRY_STATUS(copy_initial(*data));
      range.begin = data->end;
    }
    return {};
  }
  Status copy_initial(ByteRange range) {
    if (range.size() == 0) return {};
    totals_.restored_bytes += range.size();
    ++totals_.pieces;
    return initial_queue_.copy(range);
  }
  Status make_noise(ByteRange range) {
    totals_.noise_bytes += range.size();
    ++totals_.pieces;
    return noise_queue_.copy(range);
  }

  const index::LogIndex& index_;
  const std::shared_ptr<BlockDevice> base_;
  const std::shared_ptr<state::InstantView> initial_;
  const ByteCount size_bytes_;
  const state::Moment& to_;
  BlockDevice& device_;
  const JumpOptions& options_;
  JumpTotals totals_;
  ByteRange zeroes_;  // not handed out yet
  WorkQueue queue_;
  DeviceQueue initial_queue_;
  DeviceQueue noise_queue_;
};

}  // namespace

Position Position::and_also(const Position& other) const {
  return {std::min(least, other.least), std::max(greatest, other.greatest)};
}

Result<JumpTotals> jump(const state::Timeline& timeline, std::optional<Position> position,
                        const state::Moment& to, BlockDevice& device, const JumpOptions& options) {
  return Jumper(timeline, to, device, options).run(position);
}

Result<bool> needs_initial_content(const state::Timeline& timeline,
                                   std::optional<Position> position, const state::Moment& to) {
  const index::LogIndex& index = timeline.index();
  const ByteCount size_bytes = timeline.device_size_bytes();
  bool is_needed = !is_aligned(size_bytes, index.sector_size()) && !position;
  const auto look = [&](const index::Extent& extent, bool) -> Status {
    is_needed = is_needed || extent.source == index::Extent::Source::kInitial;
    // The one way to end the walk.
    return is_needed ? Status(environment_error("enough")) : Status();
  };
  const auto look_at = [&](ByteRange range) { return to.view->look_up(range, look); };
  const Position span = position.value_or(Position{}).and_also(Position::of(to));
  const Status status = position
                            ? changed_ranges(index, size_bytes, span.least, span.greatest, look_at)
                            : look_at({0, align_down(size_bytes, index.sector_size())});
  if (!status && !is_needed) return Unexpected(status.error());
  return is_needed;
}

Result<std::optional<Difference>> find_mismatch(const state::Timeline& timeline,
                                                const state::Moment& held, const state::Moment& to,
                                                BlockDevice& device,
                                                const std::function<void(ByteOffset)>& progress) {
  const Position span = Position::of(held).and_also(Position::of(to));
  const ByteCount unit = std::min<ByteCount>(timeline.index().sector_size(), kMiB);
  std::optional<Difference> found;
  const auto take_first = [&](ByteRange range) -> Status {
    std::vector<std::byte> left(std::min(unit, range.size()));
    std::vector<std::byte> right(left.size());
    POWERCUT_TRY_STATUS(read_unaligned(*held.view, range.begin, left));
    POWERCUT_TRY_STATUS(read_unaligned(device, range.begin, right));
    const auto byte = static_cast<std::size_t>(
        std::mismatch(left.begin(), left.end(), right.begin()).first - left.begin());
    found = Difference{range, range.begin + byte, left[byte], right[byte], std::nullopt};
    // The one way to end the search.
    return environment_error("found");
  };
  const Status status =
      changed_ranges(timeline.index(), timeline.device_size_bytes(), span.least, span.greatest,
                     [&](ByteRange range) -> Status {
                       if (progress) progress(range.begin);
                       return differing_ranges(*held.view, device, range, unit, take_first);
                     });
  if (!status && !found) return Unexpected(status.error());
  return found;
}

}  // namespace powercut::replay
