// SPDX-License-Identifier: Apache-2.0
#include "block/file_device.h"

namespace powercut {

Result<std::unique_ptr<FileDevice>> FileDevice::make(std::unique_ptr<PosixFile> file) {
  const ByteCount size = POWERCUT_TRY(file->size());
  return std::unique_ptr<FileDevice>(new FileDevice(std::move(file), size));
}

Status FileDevice::read(ByteOffset offset, MutableBytes buffer) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
  return read_exactly(*file_, offset, buffer);
}

Status FileDevice::write(ByteOffset offset, ConstBytes bytes, Fua fua) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, bytes.size()));
  return fua == Fua::kYes ? file_->write_durably(offset, bytes) : file_->write_at(offset, bytes);
}

// A file keeps no promise that makes Unmap::kNo worth writing zeroes: the hole reads the same.
Status FileDevice::write_zeroes(ByteRange range, Unmap, Fua fua) {
  POWERCUT_TRY_STATUS(check_request(*this, range.begin, range.size()));
  POWERCUT_TRY_STATUS(file_->write_zeroes(range));
  return fua == Fua::kYes ? file_->sync() : Status{};
}

// Always by way of zeroes: BLKDISCARD promises no content, and whoever replays a log needs one.
Status FileDevice::discard(ByteRange range, Fua fua) {
  return write_zeroes(range, Unmap::kYes, fua);
}

}  // namespace powercut
