// SPDX-License-Identifier: Apache-2.0
#include "log/codec.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>  // the same functions, by the widest vectors that the processor has
#endif

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace powercut::log {
namespace {

template <typename T>
T load(ConstBytes bytes, std::size_t offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <typename T>
void store(MutableBytes bytes, std::size_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

std::uint64_t hash_of(ConstBytes bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

bool is_all_zero(ConstBytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// Stores an extension at the sector's end, with the hash of all before it as its last field.
template <typename Extension>
void store_extension(MutableBytes sector, const Extension& extension) {
  store(sector, sector.size() - sizeof extension, extension);
  const std::size_t hash_offset = sector.size() - sizeof(Le64);
  store(sector, hash_offset, Le64(hash_of(sector.first(hash_offset))));
}

bool extension_hash_is_right(ConstBytes sector) {
  const std::size_t hash_offset = sector.size() - sizeof(Le64);
  return load<Le64>(sector, hash_offset) == hash_of(sector.first(hash_offset));
}

void load_super_block_extension(ConstBytes sector, SuperBlock& super_block) {
  const auto disk =
      load<SuperBlockExtensionDisk>(sector, sector.size() - sizeof(SuperBlockExtensionDisk));
  if (disk.magic != kSuperBlockExtensionMagic) return;
  if (disk.version != kExtensionVersion || !extension_hash_is_right(sector)) {
    super_block.extension_damaged = true;
    return;
  }
  SuperBlockExtension extension;
  std::copy(std::begin(disk.uuid), std::end(disk.uuid), extension.uuid.begin());
  extension.device_size_bytes = disk.device_size_bytes;
  extension.creation_time_ns = disk.creation_time_ns;
  extension.initial_content =
      disk.initial_content <= static_cast<std::uint8_t>(InitialContent::kImage)
          ? static_cast<InitialContent>(disk.initial_content)
          : InitialContent::kUnknown;
  // The last byte is its terminator's.
  extension.origin_path.assign(disk.origin_path, strnlen(disk.origin_path, kOriginPathSize - 1));
  extension.stopped_at_entry = disk.stopped_at_entry;
  extension.stopped_errno = disk.stopped_errno;
  super_block.extension = std::move(extension);
}

SuperBlockExtensionDisk to_disk(const SuperBlockExtension& extension) {
  SuperBlockExtensionDisk disk = {};
  disk.magic = kSuperBlockExtensionMagic;
  disk.version = kExtensionVersion;
  disk.initial_content = static_cast<std::uint8_t>(extension.initial_content);
  std::copy(extension.uuid.begin(), extension.uuid.end(), std::begin(disk.uuid));
  disk.device_size_bytes = extension.device_size_bytes;
  disk.creation_time_ns = extension.creation_time_ns;
  disk.stopped_at_entry = extension.stopped_at_entry;
  disk.stopped_errno = extension.stopped_errno;
  const std::size_t length = std::min(extension.origin_path.size(), kOriginPathSize - 1);
  std::memcpy(disk.origin_path, extension.origin_path.data(), length);
  return disk;
}

void load_entry_extension(ConstBytes sector, Entry& entry) {
  const auto disk = load<EntryExtensionDisk>(sector, sector.size() - sizeof(EntryExtensionDisk));
  if (disk.magic != kEntryExtensionMagic) return;
  if (disk.version != kExtensionVersion || !extension_hash_is_right(sector)) {
    entry.extension_damaged = true;
    return;
  }
  EntryExtension extension;
  extension.operation = disk.operation <= static_cast<std::uint8_t>(Operation::kFlushFailed)
                            ? static_cast<Operation>(disk.operation)
                            : Operation::kUnknown;
  extension.log_id = disk.log_id;
  extension.entry_index = disk.entry_index;
  extension.submit_tick = disk.submit_tick;
  extension.complete_tick = disk.complete_tick;
  extension.wall_time_ns = disk.wall_time_ns;
  if (disk.has_payload_hash != 0) extension.payload_hash = disk.payload_hash;
  entry.extension = extension;
}

EntryExtensionDisk to_disk(const EntryExtension& extension) {
  EntryExtensionDisk disk = {};
  disk.magic = kEntryExtensionMagic;
  disk.version = kExtensionVersion;
  disk.operation = static_cast<std::uint8_t>(extension.operation);
  disk.has_payload_hash = extension.payload_hash ? 1 : 0;
  disk.log_id = extension.log_id;
  disk.entry_index = extension.entry_index;
  disk.submit_tick = extension.submit_tick;
  disk.complete_tick = extension.complete_tick;
  disk.wall_time_ns = extension.wall_time_ns;
  disk.payload_hash = extension.payload_hash.value_or(0);
  return disk;
}

Unexpected bad_entry(EntryIndex index, ByteOffset log_offset, std::string_view what) {
  return bad_input(fmt::format("entry {} at byte {} {}", index, log_offset, what));
}

// A mark's text ends at its zero, or where data_len says.
Result<std::string> decode_mark(ConstBytes sector, const Entry& entry) {
  const ConstBytes room = sector.subspan(sizeof(EntryHeaderDisk));
  if (entry.data_len > room.size()) {
    return bad_entry(
        entry.index, entry.log_offset,
        fmt::format("is a mark of {} bytes, more than its sector holds", entry.data_len));
  }
  const auto* text = reinterpret_cast<const char*>(room.data());
  return std::string(text, strnlen(text, entry.data_len));
}

}  // namespace

std::string to_string(const Uuid& uuid) {
  std::string text;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", uuid[i]);
  }
  return text;
}

Result<Uuid> make_uuid() {
  Uuid uuid;
  if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size())) {
    return os_error("cannot get random bytes for a UUID");
  }
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

std::uint64_t log_id_of(const Uuid& uuid) {
  Le64 id;
  std::memcpy(&id, uuid.data(), sizeof id);
  return id;
}

const char* kind_name(const Entry& entry) {
  if (entry.is_mark()) return "mark";
  if (entry.is_discard()) return "discard";
  if (entry.nr_sectors > 0) return entry.is_zeroes() ? "zeroes" : "write";
  return entry.is_flush() ? "flush" : "none";
}

Status check_sector_size(std::uint64_t sector_size) {
  if (sector_size < kMinSectorSize || sector_size > kMaxSectorSize ||
      !is_power_of_two(sector_size)) {
    return bad_input(fmt::format("sector size {} is not a power of two from {} to {}", sector_size,
                                 kMinSectorSize, kMaxSectorSize));
  }
  return {};
}

void encode_super_block(const SuperBlock& super_block, MutableBytes sector) {
  POWERCUT_CHECK(check_sector_size(super_block.sector_size));
  POWERCUT_CHECK(sector.size() == super_block.sector_size);
  std::fill(sector.begin(), sector.end(), std::byte{0});
  const SuperBlockDisk disk{kMagic, kVersion, super_block.nr_entries, super_block.sector_size};
  store(sector, 0, disk);
  if (super_block.extension) {
    POWERCUT_CHECK(sector.size() >= kMinSectorSizeForExtension);
    store_extension(sector, to_disk(*super_block.extension));
  }
}

Result<SuperBlock> decode_super_block(ConstBytes bytes) {
  if (bytes.size() < sizeof(SuperBlockDisk)) {
    return bad_input(
        fmt::format("not a log: {} bytes are too few for a super block", bytes.size()));
  }
  const auto disk = load<SuperBlockDisk>(bytes, 0);
  if (disk.magic != kMagic) {
    return bad_input(fmt::format("not a log: the magic number is {:#x}, a log has {:#x}",
                                 disk.magic.value(), kMagic));
  }
  if (disk.version != kVersion) {
    return bad_input(fmt::format("a log of version {}; only version {} is known",
                                 disk.version.value(), kVersion));
  }
  POWERCUT_TRY_STATUS(check_sector_size(disk.sector_size));
  SuperBlock super_block;
  super_block.nr_entries = disk.nr_entries;
  super_block.sector_size = disk.sector_size;
  if (super_block.sector_size >= kMinSectorSizeForExtension &&
      bytes.size() >= super_block.sector_size) {
    load_super_block_extension(bytes.first(super_block.sector_size), super_block);
  }
  return super_block;
}

void encode_entry(const Entry& entry, MutableBytes sector) {
  POWERCUT_CHECK(sector.size() == entry.sector_size);
  // xfstests' reader takes either for the end of the log.
  POWERCUT_CHECK(entry.sector != 0 || entry.nr_sectors != 0 || entry.flags != 0);
  std::fill(sector.begin(), sector.end(), std::byte{0});
  EntryHeaderDisk disk{entry.sector, entry.nr_sectors, entry.flags, 0};
  if (entry.is_mark()) {
    const std::size_t length = std::min<std::size_t>(
        entry.mark.size(), max_mark_bytes(entry.sector_size, entry.extension.has_value()));
    disk.data_len = length;
    if (length > 0) std::memcpy(sector.data() + sizeof disk, entry.mark.data(), length);
  }
  store(sector, 0, disk);
  if (entry.extension) {
    POWERCUT_CHECK(sector.size() >= kMinSectorSizeForExtension);
    store_extension(sector, to_disk(*entry.extension));
  }
}

Result<Entry> decode_entry(ConstBytes sector, EntryIndex index, ByteOffset log_offset) {
  POWERCUT_CHECK(sector.size() >= kMinSectorSize);
  const auto disk = load<EntryHeaderDisk>(sector, 0);
  Entry entry;
  entry.index = index;
  entry.log_offset = log_offset;
  entry.sector_size = static_cast<std::uint32_t>(sector.size());
  entry.sector = disk.sector;
  entry.nr_sectors = disk.nr_sectors;
  entry.flags = disk.flags;
  entry.data_len = disk.data_len;

  if (is_all_zero(sector.first(sizeof disk)))
    return bad_entry(index, log_offset, "has an all-zero header");
  if ((entry.flags & ~std::uint64_t{kKnownFlags}) != 0) {
    return bad_entry(index, log_offset, fmt::format("has unknown flags {:#x}", entry.flags));
  }
  const auto end_sector = checked_add(entry.sector, entry.nr_sectors);
  // The log offset must not overflow either: header, payload and offset together.
  const auto payload = checked_multiply(entry.nr_sectors, entry.sector_size);
  const auto log_end =
      payload ? checked_add(*payload, log_offset + entry.sector_size) : std::nullopt;
  if (!end_sector || !checked_multiply(*end_sector, entry.sector_size) || !log_end) {
    return bad_entry(index, log_offset,
                     fmt::format("has an impossible range: {} sectors at sector {}",
                                 entry.nr_sectors, entry.sector));
  }
  if (entry.is_mark()) entry.mark = POWERCUT_TRY(decode_mark(sector, entry));
  if (sector.size() >= kMinSectorSizeForExtension) load_entry_extension(sector, entry);
  return entry;
}

std::uint32_t max_mark_bytes(std::uint32_t sector_size, bool with_extension) {
  const std::size_t taken =
      sizeof(EntryHeaderDisk) + 1 + (with_extension ? sizeof(EntryExtensionDisk) : 0);
  return sector_size > taken ? static_cast<std::uint32_t>(sector_size - taken) : 0;
}

std::uint64_t payload_hash(ConstBytes payload) {
  return hash_of(payload);
}

struct PayloadHasher::State {
  XXH3_state_t* xxh = XXH3_createState();
};

PayloadHasher::PayloadHasher() : state_(std::make_unique<State>()) {
  POWERCUT_CHECK(state_->xxh != nullptr);
  XXH3_64bits_reset(state_->xxh);
}
PayloadHasher::~PayloadHasher() {
  XXH3_freeState(state_->xxh);
}

void PayloadHasher::add(ConstBytes piece) {
  XXH3_64bits_update(state_->xxh, piece.data(), piece.size());
}

std::uint64_t PayloadHasher::digest() const {
  return XXH3_64bits_digest(state_->xxh);
}

}  // namespace powercut::log
