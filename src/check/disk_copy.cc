// SPDX-License-Identifier: Apache-2.0
// The file keeps its pages from one device to the next: to get them anew takes as long as to fill them. It is not mapped,
// as it may be larger than the address space that is left.
#include "check/disk_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/unique_fd.h"

namespace powercut::check {
namespace {

constexpr ByteCount kPageBytes = 4096;
constexpr ByteCount kBufferBytes = 128 * kKiB;
// Zeroes between data that are as good as data: it takes as long to go round them.
constexpr ByteCount kBridgedBytes = 64 * kKiB;

// All data, in whole pages; nothing if that is more than DiskCopy::kMaxBytes.
Result<std::optional<std::vector<ByteRange>>> data_of(BlockDevice& device) {
  std::vector<ByteRange> ranges;
  ByteCount bytes = 0;
  for (ByteOffset at = 0; at < device.size_bytes();) {
    const auto data = POWERCUT_TRY(device.next_data(at));
    if (!data) break;
    const ByteOffset begin = data->begin / kPageBytes * kPageBytes;
    const ByteOffset end =
        std::min((data->end + kPageBytes - 1) / kPageBytes * kPageBytes, device.size_bytes());
    if (ranges.empty() || begin >= ranges.back().end + kBridgedBytes)
      ranges.push_back({begin, begin});
    bytes += end - ranges.back().end;
    if (bytes > DiskCopy::kMaxBytes) return std::optional<std::vector<ByteRange>>();
    ranges.back().end = end;
    at = end;
  }
  return ranges;
}

std::string path_of(int fd) {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), fd);
}

}  // namespace

Status DiskCopy::make(ByteCount size) {
  const UniqueFd fd(::memfd_create("powercut-disk", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return os_error("cannot make a file in memory");
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0 ||
      ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return os_error(fmt::format("cannot make a file in memory of {} bytes", size));
  auto file = POWERCUT_TRY(PosixFile::open(path_of(fd.get()), {.writable = true}));
  file_ = POWERCUT_TRY(FileDevice::make(std::move(file)));
  buffer_.resize(kBufferBytes);
  return {};
}

// Where it holds nothing there is nothing to be done.
Status DiskCopy::clear(ByteRange range) {
  while (range.begin < range.end) {
    const auto data = POWERCUT_TRY(file_->next_data(range.begin));
    if (!data || data->begin >= range.end) break;
    const ByteRange part{data->begin, std::min(data->end, range.end)};
    POWERCUT_TRY_STATUS(file_->write_zeroes(part, Unmap::kYes, Fua::kNo));
    range.begin = part.end;
  }
  return {};
}

Status DiskCopy::fill(ByteRange range, BlockDevice& device) {
  while (range.size() > 0) {
    const auto part =
        MutableBytes(buffer_).first(std::min<ByteCount>(range.size(), buffer_.size()));
    POWERCUT_TRY_STATUS(read_unaligned(device, range.begin, part));
    POWERCUT_TRY_STATUS(file_->write(range.begin, part, Fua::kNo));
    range.begin += part.size();
  }
  return {};
}

Result<bool> DiskCopy::load(BlockDevice& device) {
  const auto data = POWERCUT_TRY(data_of(device));
  if (!data) return false;
  if (file_ == nullptr) POWERCUT_TRY_STATUS(make(device.size_bytes()));
  POWERCUT_CHECK(file_->size_bytes() == device.size_bytes());
  ByteOffset end = 0;
  for (const ByteRange& range : *data) {
    POWERCUT_TRY_STATUS(clear({end, range.begin}));
    POWERCUT_TRY_STATUS(fill(range, device));
    end = range.end;
  }
  POWERCUT_TRY_STATUS(clear({end, device.size_bytes()}));
  return true;
}

std::string DiskCopy::path() const {
  return path_of(file_->file().fd());
}

}  // namespace powercut::check
