// SPDX-License-Identifier: Apache-2.0
// The cache of verdicts on disk. This header and docs/pruning.md say the same and are changed
// together; no other file knows an offset.
//
//   CacheHeaderDisk
//   RecordHeaderDisk, its body; RecordHeaderDisk, its body; ...
//
// A body is a RunDisk, the texts that it gives the lengths of, and its reads, one ReadDisk each.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/endian.h"

namespace powercut::explore {

inline constexpr std::uint64_t kCacheMagic = 0x3168636376747063;  // "cptvcch1"
inline constexpr std::uint64_t kCacheVersion = 1;

struct CacheHeaderDisk {
  Le64 magic;
  Le64 version;
};
static_assert(sizeof(CacheHeaderDisk) == 16);

struct RecordHeaderDisk {
  Le64 body_bytes;
  Le64 checksum;  // XXH3-128's lower half, of the body
};
static_assert(sizeof(RecordHeaderDisk) == 16);

struct HashDisk {
  Le64 low;
  Le64 high;
};
static_assert(sizeof(HashDisk) == 16);

struct RunDisk {
  HashDisk key;     // checker, and what of the device is the same in all states
  HashDisk marks;   // what the checker was told of marks
  Le32 outcome;     // check::Outcome, by its place there
  Le32 code;        // two's complement
  Le32 step_bytes;  // lengths of the texts
  Le32 output_bytes;
  Le32 step_output_bytes;
  Le32 nr_reads;
};
static_assert(sizeof(RunDisk) == 56);

struct ReadDisk {
  Le64 block;  // of check::kObservedBlockBytes
  HashDisk content;
};
static_assert(sizeof(ReadDisk) == 24);

}  // namespace powercut::explore
