// SPDX-License-Identifier: Apache-2.0
#include "support/prefix_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "block/file_device.h"
#include "block/overlay_device.h"

namespace powercut::test {
namespace {

constexpr ByteCount kPieceBytes = 1 * kMiB;

Status apply_payload(const log::Reader& reader, const log::Entry& entry, BlockDevice& device) {
  const ByteRange range = entry.device_range();
  std::vector<std::byte> piece(std::min(range.size(), kPieceBytes));
  for (ByteOffset at = range.begin; at < range.end;) {
    const MutableBytes part =
        MutableBytes(piece).first(std::min<ByteCount>(piece.size(), range.end - at));
    POWERCUT_TRY_STATUS(reader.read_payload(entry, at - range.begin, part));
    POWERCUT_TRY_STATUS(device.write(at, part, Fua::kNo));
    at += part.size();
  }
  return {};
}

Result<std::shared_ptr<BlockDevice>> make_device(ByteCount size_bytes,
                                                 std::shared_ptr<BlockDevice> base) {
  if (base != nullptr) {
    POWERCUT_CHECK(base->size_bytes() == size_bytes);
    return std::shared_ptr<BlockDevice>(POWERCUT_TRY(OverlayDevice::make(std::move(base))));
  }
  auto file = POWERCUT_TRY(PosixFile::open_temporary());
  POWERCUT_TRY_STATUS(file->truncate(size_bytes));
  return std::shared_ptr<BlockDevice>(POWERCUT_TRY(FileDevice::make(std::move(file))));
}

// Its payload or zeroes (also for a discard) at its place; nothing for flushes and marks.
Status apply_entry(const log::Reader& reader, const log::Entry& entry, BlockDevice& device) {
  if (entry.is_mark() || entry.nr_sectors == 0) return {};
  const Status status = entry.is_discard() || entry.is_zeroes()
                            ? device.write_zeroes(entry.device_range(), Unmap::kYes, Fua::kNo)
                            : apply_payload(reader, entry, device);
  if (!status)
    return with_context(status.error(),
                        fmt::format("'{}', entry {}", reader.file().name(), entry.index));
  return {};
}

}  // namespace

Result<PrefixImage> PrefixImage::make(const File& log, ByteCount size_bytes,
                                      std::shared_ptr<BlockDevice> base) {
  log::Reader reader = POWERCUT_TRY(log::Reader::open(log));
  auto device = POWERCUT_TRY(make_device(size_bytes, std::move(base)));
  return PrefixImage(std::move(reader), std::move(device));
}

Status PrefixImage::advance_to(EntryIndex entries) {
  POWERCUT_CHECK(entries >= reader_.position());
  while (reader_.position() < entries) {
    const auto entry = reader_.next();
    if (!entry) {
      POWERCUT_TRY_STATUS(log::to_status(reader_.ending()));
      return bad_input(fmt::format("'{}' has only {} entries, {} are wanted", reader_.file().name(),
                                   reader_.position(), entries));
    }
    POWERCUT_TRY_STATUS(apply_entry(reader_, *entry, *device_));
  }
  return {};
}

}  // namespace powercut::test
