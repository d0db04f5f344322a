// SPDX-License-Identifier: Apache-2.0
// A log's super block and entries as plain data, decoded.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/units.h"
#include "io/file.h"
#include "log/format.h"

namespace powercut::log {

using Uuid = std::array<std::uint8_t, 16>;

[[nodiscard]] std::string to_string(const Uuid& uuid);
// Random (version 4).
[[nodiscard]] Result<Uuid> make_uuid();
// What an entry's extension carries of it.
[[nodiscard]] std::uint64_t log_id_of(const Uuid& uuid);

struct SuperBlockExtension {
  Uuid uuid = {};
  ByteCount device_size_bytes = 0;
  std::uint64_t creation_time_ns = 0;
  InitialContent initial_content = InitialContent::kUnknown;
  std::string origin_path;
  // on-log-error=stop: recording ended in front of this entry because of this errno (0: it did
  // not).
  EntryIndex stopped_at_entry = 0;
  std::uint32_t stopped_errno = 0;

  friend bool operator==(const SuperBlockExtension&, const SuperBlockExtension&) = default;
};

struct SuperBlock {
  std::uint64_t nr_entries = 0;
  std::uint32_t sector_size = kDefaultSectorSize;
  std::optional<SuperBlockExtension> extension;
  // There is something with the extension's magic, but its hash or version is not right.
  bool extension_damaged = false;
};

struct EntryExtension {
  Operation operation = Operation::kUnknown;
  std::uint64_t log_id = 0;
  EntryIndex entry_index = 0;
  Tick submit_tick = 0;
  Tick complete_tick = 0;
  std::uint64_t wall_time_ns = 0;
  std::optional<std::uint64_t> payload_hash;

  friend bool operator==(const EntryExtension&, const EntryExtension&) = default;
};

struct Entry {
  EntryIndex index = 0;
  ByteOffset log_offset = 0;  // of the header sector, in the log
  std::uint32_t sector_size = kDefaultSectorSize;

  Sector sector = 0;
  std::uint64_t nr_sectors = 0;
  std::uint64_t flags = 0;
  std::uint64_t data_len = 0;
  std::string mark;  // a mark's text, without the terminating zero
  std::optional<EntryExtension> extension;
  bool extension_damaged = false;

  [[nodiscard]] bool is_flush() const { return (flags & kFlagFlush) != 0; }
  [[nodiscard]] bool is_fua() const { return (flags & kFlagFua) != 0; }
  [[nodiscard]] bool is_discard() const { return (flags & kFlagDiscard) != 0; }
  [[nodiscard]] bool is_mark() const { return (flags & kFlagMark) != 0; }
  // It holds the place of a flush whose outcome is not known, and may become that flush.
  [[nodiscard]] bool is_pending_flush() const {
    return is_mark() && (extension ? extension->operation == Operation::kFlushPending
                                   : mark == kFlushPendingText);
  }
  // The payload is known to be all zero without reading it.
  [[nodiscard]] bool is_zeroes() const {
    return extension && (extension->operation == Operation::kZeroes ||
                         extension->operation == Operation::kZeroesUnmap);
  }

  // Where it takes effect on the device, in bytes. The reader has checked that nothing here
  // overflows.
  [[nodiscard]] ByteRange device_range() const {
    return {sector * sector_size, (sector + nr_sectors) * sector_size};
  }
  [[nodiscard]] ByteOffset payload_offset() const { return log_offset + sector_size; }
  [[nodiscard]] ByteCount payload_bytes() const {
    return is_discard() ? 0 : nr_sectors * sector_size;
  }
  [[nodiscard]] ByteOffset end_offset() const { return payload_offset() + payload_bytes(); }
};

// "write", "zeroes", "discard", "flush", "mark", "none" (an entry that writes nothing).
[[nodiscard]] const char* kind_name(const Entry& entry);

}  // namespace powercut::log
