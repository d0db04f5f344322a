// SPDX-License-Identifier: Apache-2.0
#include "io/memory_file.h"

#include <algorithm>
#include <cstring>

namespace powercut {

MemoryFile::MemoryFile(std::string name, std::vector<std::byte> content)
    : name_(std::move(name)), content_(std::move(content)), synced_(content_) {}

Result<ByteCount> MemoryFile::size() const {
  const MutexLock lock(mutex_);
  return content_.size();
}

Result<std::size_t> MemoryFile::read_at(ByteOffset offset, MutableBytes buffer) const {
  const MutexLock lock(mutex_);
  if (offset >= content_.size()) return std::size_t{0};
  const std::size_t n = std::min<std::size_t>(buffer.size(), content_.size() - offset);
  if (n > 0) std::memcpy(buffer.data(), content_.data() + offset, n);
  return n;
}

Status MemoryFile::write_at(ByteOffset offset, std::span<const ConstBytes> pieces) {
  const MutexLock lock(mutex_);
  for (const ConstBytes& piece : pieces) {
    if (content_.size() < offset + piece.size()) content_.resize(offset + piece.size());
    if (!piece.empty()) std::memcpy(content_.data() + offset, piece.data(), piece.size());
    offset += piece.size();
  }
  return {};
}

Status MemoryFile::write_zeroes(ByteRange range) {
  const MutexLock lock(mutex_);
  if (content_.size() < range.end) content_.resize(range.end);
  std::fill(content_.begin() + static_cast<std::ptrdiff_t>(range.begin),
            content_.begin() + static_cast<std::ptrdiff_t>(range.end), std::byte{0});
  return {};
}

Status MemoryFile::sync() {
  const MutexLock lock(mutex_);
  synced_ = content_;
  return {};
}

Status MemoryFile::truncate(ByteCount size) {
  const MutexLock lock(mutex_);
  content_.resize(size);
  return {};
}

Result<std::optional<ByteRange>> MemoryFile::next_data(ByteOffset offset) const {
  const MutexLock lock(mutex_);
  if (offset >= content_.size()) return std::nullopt;
  return ByteRange{offset, content_.size()};
}

std::vector<std::byte> MemoryFile::content() const {
  const MutexLock lock(mutex_);
  return content_;
}

std::vector<std::byte> MemoryFile::synced_content() const {
  const MutexLock lock(mutex_);
  return synced_;
}

}  // namespace powercut
