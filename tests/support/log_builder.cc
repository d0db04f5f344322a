// SPDX-License-Identifier: Apache-2.0
#include "support/log_builder.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "base/check.h"
#include "log/codec.h"

namespace powercut::test {
namespace {

constexpr char kZeroSector = '.';

std::vector<std::byte> sectors_of(std::string_view text, std::uint32_t sector_size) {
  std::vector<std::byte> bytes;
  for (const char c : text)
    bytes.insert(bytes.end(), sector_size, c == kZeroSector ? std::byte{0} : std::byte(c));
  return bytes;
}

}  // namespace

LogBuilder::LogBuilder(std::uint32_t sector_size, std::optional<log::SuperBlockExtension> extension)
    : bytes_(sector_size) {
  super_block_.sector_size = sector_size;
  super_block_.extension = std::move(extension);
}

LogBuilder& LogBuilder::ticks(Tick submit, Tick complete) {
  next_ticks_ = {submit, complete};
  return *this;
}

LogBuilder& LogBuilder::write(Sector sector, std::string_view text, std::uint64_t flags) {
  return write_bytes(sector, sectors_of(text, sector_size()), flags);
}

LogBuilder& LogBuilder::write_bytes(Sector sector, ConstBytes payload, std::uint64_t flags) {
  POWERCUT_CHECK(payload.size() % sector_size() == 0);
  log::Entry entry;
  entry.sector = sector;
  entry.nr_sectors = payload.size() / sector_size();
  entry.flags = flags;
  return add(std::move(entry), log::Operation::kWrite, payload,
             {sector * sector_size(), {payload.begin(), payload.end()}});
}

LogBuilder& LogBuilder::zeroes(Sector sector, std::uint64_t nr_sectors, std::uint64_t flags) {
  log::Entry entry;
  entry.sector = sector;
  entry.nr_sectors = nr_sectors;
  entry.flags = flags;
  const std::vector<std::byte> payload(nr_sectors * sector_size());
  return add(std::move(entry), log::Operation::kZeroes, payload, {sector * sector_size(), payload});
}

LogBuilder& LogBuilder::discard(Sector sector, std::uint64_t nr_sectors, std::uint64_t flags) {
  log::Entry entry;
  entry.sector = sector;
  entry.nr_sectors = nr_sectors;
  entry.flags = flags | log::kFlagDiscard;
  return add(std::move(entry), log::Operation::kDiscard, {},
             {sector * sector_size(), std::vector<std::byte>(nr_sectors * sector_size()), true});
}

LogBuilder& LogBuilder::flush(std::uint64_t flags) {
  log::Entry entry;
  entry.flags = flags | log::kFlagFlush;
  return add(std::move(entry), log::Operation::kFlush, {}, {});
}

LogBuilder& LogBuilder::mark(std::string_view name) {
  log::Entry entry;
  entry.flags = log::kFlagMark;
  entry.mark = name;
  return add(std::move(entry), log::Operation::kMark, {}, {});
}

LogBuilder& LogBuilder::entry(log::Entry entry, ConstBytes payload) {
  const ByteOffset offset = entry.sector * sector_size();
  const auto operation = entry.extension ? entry.extension->operation : log::Operation::kUnknown;
  return add(std::move(entry), operation, payload, {offset, {payload.begin(), payload.end()}});
}

LogBuilder& LogBuilder::add(log::Entry entry, log::Operation operation, ConstBytes payload,
                            Effect effect) {
  entry.index = effects_.size();
  entry.log_offset = bytes_.size();
  entry.sector_size = sector_size();
  if (super_block_.extension) {
    const auto [submit, complete] = next_ticks_.value_or(std::pair{next_tick_, next_tick_ + 1});
    next_tick_ = std::max(next_tick_, complete + 1);
    entry.extension = log::EntryExtension{
        .operation = operation,
        .log_id = log::log_id_of(super_block_.extension->uuid),
        .entry_index = entry.index,
        .submit_tick = submit,
        .complete_tick = complete,
        .wall_time_ns = complete * 1000,
        .payload_hash = payload.empty() ? std::nullopt : std::optional(log::payload_hash(payload)),
    };
  }
  next_ticks_.reset();
  std::vector<std::byte> header(sector_size());
  log::encode_entry(entry, header);
  bytes_.insert(bytes_.end(), header.begin(), header.end());
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  effects_.push_back(std::move(effect));
  return *this;
}

LogBuilder& LogBuilder::count(std::uint64_t nr_entries) {
  count_ = nr_entries;
  return *this;
}

LogBuilder& LogBuilder::raw(ConstBytes bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return *this;
}

std::vector<std::byte> LogBuilder::bytes() const {
  log::SuperBlock super_block = super_block_;
  super_block.nr_entries = count_.value_or(nr_entries());
  std::vector<std::byte> bytes = bytes_;
  log::encode_super_block(super_block, MutableBytes(bytes).first(sector_size()));
  return bytes;
}

std::unique_ptr<MemoryFile> LogBuilder::file(std::string name) const {
  return std::make_unique<MemoryFile>(std::move(name), bytes());
}

void LogBuilder::write_to(const std::string& path) const {
  const std::vector<std::byte> content = bytes();
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
  if (!stream.flush()) throw std::runtime_error("cannot write " + path);
}

std::vector<std::byte> LogBuilder::image_after(std::uint64_t nr_entries,
                                               std::vector<std::byte> initial,
                                               bool with_discards) const {
  POWERCUT_CHECK(nr_entries <= effects_.size());
  for (std::uint64_t i = 0; i < nr_entries; ++i) {
    const Effect& effect = effects_[i];
    if (effect.is_discard && !with_discards) continue;
    POWERCUT_CHECK(effect.offset + effect.bytes.size() <= initial.size());
    std::copy(effect.bytes.begin(), effect.bytes.end(),
              initial.begin() + static_cast<std::ptrdiff_t>(effect.offset));
  }
  return initial;
}

log::SuperBlockExtension test_extension(ByteCount device_size_bytes) {
  log::SuperBlockExtension extension;
  for (std::size_t i = 0; i < extension.uuid.size(); ++i)
    extension.uuid[i] = static_cast<std::uint8_t>(0xa0 + i);
  extension.device_size_bytes = device_size_bytes;
  extension.initial_content = log::InitialContent::kZero;
  return extension;
}

std::string sketch(ConstBytes image, std::uint32_t sector_size) {
  std::string text;
  for (std::size_t at = 0; at < image.size(); at += sector_size) {
    const ConstBytes sector =
        image.subspan(at, std::min<std::size_t>(sector_size, image.size() - at));
    const std::byte first = sector.front();
    const bool uniform =
        std::all_of(sector.begin(), sector.end(), [&](std::byte b) { return b == first; });
    const auto value = std::to_integer<unsigned char>(first);
    const bool printable = value > ' ' && value < 0x7f && value != kZeroSector && value != '?';
    text += !uniform ? '?' : value == 0 ? kZeroSector : printable ? static_cast<char>(value) : '?';
  }
  return text;
}

}  // namespace powercut::test
