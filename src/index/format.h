// SPDX-License-Identifier: Apache-2.0
// The sidecar index LOG.idx on disk. This header and docs/index-format.md say the same and are
// changed together; no other file knows an offset.
//
//   IndexHeaderDisk
//   segment, its hashes; segment, its hashes; ...     each begins at a multiple of
//                                                     kSegmentAlignment
//   SegmentDisk for each segment
//
// A segment covers a run of entries and holds, one behind the other, each aligned to 8 bytes:
//   EntryDisk        nr_entries      what each entry is, and where
//   LargeEntryDisk   nr_large        those whose numbers do not fit an EntryDisk, by rising entry
//   NodeDisk         nr_nodes        by rising key
//   Le32             nr_full         entries that cover a node wholly
//   Le32             nr_partial      entries that touch a part of a leaf, and where (kPlaceBits)
//   CheckpointDisk   nr_checkpoints  of leaves
//   RunDisk          nr_runs         of checkpoints
//   Le32             nr_flushes      entries that are flushes
//   Le32             nr_pending      entries that held the place of a flush
//   MarkDisk         nr_marks
//   char             text_bytes      of the marks
// Entries are numbered from the segment's first. Behind a segment, at a multiple of 8, stands one
// XXH3-64 for each block of kBlockSize bytes of it, so that what is looked at can be checked
// without reading the rest.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/endian.h"

namespace powercut::index {

inline constexpr std::uint64_t kIndexMagic = 0x3178646974756370;  // "pcutidx1"
inline constexpr std::uint32_t kIndexVersion = 2;
inline constexpr std::size_t kBlockSize = 4 * 1024;
// Segments are mapped: the largest page that there is.
inline constexpr std::size_t kSegmentAlignment = 64 * 1024;

// A leaf is so many bytes of the device, or one sector if that is more. A node of the level above
// covers so many of those below: few enough that an odd range does not need hundreds.
inline constexpr std::uint64_t kLeafBytes = 1024 * 1024;
inline constexpr unsigned kFanOutBits = 4;
inline constexpr unsigned kMaxLevel = 11;  // one node of it covers 2^64 bytes

// In a partial list an entry stands as entry << kPlaceBits | first << kMoreBits | more: the leaf being
// cut into kPlaces equal pieces (or sectors, if it has fewer), what the entry wrote of it begins in
// piece `first` and ends in piece first + more; or, if `more` is the greatest, in that or a later one.
inline constexpr unsigned kPlaceBits = 10;
inline constexpr unsigned kMoreBits = 4;
inline constexpr unsigned kPlaces = 64;

struct IndexHeaderDisk {
  Le64 magic;
  Le32 version;
  Le32 sector_size;           // of the log
  std::uint8_t log_uuid[16];  // zero: a log without extension
  Le64 nr_entries;            // that are indexed
  Le64 log_end_offset;        // behind the last of them
  Le64 sample_hash;           // XXH3-64 of sampled header sectors of the log
  Le64 log_mtime_ns;          // of a log without extension: when it was last written, ...
  Le64 log_file_bytes;        // ... and how long it was; otherwise zero
  Le64 nr_segments;
  Le64 table_offset;  // of the SegmentDisks, in bytes
  Le64 table_hash;    // XXH3-64 of them
  Le64 header_hash;   // XXH3-64 of the above
};

struct SegmentDisk {
  Le64 segment_offset;  // in bytes
  Le64 first_entry;
  Le64 nr_entries;
  Le64 nr_large;
  Le64 nr_nodes;
  Le64 nr_full;
  Le64 nr_partial;
  Le64 nr_checkpoints;
  Le64 nr_runs;
  Le64 nr_flushes;
  Le64 nr_pending;
  Le64 nr_marks;
  Le64 text_bytes;
  Le64 max_level;                // of its nodes
  Le64 least_device_size_bytes;  // that holds every entry
};

// Bits of EntryDisk::kind, besides log::Flag in the low five.
inline constexpr std::uint8_t kKindZeroes = 32;   // reads as zeroes: a discard, or write zeroes
inline constexpr std::uint8_t kKindPending = 64;  // holds the place of a flush
inline constexpr std::uint8_t kKindLarge = 128;   // see its LargeEntryDisk

// A number of `count` bytes, the least significant first.
inline std::uint64_t unpack(const std::uint8_t* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

struct EntryDisk {
  std::uint8_t log_sector[5];  // of its header, in the log
  std::uint8_t sector[5];
  std::uint8_t nr_sectors[3];
  std::uint8_t kind;
};

struct LargeEntryDisk {
  Le64 entry;
  Le64 log_sector;
  Le64 sector;
  Le64 nr_sectors;
};

// Covers the leaves from number << (level * kFanOutBits) to (number + 1) << (level * kFanOutBits).
struct NodeDisk {
  Le64 key;         // level << 56 | number
  Le32 full;        // where its lists begin; they end where the next node's begin
  Le32 partial;     // has anything for leaves only
  Le32 checkpoint;  // likewise
};

// What the partial entries up to some place in a leaf's list had made of it.
struct CheckpointDisk {
  Le32 position;  // in nr_partial, of the first entry that is not in it
  Le32 run;       // where its runs begin; they end where the next checkpoint's begin
};

struct RunDisk {
  Le16 begin;  // sector within the leaf; a run ends where the next begins, or the leaf
  Le32 entry;  // kNoEntry: none
};
inline constexpr std::uint32_t kNoEntry = ~std::uint32_t{0};

struct MarkDisk {
  Le32 entry;
  Le32 text;  // offset; it ends where the next begins
};

static_assert(sizeof(IndexHeaderDisk) == 104);
static_assert(offsetof(IndexHeaderDisk, version) == 8);
static_assert(offsetof(IndexHeaderDisk, sector_size) == 12);
static_assert(offsetof(IndexHeaderDisk, log_uuid) == 16);
static_assert(offsetof(IndexHeaderDisk, nr_entries) == 32);
static_assert(offsetof(IndexHeaderDisk, log_end_offset) == 40);
static_assert(offsetof(IndexHeaderDisk, sample_hash) == 48);
static_assert(offsetof(IndexHeaderDisk, log_mtime_ns) == 56);
static_assert(offsetof(IndexHeaderDisk, log_file_bytes) == 64);
static_assert(offsetof(IndexHeaderDisk, nr_segments) == 72);
static_assert(offsetof(IndexHeaderDisk, table_offset) == 80);
static_assert(offsetof(IndexHeaderDisk, table_hash) == 88);
static_assert(offsetof(IndexHeaderDisk, header_hash) == 96);

static_assert(sizeof(SegmentDisk) == 120);
static_assert(offsetof(SegmentDisk, first_entry) == 8);
static_assert(offsetof(SegmentDisk, nr_entries) == 16);
static_assert(offsetof(SegmentDisk, nr_large) == 24);
static_assert(offsetof(SegmentDisk, nr_nodes) == 32);
static_assert(offsetof(SegmentDisk, nr_full) == 40);
static_assert(offsetof(SegmentDisk, nr_partial) == 48);
static_assert(offsetof(SegmentDisk, nr_checkpoints) == 56);
static_assert(offsetof(SegmentDisk, nr_runs) == 64);
static_assert(offsetof(SegmentDisk, nr_flushes) == 72);
static_assert(offsetof(SegmentDisk, nr_pending) == 80);
static_assert(offsetof(SegmentDisk, nr_marks) == 88);
static_assert(offsetof(SegmentDisk, text_bytes) == 96);
static_assert(offsetof(SegmentDisk, max_level) == 104);
static_assert(offsetof(SegmentDisk, least_device_size_bytes) == 112);

static_assert(sizeof(EntryDisk) == 14 && alignof(EntryDisk) == 1);
static_assert(offsetof(EntryDisk, sector) == 5);
static_assert(offsetof(EntryDisk, nr_sectors) == 10);
static_assert(offsetof(EntryDisk, kind) == 13);
static_assert(sizeof(LargeEntryDisk) == 32);
static_assert(offsetof(LargeEntryDisk, log_sector) == 8);
static_assert(offsetof(LargeEntryDisk, sector) == 16);
static_assert(offsetof(LargeEntryDisk, nr_sectors) == 24);
static_assert(sizeof(NodeDisk) == 20);
static_assert(offsetof(NodeDisk, full) == 8);
static_assert(offsetof(NodeDisk, partial) == 12);
static_assert(offsetof(NodeDisk, checkpoint) == 16);
static_assert(sizeof(CheckpointDisk) == 8);
static_assert(offsetof(CheckpointDisk, run) == 4);
static_assert(sizeof(RunDisk) == 6);
static_assert(offsetof(RunDisk, entry) == 2);
static_assert(sizeof(MarkDisk) == 8);
static_assert(offsetof(MarkDisk, text) == 4);

}  // namespace powercut::index
