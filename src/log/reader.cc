// SPDX-License-Identifier: Apache-2.0
#include "log/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "log/codec.h"

namespace powercut::log {
namespace {

constexpr std::size_t kSmallWindow = 1 * kKiB;
constexpr std::size_t kLargeWindow = ReadAhead::kChunkBytes;
// Reading so much more costs about as much as reading once more.
constexpr std::size_t kWorthAHeader = 8 * kKiB;
constexpr std::size_t kHashPiece = 1 * kMiB;

}  // namespace

Status to_status(const Ending& ending) {
  switch (ending.kind) {
    case Ending::Kind::kCounted:
      return {};
    case Ending::Kind::kIoError:
      return environment_error(ending.message, EIO);
    case Ending::Kind::kTorn:
    case Ending::Kind::kCorrupt:
      return bad_input(ending.message);
  }
  return bad_input(ending.message);
}

Result<Reader> Reader::open(const File& file, const ReaderOptions& options) {
  const ByteCount file_size = POWERCUT_TRY(file.size());
  std::vector<std::byte> start(std::min<ByteCount>(file_size, kMinSectorSizeForExtension));
  POWERCUT_TRY_STATUS(read_exactly(file, 0, start));
  auto super_block = decode_super_block(start);
  if (!super_block) return with_context(super_block.error(), fmt::format("'{}'", file.name()));
  if (super_block->sector_size > file_size) {
    return bad_input(fmt::format("'{}' is cut short: {} bytes, its super block alone takes {}",
                                 file.name(), file_size, super_block->sector_size));
  }
  if (super_block->sector_size >
      start.size()) {  // once more with all of the sector, for the extension
    start.resize(super_block->sector_size);
    POWERCUT_TRY_STATUS(read_exactly(file, 0, start));
    super_block = decode_super_block(start);
    if (!super_block) return with_context(super_block.error(), fmt::format("'{}'", file.name()));
  }
  return Reader(file, *std::move(super_block), file_size, options);
}

Reader::Reader(const File& file, SuperBlock super_block, ByteCount file_size,
               const ReaderOptions& options)
    : file_(&file),
      super_block_(std::move(super_block)),
      file_size_(file_size),
      options_(options),
      next_offset_(super_block_.sector_size) {}

std::nullopt_t Reader::end(Ending::Kind kind, std::string message) {
  ending_ = {kind, next_index_, next_offset_, std::move(message)};
  return std::nullopt;
}

bool Reader::is_in_window() const {
  return next_offset_ >= window_offset_ &&
         next_offset_ + sector_size() <= window_offset_ + window_.size();
}

// The window grows while there is a header in each few KiB, and shrinks while they are farther
// apart.
Status Reader::read_window() {
  const bool has_paid = next_offset_ - window_offset_ <= headers_in_window_ * kWorthAHeader;
  const std::size_t size = std::max<std::size_t>(
      sector_size(),
      std::clamp(has_paid ? window_.size() * 2 : window_.size() / 2, kSmallWindow, kLargeWindow));
  headers_in_window_ = 0;
  if (options_.read_ahead && size == ReadAhead::kChunkBytes) {
    if (!ahead_) ahead_ = std::make_unique<ReadAhead>(*file_, next_offset_, file_size_);
    const auto chunk = ahead_->chunk_at(next_offset_);
    window_ = chunk.bytes;
    window_offset_ = chunk.offset;
    if (is_in_window()) return {};
  }
  buffer_.resize(size);
  window_offset_ = next_offset_;
  window_ = ConstBytes(buffer_).first(POWERCUT_TRY(file_->read_at(next_offset_, buffer_)));
  return {};
}

// The sector of the next header; less of it where the file ends.
Result<ConstBytes> Reader::header_sector() {
  if (!is_in_window()) POWERCUT_TRY_STATUS(read_window());
  if (!is_in_window()) return window_;
  ++headers_in_window_;
  return window_.subspan(next_offset_ - window_offset_, sector_size());
}

// Behind the count there may be anything: an older log's entries, half an entry, no log at all.
bool Reader::is_recoverable(const Entry& entry) const {
  if (entry.extension_damaged) return false;
  if (super_block_.extension) {
    const auto& log = *super_block_.extension;
    if (!entry.extension || entry.extension->log_id != log_id_of(log.uuid) ||
        entry.extension->entry_index != entry.index) {
      return false;
    }
    if (entry.device_range().end > log.device_size_bytes) return false;
  } else if (entry.data_len != 0 && !entry.is_mark()) {
    return false;
  }
  const auto matches = payload_matches(*this, entry);
  return matches && matches->value_or(true);
}

std::optional<Entry> Reader::next() {
  const bool counted = next_index_ < super_block_.nr_entries;
  if (!counted && !options_.past_count) return end(Ending::Kind::kCounted, "");

  const auto fail = [&](Ending::Kind kind, std::string message) {
    // What does not make an entry behind the count is simply not part of the log.
    if (!counted && kind != Ending::Kind::kIoError) return end(Ending::Kind::kCounted, "");
    return end(kind, std::move(message));
  };
  const auto torn = [&] {
    return fail(
        Ending::Kind::kTorn,
        fmt::format(
            "'{}' is torn: its super block counts {} entries, but the file ends, at byte {}, "
            "within entry {} at byte {}; 'powercut repair' makes it a whole log that ends there",
            file_->name(), super_block_.nr_entries, file_size_, next_index_, next_offset_));
  };

  const auto sector = header_sector();
  if (!sector) return fail(Ending::Kind::kIoError, sector.error().message);
  if (sector->size() < sector_size()) return torn();
  auto entry = decode_entry(*sector, next_index_, next_offset_);
  if (!entry) {
    return fail(Ending::Kind::kCorrupt,
                fmt::format("'{}' is corrupt: {}; entries up to it are readable", file_->name(),
                            entry.error().message));
  }
  if (entry->end_offset() > file_size_) {
    // It may have grown since it was opened.
    const auto size = file_->size();
    if (!size) return fail(Ending::Kind::kIoError, size.error().message);
    file_size_ = *size;
    if (entry->end_offset() > file_size_) return torn();
  }
  if (!counted && !is_recoverable(*entry)) return fail(Ending::Kind::kCorrupt, "");
  ++next_index_;
  next_offset_ = entry->end_offset();
  return *std::move(entry);
}

void Reader::seek(EntryIndex index, ByteOffset log_offset) {
  next_index_ = index;
  if (log_offset < next_offset_) ahead_.reset();
  next_offset_ = log_offset;
  ending_ = {};
}

Status Reader::read_payload(const Entry& entry, ByteCount from, MutableBytes buffer) const {
  POWERCUT_CHECK(from + buffer.size() <= entry.payload_bytes());
  auto status = read_exactly(*file_, entry.payload_offset() + from, buffer);
  if (!status) return with_context(status.error(), fmt::format("payload of entry {}", entry.index));
  return {};
}

namespace {

// By holes where the file has them.
Result<bool> payload_is_zero(const Reader& reader, const Entry& entry) {
  std::vector<std::byte> buffer;
  for (ByteOffset at = entry.payload_offset(); at < entry.end_offset(); at += buffer.size()) {
    const auto data = POWERCUT_TRY(reader.file().next_data(at));
    if (!data || data->begin >= entry.end_offset()) break;
    at = std::max(at, data->begin);
    buffer.resize(std::min({data->end, entry.end_offset(), at + kHashPiece}) - at);
    POWERCUT_TRY_STATUS(reader.read_payload(entry, at - entry.payload_offset(), buffer));
    if (std::any_of(buffer.begin(), buffer.end(), [](std::byte b) { return b != std::byte{0}; }))
      return false;
  }
  return true;
}

}  // namespace

Result<std::optional<bool>> payload_matches(const Reader& reader, const Entry& entry) {
  if (entry.is_zeroes()) return POWERCUT_TRY(payload_is_zero(reader, entry));
  if (!entry.extension || !entry.extension->payload_hash) return std::nullopt;
  PayloadHasher hasher;
  std::vector<std::byte> buffer(std::min<ByteCount>(entry.payload_bytes(), kHashPiece));
  for (ByteCount from = 0; from < entry.payload_bytes(); from += buffer.size()) {
    const auto piece = MutableBytes(buffer).first(
        std::min<ByteCount>(buffer.size(), entry.payload_bytes() - from));
    POWERCUT_TRY_STATUS(reader.read_payload(entry, from, piece));
    hasher.add(piece);
  }
  return hasher.digest() == *entry.extension->payload_hash;
}

}  // namespace powercut::log
