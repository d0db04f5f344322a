// SPDX-License-Identifier: Apache-2.0
// A segment: the index of a run of a log's entries. Immutable. The idea is told in
// segment_builder.cc.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "index/checked_bytes.h"
#include "index/format.h"
#include "io/file.h"
#include "io/mapped_file.h"
#include "log/entry.h"

namespace powercut::index {

// What the index keeps of an entry.
struct EntrySummary {
  ByteOffset log_offset = 0;  // of its header
  Sector sector = 0;
  std::uint64_t nr_sectors = 0;
  std::uint64_t flags = 0;        // log::Flag
  bool reads_as_zeroes = false;   // a discard, or write zeroes
  bool is_pending_flush = false;  // a mark that holds the place of a flush

  [[nodiscard]] bool is_flush() const { return (flags & log::kFlagFlush) != 0; }
  [[nodiscard]] bool is_fua() const { return (flags & log::kFlagFua) != 0; }
  [[nodiscard]] bool is_discard() const { return (flags & log::kFlagDiscard) != 0; }
  [[nodiscard]] bool is_mark() const { return (flags & log::kFlagMark) != 0; }
  // It changes the device.
  [[nodiscard]] bool writes() const { return nr_sectors > 0 && !is_mark(); }

  friend bool operator==(const EntrySummary&, const EntrySummary&) = default;
};

[[nodiscard]] EntrySummary summary_of(const log::Entry& entry);

struct Mark {
  EntryIndex entry = 0;
  std::string text;
  friend bool operator==(const Mark&, const Mark&) = default;
};

// The newest entry that wrote a piece of the device: [begin, end) in sectors of the device.
struct Piece {
  Sector begin = 0;
  Sector end = 0;
  std::optional<EntryIndex> entry;  // nothing: none of those that were asked for
};

// Where a segment's sections begin, from its start, and how long it is.
struct SegmentLayout {
  std::uint64_t entries = 0;
  std::uint64_t large = 0;
  std::uint64_t nodes = 0;
  std::uint64_t full = 0;
  std::uint64_t partial = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t runs = 0;
  std::uint64_t flushes = 0;
  std::uint64_t pending = 0;
  std::uint64_t marks = 0;
  std::uint64_t text = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t hashes = 0;
  std::uint64_t total_bytes = 0;  // with the hashes
  // Nothing if the numbers do not make sense.
  [[nodiscard]] static std::optional<SegmentLayout> of(const SegmentDisk& disk);
};

// How many sectors a leaf has.
[[nodiscard]] std::uint64_t leaf_sectors(std::uint32_t sector_size);
[[nodiscard]] constexpr std::uint64_t node_key(unsigned level, std::uint64_t number) {
  return std::uint64_t{level} << 56 | number;
}

// Sectors beyond this are none: a byte offset must fit.
[[nodiscard]] constexpr Sector max_sector(std::uint32_t sector_size) {
  return ~std::uint64_t{0} / sector_size;
}

// Where in its leaf an entry wrote, as a partial list keeps it: sectors [begin, end) of the leaf.
class Place {
 public:
  Place(std::uint64_t sectors_per_leaf, std::uint64_t begin, std::uint64_t end)
      : first_(begin / piece_sectors(sectors_per_leaf)),
        last_((end - 1) / piece_sectors(sectors_per_leaf)) {}
  [[nodiscard]] std::uint32_t bits() const {
    return static_cast<std::uint32_t>(first_ << kMoreBits | std::min(last_ - first_, kMost));
  }
  // Whether an entry with these bits may have written there.
  [[nodiscard]] bool may_overlap(std::uint32_t bits) const {
    const std::uint64_t first = (bits & ((1u << kPlaceBits) - 1)) >> kMoreBits;
    const std::uint64_t more = bits & kMost;
    return first <= last_ && (more == kMost || first + more >= first_);
  }

 private:
  static constexpr std::uint64_t kMost = (1u << kMoreBits) - 1;
  static constexpr std::uint64_t piece_sectors(std::uint64_t sectors_per_leaf) {
    return std::max<std::uint64_t>(1, sectors_per_leaf / kPlaces);
  }
  std::uint64_t first_;
  std::uint64_t last_;
};

// The nodes into whose lists an entry goes that writes [begin, end), each with whether it is
// covered wholly: as few and as high as possible. What is covered in part is a leaf.
template <typename Visit>
void for_each_reference(std::uint64_t sectors_per_leaf, Sector begin, Sector end,
                        const Visit& visit) {
  std::uint64_t first = begin / sectors_per_leaf + (begin % sectors_per_leaf != 0 ? 1 : 0);
  std::uint64_t behind = end / sectors_per_leaf;
  if (first > behind) return visit(node_key(0, begin / sectors_per_leaf), false);
  if (begin % sectors_per_leaf != 0) visit(node_key(0, first - 1), false);
  if (end % sectors_per_leaf != 0) visit(node_key(0, behind), false);
  constexpr std::uint64_t kFanOut = std::uint64_t{1} << kFanOutBits;
  for (unsigned level = 0; first < behind; ++level) {
    for (; first < behind && first % kFanOut != 0; ++first) visit(node_key(level, first), true);
    for (; first < behind && behind % kFanOut != 0; --behind)
      visit(node_key(level, behind - 1), true);
    first >>= kFanOutBits;
    behind >>= kFanOutBits;
  }
}

// A segment in a mapped file. Thread-safe. Whatever the bytes are, it stays within them and comes
// to an end; once is_damaged(), nothing that it has said may be relied upon.
class Segment {
 public:
  // `bytes` are the segment and its hashes. kBadInput if they do not fit `disk`.
  [[nodiscard]] static Result<std::shared_ptr<const Segment>> open(MappedFile bytes,
                                                                   const SegmentDisk& disk,
                                                                   std::uint32_t sector_size);

  [[nodiscard]] bool is_damaged() const { return bytes_.is_damaged() || mapping_.was_lost(); }
  // As it stands in the table, and all of its bytes, for a copy.
  [[nodiscard]] const SegmentDisk& disk() const { return disk_; }
  [[nodiscard]] ConstBytes raw_bytes() const { return mapping_.bytes(); }

  [[nodiscard]] EntryIndex first_entry() const { return first_entry_; }
  [[nodiscard]] std::uint64_t nr_entries() const { return nr_entries_; }
  [[nodiscard]] EntryIndex end_entry() const { return first_entry_ + nr_entries_; }
  // It holds so much that it is not to be merged with others.
  [[nodiscard]] bool is_large() const;

  // `entry` is one of the segment's.
  [[nodiscard]] EntrySummary entry(EntryIndex entry) const;

  // The newest of the segment's entries in [since, limit) for each sector from `begin` up to `end`,
  // or up to some place before it, which is the result: pieces in rising order are put behind those
  // that are there.
  Sector look_up(Sector begin, Sector end, EntryIndex since, EntryIndex limit,
                 std::vector<Piece>& pieces) const;

  // Where the lists are of all entries that may have written to [begin, end): ranges of the two
  // sections of references, each sorted. Nothing if they are more than `max_lists`.
  struct References {
    bool are_full = false;  // else partial
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  [[nodiscard]] std::optional<std::vector<References>> lists(Sector begin, Sector end,
                                                             std::size_t max_lists) const;
  [[nodiscard]] EntryIndex reference(const References& list, std::uint64_t at) const;
  // Without the references to entries in front of `since`.
  [[nodiscard]] References skip(References list, EntryIndex since) const;

  [[nodiscard]] std::uint64_t nr_flushes() const { return disk_.nr_flushes; }
  [[nodiscard]] EntryIndex flush(std::uint64_t number) const;  // from 0
  [[nodiscard]] std::uint64_t flushes_before(EntryIndex limit) const;
  [[nodiscard]] std::uint64_t nr_pending() const { return disk_.nr_pending; }
  [[nodiscard]] EntryIndex pending(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t nr_marks() const { return disk_.nr_marks; }
  [[nodiscard]] Mark mark(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t marks_before(EntryIndex limit) const;

 private:
  struct Ancestors;
  struct Lists {
    References full;
    References partial;
    std::uint64_t checkpoint_begin = 0, checkpoint_end = 0;
  };
  Segment(MappedFile mapping, const SegmentDisk& disk, const SegmentLayout& layout,
          std::uint32_t sector_size);

  template <typename T>
  [[nodiscard]] T load(std::uint64_t section, std::uint64_t number) const {
    return bytes_.load<T>(section + number * sizeof(T));
  }
  [[nodiscard]] std::uint32_t relative(EntryIndex entry) const;
  [[nodiscard]] std::uint64_t first_node_from(std::uint64_t key) const;
  [[nodiscard]] Lists lists_of(std::uint64_t node) const;
  [[nodiscard]] Ancestors ancestors_of(std::uint64_t leaf, std::uint32_t limit) const;
  [[nodiscard]] EntryIndex check_reference(std::uint32_t number) const;
  template <typename Paint>
  void walk_back(const Lists& lists, std::uint32_t minimum, std::uint32_t limit, Sector leaf_begin,
                 std::uint64_t from, std::uint64_t to, const Paint& paint) const;

  const MappedFile mapping_;
  const SegmentDisk disk_;
  const SegmentLayout layout_;
  const CheckedBytes bytes_;
  const std::uint32_t sector_size_;
  const std::uint64_t leaf_sectors_;
  const EntryIndex first_entry_;
  const std::uint64_t nr_entries_;
};

// Of a log, in order and without gaps.
using Segments = std::vector<std::shared_ptr<const Segment>>;

}  // namespace powercut::index
