// SPDX-License-Identifier: Apache-2.0
#include "block/overlay_device.h"

#include <algorithm>
#include <array>

namespace powercut {

Result<std::unique_ptr<OverlayDevice>> OverlayDevice::make(std::shared_ptr<BlockDevice> base) {
  auto overlay = make_lazily(std::move(base));
  const SharedMutexLock lock(overlay->mutex_);
  POWERCUT_TRY_STATUS(overlay->need_file());
  return overlay;
}

std::unique_ptr<OverlayDevice> OverlayDevice::make_lazily(std::shared_ptr<BlockDevice> base) {
  return std::unique_ptr<OverlayDevice>(new OverlayDevice(std::move(base)));
}

Status OverlayDevice::need_file() {
  if (file_ == nullptr) file_ = POWERCUT_TRY(PosixFile::open_temporary());
  return {};
}

ByteOffset OverlayDevice::run_end(ByteOffset offset, ByteOffset end) const {
  const std::uint64_t end_block = (end + kBlockSize - 1) / kBlockSize;
  return std::min(end, overlaid_.run_end(offset / kBlockSize, end_block) * kBlockSize);
}

Status OverlayDevice::read(ByteOffset offset, MutableBytes buffer) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
  const SharedMutexReadLock lock(mutex_);
  const ByteOffset end = offset + buffer.size();
  while (offset < end) {
    const ByteOffset stop = run_end(offset, end);
    const MutableBytes part = buffer.first(stop - offset);
    if (overlaid_.contains(offset / kBlockSize)) {
      POWERCUT_TRY_STATUS(read_exactly(*file_, offset, part));
    } else {
      POWERCUT_TRY_STATUS(read_unaligned(*base_, offset, part));
    }
    buffer = buffer.subspan(part.size());
    offset = stop;
  }
  return {};
}

Status OverlayDevice::copy_up(std::uint64_t block) {
  std::array<std::byte, kBlockSize> bytes;
  const ByteOffset begin = block * kBlockSize;
  const MutableBytes part = MutableBytes(bytes).first(std::min(kBlockSize, size_bytes() - begin));
  POWERCUT_TRY_STATUS(read_unaligned(*base_, begin, part));
  POWERCUT_TRY_STATUS(file_->write_at(begin, part));
  mark({begin, begin + kBlockSize});
  return {};
}

Status OverlayDevice::claim(ByteRange range) {
  POWERCUT_TRY_STATUS(need_file());
  const std::uint64_t first = range.begin / kBlockSize;
  const std::uint64_t last = (range.end - 1) / kBlockSize;
  const auto is_partial = [&](std::uint64_t block) {
    return block * kBlockSize < range.begin ||
           std::min((block + 1) * kBlockSize, size_bytes()) > range.end;
  };
  for (const std::uint64_t edge : {first, last}) {
    if (is_partial(edge) && !overlaid_.contains(edge)) POWERCUT_TRY_STATUS(copy_up(edge));
  }
  return {};
}

void OverlayDevice::mark(ByteRange range) {
  overlaid_.insert(range.begin / kBlockSize, (range.end - 1) / kBlockSize + 1);
  overlaid_bytes_ = overlaid_.size() * kBlockSize;
}

Status OverlayDevice::write(ByteOffset offset, ConstBytes bytes, Fua) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, bytes.size()));
  if (bytes.empty()) return {};
  const ByteRange range = {offset, offset + bytes.size()};
  const SharedMutexLock lock(mutex_);
  POWERCUT_TRY_STATUS(claim(range));
  POWERCUT_TRY_STATUS(file_->write_at(offset, bytes));
  mark(range);
  return {};
}

Status OverlayDevice::write_zeroes(ByteRange range, Unmap, Fua) {
  POWERCUT_TRY_STATUS(check_request(*this, range.begin, range.size()));
  if (range.size() == 0) return {};
  const SharedMutexLock lock(mutex_);
  POWERCUT_TRY_STATUS(claim(range));
  POWERCUT_TRY_STATUS(file_->write_zeroes(range));
  mark(range);
  return {};
}

// The first data of a run of blocks that are all in the overlay.
Result<std::optional<ByteRange>> OverlayDevice::next_overlaid_data(ByteRange run) const {
  const auto data = POWERCUT_TRY(file_->next_data(run.begin));
  if (!data || data->begin >= run.end) return std::nullopt;
  return ByteRange{std::max(data->begin, run.begin), std::min(data->end, run.end)};
}

Result<std::optional<ByteRange>> OverlayDevice::next_data(ByteOffset offset) {
  const SharedMutexReadLock lock(mutex_);
  const ByteOffset end = size_bytes();
  // What the base said last: it may have looked far ahead.
  std::optional<ByteRange> in_base;
  bool is_base_at_end = false;
  while (offset < end) {
    const ByteRange run{offset, run_end(offset, end)};
    if (overlaid_.contains(offset / kBlockSize)) {
      const auto data = POWERCUT_TRY(next_overlaid_data(run));
      if (data) return data;
    } else {
      if (!is_base_at_end && (!in_base || in_base->end <= offset)) {
        in_base = POWERCUT_TRY(base_->next_data(offset));
        is_base_at_end = !in_base;
      }
      if (in_base && in_base->begin < run.end)
        return ByteRange{std::max(in_base->begin, offset), std::min(in_base->end, run.end)};
    }
    offset = run.end;
  }
  return std::nullopt;
}

Status OverlayDevice::reset() {
  const SharedMutexLock lock(mutex_);
  if (file_ != nullptr) POWERCUT_TRY_STATUS(file_->truncate(0));
  overlaid_.clear();
  overlaid_bytes_ = 0;
  return {};
}

}  // namespace powercut
