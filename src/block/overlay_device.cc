// SPDX-License-Identifier: Apache-2.0
#include "block/overlay_device.h"

#include <algorithm>
#include <array>

namespace powercut {

Result<std::unique_ptr<OverlayDevice>> OverlayDevice::make(std::shared_ptr<BlockDevice> base) {
  std::unique_ptr<File> file = POWERCUT_TRY(PosixFile::open_temporary());
  return std::unique_ptr<OverlayDevice>(new OverlayDevice(std::move(base), std::move(file)));
}

OverlayDevice::OverlayDevice(std::shared_ptr<BlockDevice> base, std::unique_ptr<File> file)
    : base_(std::move(base)), file_(std::move(file)) {}

ByteOffset OverlayDevice::run_end(ByteOffset offset, ByteOffset end) const {
  const std::uint64_t last = (end - 1) / kBlockSize + 1;
  return std::min(end, overlaid_.run_end(offset / kBlockSize, last) * kBlockSize);
}

Status OverlayDevice::read(ByteOffset offset, MutableBytes buffer) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
  const MutexLock lock(mutex_);
  const ByteOffset end = offset + buffer.size();
  while (offset < end) {
    const ByteOffset stop = run_end(offset, end);
    const MutableBytes part = buffer.first(stop - offset);
    if (overlaid_.contains(offset / kBlockSize)) {
      POWERCUT_TRY_STATUS(read_exactly(*file_, offset, part));
    } else {
      POWERCUT_TRY_STATUS(base_->read(offset, part));
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
  POWERCUT_TRY_STATUS(base_->read(begin, part));
  POWERCUT_TRY_STATUS(file_->write_at(begin, part));
  overlaid_.insert(block, block + 1);
  return {};
}

Status OverlayDevice::claim(ByteRange range) {
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

void OverlayDevice::mark_overlaid(ByteRange range) {
  overlaid_.insert(range.begin / kBlockSize, (range.end - 1) / kBlockSize + 1);
}

Status OverlayDevice::write(ByteOffset offset, ConstBytes bytes, Fua) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, bytes.size()));
  if (bytes.empty()) return {};
  const ByteRange range = {offset, offset + bytes.size()};
  const MutexLock lock(mutex_);
  POWERCUT_TRY_STATUS(claim(range));
  POWERCUT_TRY_STATUS(file_->write_at(offset, bytes));
  mark_overlaid(range);
  return {};
}

Status OverlayDevice::write_zeroes(ByteRange range, Unmap, Fua) {
  POWERCUT_TRY_STATUS(check_request(*this, range.begin, range.size()));
  if (range.size() == 0) return {};
  const MutexLock lock(mutex_);
  POWERCUT_TRY_STATUS(claim(range));
  POWERCUT_TRY_STATUS(file_->write_zeroes(range));
  mark_overlaid(range);
  return {};
}

// The overlay's holes are the file's: what has been zeroed there was punched out.
Result<std::optional<ByteRange>> OverlayDevice::next_data(ByteOffset offset) {
  const MutexLock lock(mutex_);
  while (offset < size_bytes()) {
    const ByteOffset stop = run_end(offset, size_bytes());
    const bool is_ours = overlaid_.contains(offset / kBlockSize);
    const auto data =
        is_ours ? POWERCUT_TRY(file_->next_data(offset)) : POWERCUT_TRY(base_->next_data(offset));
    if (data && data->begin < stop) return ByteRange{data->begin, std::min(data->end, stop)};
    offset = stop;
  }
  return std::nullopt;
}

Status OverlayDevice::reset() {
  const MutexLock lock(mutex_);
  POWERCUT_TRY_STATUS(file_->truncate(0));
  overlaid_.clear();
  return {};
}

ByteCount OverlayDevice::overlaid_bytes() const {
  const MutexLock lock(mutex_);
  return overlaid_.size() * kBlockSize;
}

}  // namespace powercut
