// SPDX-License-Identifier: Apache-2.0
#include "block/device.h"

#include <fmt/format.h>

#include <algorithm>

namespace powercut {

Result<std::optional<ByteRange>> BlockDevice::next_data(ByteOffset offset) {
  if (offset >= size_bytes()) return std::nullopt;
  return ByteRange{offset, size_bytes()};
}

Status check_request(const BlockDevice& device, ByteOffset offset, ByteCount length) {
  const auto end = checked_add(offset, length);
  if (!end || *end > device.size_bytes()) {
    return environment_error(
        fmt::format("'{}': request of {} bytes at byte {} goes past the device's {} bytes",
                    device.name(), length, offset, device.size_bytes()),
        EINVAL);
  }
  if (!is_aligned(offset | length, device.alignment())) {
    return environment_error(
        fmt::format("'{}': request of {} bytes at byte {} is not aligned to {} bytes",
                    device.name(), length, offset, device.alignment()),
        EINVAL);
  }
  return {};
}

Status read_unaligned(BlockDevice& device, ByteOffset offset, MutableBytes buffer) {
  const std::uint32_t alignment = device.alignment();
  if (is_aligned(offset | buffer.size(), alignment)) return device.read(offset, buffer);
  const ByteOffset begin = align_down(offset, alignment);
  std::vector<std::byte> aligned(align_up(offset + buffer.size(), alignment) - begin);
  POWERCUT_TRY_STATUS(device.read(begin, aligned));
  const auto first = aligned.begin() + static_cast<std::ptrdiff_t>(offset - begin);
  std::copy_n(first, buffer.size(), buffer.begin());
  return {};
}

Status execute(BlockDevice& device, Request& request) {
  switch (request.kind) {
    case Request::Kind::kRead:
      request.data.resize(request.range.size());
      return device.read(request.range.begin, request.data);
    case Request::Kind::kWrite:
      return device.write(request.range.begin, request.data, request.fua);
    case Request::Kind::kZeroes:
      return device.write_zeroes(request.range, request.unmap, request.fua);
    case Request::Kind::kDiscard:
      return device.discard(request.range, request.fua);
    case Request::Kind::kFlush:
      return device.flush();
  }
  return environment_error("unknown kind of request", EINVAL);
}

}  // namespace powercut
