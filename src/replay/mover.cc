// SPDX-License-Identifier: Apache-2.0
//
// Reading into a buffer and writing from it copies twice, yet is the fastest of the ways there are:
// the buffer is in the cache, and reading needs no lock of the image's, so that one thread reads
// while the other writes. Splice(2) and copy_file_range(2) copy once, but all of it under that
// lock; to map log or image costs a page fault for every few pages, which virtual machines make
// dear.
#include "replay/mover.h"

#include <algorithm>
#include <cstring>

#include "block/file_device.h"

namespace powercut::replay {
namespace {

// What is copied at a time.
constexpr std::size_t kCopyBytes = 128 * kKiB;

// Whether a payload is a hole is asked for payloads from this size on: below, copying costs no
// more.
constexpr ByteCount kWorthAsking = 64 * kKiB;
// A hole begins and ends on a multiple of the file system's block; this suits all of them.
constexpr ByteCount kHoleAlignment = 64 * kKiB;

// Parts of the log no further apart are read together: a call costs more than copying so much.
constexpr ByteCount kWorthReading = 4 * kKiB;

// How many of the first parts to read together.
std::size_t nr_together(std::span<const LogPart> parts) {
  std::size_t count = 1;
  ByteOffset end = parts[0].offset + parts[0].length;
  for (; count < parts.size(); ++count) {
    const LogPart& next = parts[count];
    const bool is_near = next.offset >= end && next.offset - end <= kWorthReading &&
                         next.offset + next.length - parts[0].offset <= Mover::kGatherBytes;
    if (!is_near) break;
    end = next.offset + next.length;
  }
  return count;
}

PosixFile* file_of(BlockDevice& device) {
  auto* file_device = dynamic_cast<FileDevice*>(&device);
  return file_device == nullptr ? nullptr : &file_device->file();
}

}  // namespace

Mover::Mover(const File& log, BlockDevice& device)
    : log_(log), device_(device), file_(file_of(device)), buffer_(kGatherBytes) {}

// The operating system takes requests of any alignment, also on a block device whose logical blocks
// are larger than the log's sectors.
std::uint32_t Mover::alignment() const {
  return file_ != nullptr ? 1 : device_.alignment();
}

// File systems lock a regular file while it is written through the page cache.
bool Mover::is_serial() const {
  return file_ != nullptr && !file_->is_block_device();
}

Status Mover::write(ByteOffset to, ConstBytes bytes) {
  return file_ != nullptr ? file_->write_at(to, bytes) : device_.write(to, bytes, Fua::kNo);
}

Status Mover::copy(ByteOffset from, ByteOffset to, ByteCount length) {
  while (length > 0) {
    const auto piece = MutableBytes(buffer_).first(std::min<ByteCount>(kCopyBytes, length));
    POWERCUT_TRY_STATUS(read_exactly(log_, from, piece));
    POWERCUT_TRY_STATUS(write(to, piece));
    from += piece.size();
    to += piece.size();
    length -= piece.size();
  }
  return {};
}

Status Mover::gather(std::span<const LogPart> parts, ByteOffset to) {
  std::size_t filled = 0;
  while (!parts.empty()) {
    const std::size_t together = nr_together(parts);
    filled += POWERCUT_TRY(read_together(parts.first(together), filled));
    parts = parts.subspan(together);
  }
  return write(to, ConstBytes(buffer_).first(filled));
}

// Gives how many bytes it put behind the `filled` first of the buffer.
Result<std::size_t> Mover::read_together(std::span<const LogPart> parts, std::size_t filled) {
  const LogPart& first = parts.front();
  if (parts.size() == 1) {
    const auto into = MutableBytes(buffer_).subspan(filled, first.length);
    POWERCUT_TRY_STATUS(read_exactly(log_, first.offset, into));
    return first.length;
  }
  span_.resize(kGatherBytes);
  const ByteOffset end = parts.back().offset + parts.back().length;
  POWERCUT_TRY_STATUS(
      read_exactly(log_, first.offset, MutableBytes(span_).first(end - first.offset)));
  std::size_t done = 0;
  for (const LogPart& part : parts) {
    std::memcpy(&buffer_[filled + done], &span_[part.offset - first.offset], part.length);
    done += part.length;
  }
  return done;
}

Status Mover::zero(ByteRange range) {
  return file_ != nullptr ? file_->write_zeroes(range)
                          : device_.write_zeroes(range, Unmap::kYes, Fua::kNo);
}

Result<ByteRange> known_hole(const File& log, ByteRange bytes, std::uint32_t alignment) {
  const ByteRange none = {bytes.end, bytes.end};
  if (bytes.size() < kWorthAsking) return none;
  const ByteOffset begin = align_up(bytes.begin, kHoleAlignment);
  const ByteOffset end = align_down(bytes.end, kHoleAlignment);
  if (begin >= end || !POWERCUT_TRY(log.is_hole({begin, end}))) return none;
  const ByteRange hole = {bytes.begin + align_up(begin - bytes.begin, alignment),
                          bytes.begin + align_down(end - bytes.begin, alignment)};
  return hole.begin < hole.end ? hole : none;
}

}  // namespace powercut::replay
