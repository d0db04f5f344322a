// SPDX-License-Identifier: Apache-2.0
#include "io/faulty_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace powercut {
namespace {

Unexpected injected(const File& file, const char* what, int os_errno) {
  return os_error(fmt::format("injected fault: cannot {} '{}'", what, file.name()), os_errno);
}

}  // namespace

Result<std::size_t> FaultyFile::read_at(ByteOffset offset, MutableBytes buffer) const {
  if (const auto fault = next_fault(Operation::kRead))
    return injected(*inner_, "read", fault->os_errno);
  return inner_->read_at(offset, buffer);
}

Status FaultyFile::write_at(ByteOffset offset, std::span<const ConstBytes> pieces) {
  const auto fault = next_fault(Operation::kWrite);
  if (!fault) return inner_->write_at(offset, pieces);
  ByteCount left = fault->bytes_done;
  for (const ConstBytes& piece : pieces) {
    const ConstBytes part = piece.first(std::min<ByteCount>(left, piece.size()));
    if (part.empty()) break;
    POWERCUT_TRY_STATUS(inner_->write_at(offset, part));
    offset += part.size();
    left -= part.size();
  }
  return injected(*inner_, "write", fault->os_errno);
}

Status FaultyFile::write_zeroes(ByteRange range) {
  if (const auto fault = next_fault(Operation::kZeroes))
    return injected(*inner_, "zero", fault->os_errno);
  return inner_->write_zeroes(range);
}

Status FaultyFile::sync() {
  if (const auto fault = next_fault(Operation::kSync))
    return injected(*inner_, "sync", fault->os_errno);
  return inner_->sync();
}

Status FaultyFile::truncate(ByteCount size) {
  if (const auto fault = next_fault(Operation::kTruncate))
    return injected(*inner_, "truncate", fault->os_errno);
  return inner_->truncate(size);
}

}  // namespace powercut
