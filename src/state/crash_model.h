// SPDX-License-Identifier: Apache-2.0
// The rules by which a write survives a power cut, must survive it, or may be lost. One table; what
// it says is in docs/crash-model.md, and both are changed together.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/units.h"
#include "index/segment.h"

namespace powercut::state {

// How much a log tells of what was durable when.
enum class Model {
  kPrefix,  // all that stands in front of the cut, nothing behind it
  kEpoch,   // by position in the log
  kExact,   // by the ticks of submission and completion
};
inline constexpr Model kModels[] = {Model::kPrefix, Model::kEpoch, Model::kExact};

// "prefix", "epoch", "exact"
[[nodiscard]] const char* to_string(Model model);
[[nodiscard]] std::optional<Model> parse_model(std::string_view text);

// What an entry does. The carrier of a FLUSH has data of its own only in logs of other recorders:
// the flush comes first, then the data.
enum class EntryKind {
  kWrite,
  kZeroes,
  kDiscard,
  kFlush,         // without data; FUA, METADATA and a sector may stand with it and mean nothing
  kFlushPending,  // a mark in the place of a flush whose outcome is not known: not a flush
  kMark,          // also that of a flush that failed
  kNothing,       // no FLUSH, and no sectors
};
inline constexpr EntryKind kEntryKinds[] = {
    EntryKind::kWrite,        EntryKind::kZeroes, EntryKind::kDiscard, EntryKind::kFlush,
    EntryKind::kFlushPending, EntryKind::kMark,   EntryKind::kNothing};
[[nodiscard]] EntryKind kind_of(const index::EntrySummary& entry);

// Where an entry stands, as seen from a cut:
//               by position (epoch, prefix)               by ticks (exact), the cut being at T
//   kFlushed    in front of the last FLUSH that stands    completed before the submission of a flush
//               in front of the cut                       that completed by T
//   kDone       behind that, in front of the cut          completed by T
//   kUnderWay   behind the cut, in front of the FLUSH     submitted by T
//               that follows it
//   kLater      behind that FLUSH                         submitted after T
// The first that holds. The data of an entry with FLUSH stand behind that FLUSH.
enum class Standing { kFlushed, kDone, kUnderWay, kLater };
inline constexpr Standing kStandings[] = {Standing::kFlushed, Standing::kDone, Standing::kUnderWay,
                                          Standing::kLater};

// What the cut does to an entry's data.
enum class Fate {
  kNoData,  // there are none
  kMust,    // they have survived: M
  kMay,     // they may have, wholly, in part or not at all: W
  kAbsent,  // they cannot have
};

// A row: for entries that match all of its conditions, of which a missing one matches everything.
struct Rule {
  std::optional<bool> has_data;
  std::optional<bool> is_prefix;
  std::optional<bool> is_fua;
  std::optional<Standing> standing;
  Fate fate;
};
// Exactly one row matches each combination.
[[nodiscard]] std::span<const Rule> crash_rules();
[[nodiscard]] bool matches(const Rule& rule, Model model, EntryKind kind, bool is_fua,
                           Standing standing);
[[nodiscard]] Fate fate_of(Model model, EntryKind kind, bool is_fua, Standing standing);

// What discarded ranges read as.
struct DiscardPolicy {
  enum class Kind { kZeroes, kStale, kRandom };
  Kind kind = Kind::kZeroes;
  std::uint64_t seed = 0;  // of kRandom

  friend bool operator==(const DiscardPolicy&, const DiscardPolicy&) = default;
};

// "zeroes", "stale", "random" (with that seed) or "random:SEED". Errors: kUsage.
[[nodiscard]] Result<DiscardPolicy> parse_discard_policy(std::string_view text,
                                                         std::uint64_t default_seed);

// What a range that was discarded by `entry` reads as under kRandom: the same noise whenever and in
// whatever pieces it is read.
void fill_with_noise(std::uint64_t seed, EntryIndex entry, ByteOffset offset, MutableBytes buffer);

}  // namespace powercut::state
