// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "index/segment.h"

namespace powercut::index {

// What building takes in memory is bounded by these.
inline constexpr std::uint64_t kMaxSegmentEntries = 4'000'000;
inline constexpr std::uint64_t kMaxSegmentReferences = 8'000'000;
inline constexpr std::uint64_t kMaxSegmentTextBytes = 64 * kMiB;

// Makes a segment of entries that are added in order. Not thread-safe.
class SegmentBuilder {
 public:
  // `expected` more or less entries will be added.
  SegmentBuilder(EntryIndex first_entry, std::uint32_t sector_size, std::uint64_t expected);

  // `mark_text` is a mark's.
  void add(const EntrySummary& entry, const std::string& mark_text);
  [[nodiscard]] std::uint64_t nr_entries() const { return entries_.size(); }
  [[nodiscard]] bool is_full() const;

  // Writes the segment, with its hashes, into the file from `offset` on: all of the result's
  // total_bytes. Nothing can be added afterwards.
  [[nodiscard]] Result<SegmentDisk> write_to(File& file, ByteOffset offset);

 private:
  struct Node {
    std::uint64_t key;
    std::uint32_t nr_full;  // while adding; then where the next one goes
    std::uint32_t nr_partial;
  };
  struct Extent {
    Sector begin;
    Sector end;
  };
  [[nodiscard]] std::uint32_t node_number(std::uint64_t key);
  [[nodiscard]] Extent extent_of(std::uint32_t entry) const;
  [[nodiscard]] Extent part_of(std::uint64_t leaf, Extent extent) const;
  void make_lists();
  void fill_lists();
  void make_checkpoints(NodeDisk& node, std::uint32_t end);

  const EntryIndex first_entry_;
  const std::uint32_t sector_size_;
  const std::uint64_t leaf_sectors_;

  std::vector<EntryDisk> entries_;
  std::vector<LargeEntryDisk> large_;
  std::vector<Le32> flushes_;
  std::vector<Le32> pending_;
  std::vector<MarkDisk> marks_;
  std::string text_;
  Sector end_sector_ = 0;

  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;  // of nodes, by key
  std::vector<Node> nodes_;
  std::uint32_t last_number_ = 0;  // most entries are close to the one before
  std::uint64_t nr_full_ = 0;
  std::uint64_t nr_partial_ = 0;

  std::vector<NodeDisk> node_disks_;
  std::vector<Le32> full_;
  std::vector<Le32> partial_;
  std::vector<CheckpointDisk> checkpoints_;
  std::vector<RunDisk> runs_;
};

}  // namespace powercut::index
