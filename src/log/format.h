// SPDX-License-Identifier: Apache-2.0
// The log on disk: dm-log-writes version 1, and powercut's extension of it. This header and
// docs/log-format.md say the same and are changed together; no other file knows an offset.
//
//   sector 0                 SuperBlockDisk, zeroes, SuperBlockExtensionDisk at the sector's end
//   then nr_entries times:
//     one sector             EntryHeaderDisk, a mark's text, zeroes, EntryExtensionDisk at the
//     sector's end nr_sectors sectors     the payload; absent for a discard
//
// A sector is sector_size bytes. All integers are little-endian. The first 32 bytes of each
// structure are the kernel's (Documentation/admin-guide/device-mapper/log-writes.rst, include in
// drivers/md/ dm-log-writes.c); other readers ignore what stands behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/endian.h"

namespace powercut::log {

inline constexpr std::uint64_t kMagic = 0x6a736677736872;
inline constexpr std::uint64_t kVersion = 1;

// A header and its text have to fit; the upper bound is the one that QEMU's driver has.
inline constexpr std::uint32_t kMinSectorSize = 32;
inline constexpr std::uint32_t kMaxSectorSize = 1u << 23;  // the greatest power of two below 2^24
inline constexpr std::uint32_t kDefaultSectorSize = 512;
// The extension needs room beside the structure and a mark's text.
inline constexpr std::uint32_t kMinSectorSizeForExtension = 512;

enum Flag : std::uint64_t {
  kFlagFlush = 1,
  kFlagFua = 2,
  kFlagDiscard = 4,
  kFlagMark = 8,
  kFlagMetadata = 16,  // newer kernels: the request carried REQ_META
  kKnownFlags = 31,
};

struct SuperBlockDisk {
  Le64 magic;
  Le64 version;
  Le64 nr_entries;
  Le32 sector_size;
};

struct EntryHeaderDisk {
  Le64 sector;      // in units of sector_size
  Le64 nr_sectors;  // likewise; 0 for a flush or mark
  Le64 flags;
  Le64 data_len;  // of a mark: bytes of text behind this header
};

// What the client asked for: the flags alone do not tell zeroes from a write.
enum class Operation : std::uint8_t {
  kUnknown = 0,
  kWrite = 1,
  kZeroes = 2,
  kZeroesUnmap = 3,
  kDiscard = 4,
  kFlush = 5,
  kMark = 6,
  // A mark that holds the place of a flush whose outcome is not known, or that failed.
  kFlushPending = 7,
  kFlushFailed = 8,
};

// The text of the mark that holds the place of a flush: what tells it in a log without extensions.
inline constexpr std::string_view kFlushPendingText = "powercut: flush pending";

inline constexpr std::uint64_t kEntryExtensionMagic = 0x3174786574756370;       // "pcutext1"
inline constexpr std::uint64_t kSuperBlockExtensionMagic = 0x3170757374756370;  // "pcutsup1"
inline constexpr std::uint16_t kExtensionVersion = 1;

// The last 96 bytes of an entry's header sector.
struct EntryExtensionDisk {
  Le64 magic;
  Le16 version;
  std::uint8_t operation;  // Operation
  std::uint8_t has_payload_hash;
  Le32 reserved;
  Le64
      log_id;  // the first 8 bytes of the super block's UUID: an entry of another log is told apart
  Le64 entry_index;  // and so is one that was left over at another place
  Le64 submit_tick;  // 0: not known
  Le64 complete_tick;
  Le64 wall_time_ns;  // since the epoch, at completion
  Le64 payload_hash;  // XXH3-64 of the payload
  std::uint8_t reserved_2[24];
  Le64 header_hash;  // XXH3-64 of the header sector up to here
};

inline constexpr std::size_t kOriginPathSize = 256;

// What the device held before the first entry.
enum class InitialContent : std::uint8_t { kUnknown = 0, kZero = 1, kImage = 2 };

// The last 384 bytes of sector 0.
struct SuperBlockExtensionDisk {
  Le64 magic;
  Le16 version;
  std::uint8_t initial_content;  // InitialContent
  std::uint8_t reserved[5];
  std::uint8_t uuid[16];
  Le64 device_size_bytes;
  Le64 creation_time_ns;  // since the epoch
  Le64 stopped_at_entry;  // recording stopped in front of this entry (on-log-error=stop) ...
  Le32 stopped_errno;     // ... because of this error; 0: it did not stop
  Le32 reserved_2;
  char origin_path[kOriginPathSize];  // of the recorded file, zero-terminated, cut to fit
  std::uint8_t reserved_3[56];
  Le64 sector_hash;  // XXH3-64 of the sector up to here
};

// No padding, every offset as written above.
static_assert(sizeof(SuperBlockDisk) == 28 && alignof(SuperBlockDisk) == 1);
static_assert(offsetof(SuperBlockDisk, version) == 8);
static_assert(offsetof(SuperBlockDisk, nr_entries) == 16);
static_assert(offsetof(SuperBlockDisk, sector_size) == 24);

static_assert(sizeof(EntryHeaderDisk) == 32 && alignof(EntryHeaderDisk) == 1);
static_assert(offsetof(EntryHeaderDisk, nr_sectors) == 8);
static_assert(offsetof(EntryHeaderDisk, flags) == 16);
static_assert(offsetof(EntryHeaderDisk, data_len) == 24);

static_assert(sizeof(EntryExtensionDisk) == 96 && alignof(EntryExtensionDisk) == 1);
static_assert(offsetof(EntryExtensionDisk, version) == 8);
static_assert(offsetof(EntryExtensionDisk, operation) == 10);
static_assert(offsetof(EntryExtensionDisk, has_payload_hash) == 11);
static_assert(offsetof(EntryExtensionDisk, reserved) == 12);
static_assert(offsetof(EntryExtensionDisk, log_id) == 16);
static_assert(offsetof(EntryExtensionDisk, entry_index) == 24);
static_assert(offsetof(EntryExtensionDisk, submit_tick) == 32);
static_assert(offsetof(EntryExtensionDisk, complete_tick) == 40);
static_assert(offsetof(EntryExtensionDisk, wall_time_ns) == 48);
static_assert(offsetof(EntryExtensionDisk, payload_hash) == 56);
static_assert(offsetof(EntryExtensionDisk, reserved_2) == 64);
static_assert(offsetof(EntryExtensionDisk, header_hash) == 88);

static_assert(sizeof(SuperBlockExtensionDisk) == 384 && alignof(SuperBlockExtensionDisk) == 1);
static_assert(offsetof(SuperBlockExtensionDisk, version) == 8);
static_assert(offsetof(SuperBlockExtensionDisk, initial_content) == 10);
static_assert(offsetof(SuperBlockExtensionDisk, reserved) == 11);
static_assert(offsetof(SuperBlockExtensionDisk, uuid) == 16);
static_assert(offsetof(SuperBlockExtensionDisk, device_size_bytes) == 32);
static_assert(offsetof(SuperBlockExtensionDisk, creation_time_ns) == 40);
static_assert(offsetof(SuperBlockExtensionDisk, stopped_at_entry) == 48);
static_assert(offsetof(SuperBlockExtensionDisk, stopped_errno) == 56);
static_assert(offsetof(SuperBlockExtensionDisk, reserved_2) == 60);
static_assert(offsetof(SuperBlockExtensionDisk, origin_path) == 64);
static_assert(offsetof(SuperBlockExtensionDisk, reserved_3) == 320);
static_assert(offsetof(SuperBlockExtensionDisk, sector_hash) == 376);

static_assert(sizeof(SuperBlockDisk) + sizeof(SuperBlockExtensionDisk) <=
              kMinSectorSizeForExtension);
static_assert(std::is_trivially_copyable_v<EntryExtensionDisk> &&
              std::is_trivially_copyable_v<SuperBlockExtensionDisk>);

}  // namespace powercut::log
