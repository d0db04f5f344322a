// SPDX-License-Identifier: Apache-2.0
#include "support/volatile_file.h"

#include <algorithm>
#include <cstring>
#include <thread>

namespace powercut::test {

Result<ByteCount> VolatileFile::size() const {
  const MutexLock lock(mutex_);
  return content_.size();
}

Result<std::size_t> VolatileFile::read_at(ByteOffset offset, MutableBytes buffer) const {
  const MutexLock lock(mutex_);
  if (offset >= content_.size()) return std::size_t{0};
  const std::size_t n = std::min<std::size_t>(buffer.size(), content_.size() - offset);
  if (n > 0) std::memcpy(buffer.data(), content_.data() + offset, n);
  return n;
}

void VolatileFile::apply(const Change& change, std::vector<std::byte>& content) {
  if (change.is_truncation) {
    content.resize(change.offset);
    return;
  }
  const std::size_t end = change.offset + change.bytes.size();
  if (content.size() < end) content.resize(end);
  std::copy(change.bytes.begin(), change.bytes.end(),
            content.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

void VolatileFile::write_locked(ByteOffset offset, ConstBytes bytes) {
  while (!bytes.empty()) {
    const std::size_t n = std::min<std::size_t>(bytes.size(), kUnit - offset % kUnit);
    Change change;
    change.number = next_number_++;
    change.offset = offset;
    change.bytes.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    apply(change, content_);
    changes_.push_back(std::move(change));
    offset += n;
    bytes = bytes.subspan(n);
  }
}

Status VolatileFile::write_at(ByteOffset offset, std::span<const ConstBytes> pieces) {
  const MutexLock lock(mutex_);
  for (const ConstBytes& piece : pieces) {
    write_locked(offset, piece);
    offset += piece.size();
  }
  return {};
}

Status VolatileFile::write_zeroes(ByteRange range) {
  const std::vector<std::byte> zeroes(range.size());
  const MutexLock lock(mutex_);
  write_locked(range.begin, zeroes);
  return {};
}

Status VolatileFile::sync() {
  std::uint64_t covered = 0;
  {
    const MutexLock lock(mutex_);
    covered = next_number_;
  }
  std::this_thread::yield();
  const MutexLock lock(mutex_);
  if (sync_to_fail_ && (*sync_to_fail_)-- == 0) {
    sync_to_fail_.reset();
    for (Change& change : changes_) change.is_lost |= change.number < covered;
    return os_error("injected fault: sync", EIO);
  }
  std::erase_if(changes_, [&](const Change& change) POWERCUT_REQUIRES(mutex_) {
    const bool is_covered = change.number < covered && !change.is_lost;
    if (is_covered) apply(change, durable_);
    return is_covered;
  });
  return {};
}

Status VolatileFile::truncate(ByteCount size) {
  const MutexLock lock(mutex_);
  Change change;
  change.number = next_number_++;
  change.is_truncation = true;
  change.offset = size;
  apply(change, content_);
  changes_.push_back(std::move(change));
  return {};
}

Result<std::optional<ByteRange>> VolatileFile::next_data(ByteOffset offset) const {
  const MutexLock lock(mutex_);
  if (offset >= content_.size()) return std::nullopt;
  return ByteRange{offset, content_.size()};
}

std::vector<std::byte> VolatileFile::content() const {
  const MutexLock lock(mutex_);
  return content_;
}

std::vector<std::byte> VolatileFile::after_power_cut(Prng& prng) const {
  const MutexLock lock(mutex_);
  std::vector<std::byte> left = durable_;
  // Whether little, half or much of the cache got out.
  const std::uint64_t share = prng.below(5);
  for (const Change& change : changes_) {
    if (prng.below(4) < share) apply(change, left);
  }
  return left;
}

void VolatileFile::fail_sync(std::uint64_t n) {
  const MutexLock lock(mutex_);
  sync_to_fail_ = n;
}

}  // namespace powercut::test
