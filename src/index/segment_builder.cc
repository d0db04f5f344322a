// SPDX-License-Identifier: Apache-2.0
//
// The question is: which entry, of those in front of entry N, wrote this sector last? The device is
// cut into leaves of 1 MiB; above them stands a tree in which each node covers 16 of the level
// below. An entry is put into lists: into that of a leaf it touches in part ("partial"), and into
// those of the nodes, as high up as possible, that it covers wholly ("full"). So a small write
// stands in one list, and a discard of a terabyte in a few dozen.
//
// To answer, take the newest full entry in front of N of the leaf and each node above it (binary
// searches), and go back from N in the leaf's partial list until every sector in question has an
// owner, or entries are older than that full one. So that a sector that was never written does not
// cost a walk through all of the list, there are checkpoints in it: what the partial entries up to
// there had made of the leaf, as runs. One is made when the list has grown by twice the runs it
// takes, so that all of them together are no longer than the list, and the way back to the last one
// is short.
//
// Segments are bounded, so that building one is; a question goes through them from the newest to the
// oldest for what has no owner yet. While entries are added only the lengths of the lists are kept,
// the lists themselves are made in a second pass over the entries: sorting references would take
// more memory than all the rest.
#include "index/segment_builder.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "log/codec.h"

namespace powercut::index {
namespace {

constexpr std::size_t kMinCheckpointDistance = 64;
static_assert(kMaxSegmentEntries < std::uint64_t{1} << (32 - kPlaceBits));
constexpr std::size_t kWriteBytes = 256 * kBlockSize;

bool pack(std::uint64_t value, std::uint8_t* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i, value >>= 8) bytes[i] = static_cast<std::uint8_t>(value);
  return value == 0;
}

// Which entry wrote each sector of a leaf last, and how many runs that makes.
class LeafPainting {
 public:
  explicit LeafPainting(std::size_t sectors) : owner_(sectors, kNoEntry) {}

  void write(std::size_t begin, std::size_t end, std::uint32_t entry) {
    nr_runs_ -= nr_borders(begin, end);
    std::fill(owner_.begin() + static_cast<std::ptrdiff_t>(begin),
              owner_.begin() + static_cast<std::ptrdiff_t>(end), entry);
    nr_runs_ += (begin > 0 ? 1 : 0) + (end < owner_.size() ? 1 : 0);
  }
  [[nodiscard]] std::size_t nr_runs() const { return nr_runs_; }
  void append_runs(std::vector<RunDisk>& runs) const {
    for (std::size_t i = 0; i < owner_.size(); ++i) {
      if (i == 0 || owner_[i] != owner_[i - 1])
        runs.push_back({static_cast<std::uint16_t>(i), owner_[i]});
    }
  }

 private:
  // In front of each of the sectors, and behind the last.
  [[nodiscard]] std::size_t nr_borders(std::size_t begin, std::size_t end) const {
    std::size_t count = 0;
    const std::size_t last = std::min(end, owner_.size() - 1);
    for (std::size_t i = std::max<std::size_t>(begin, 1); i <= last; ++i)
      count += owner_[i] != owner_[i - 1] ? 1 : 0;
    return count;
  }

  std::vector<std::uint32_t> owner_;
  std::size_t nr_runs_ = 1;
};

// Writes a segment's sections one behind the other, and hashes block by block.
class SectionWriter {
 public:
  SectionWriter(File& file, ByteOffset offset) : file_(file), offset_(offset) {
    buffer_.reserve(kWriteBytes);
  }
  template <typename T>
  [[nodiscard]] Status add(std::vector<T>& elements) {
    POWERCUT_TRY_STATUS(add_bytes(std::as_bytes(std::span(elements))));
    std::vector<T>().swap(elements);
    return {};
  }
  [[nodiscard]] Status add_bytes(ConstBytes bytes) {
    POWERCUT_TRY_STATUS(align());
    while (!bytes.empty()) {
      const std::size_t n = std::min(bytes.size(), kWriteBytes - buffer_.size());
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      bytes = bytes.subspan(n);
      if (buffer_.size() == kWriteBytes) POWERCUT_TRY_STATUS(write_out());
    }
    return {};
  }
  [[nodiscard]] Status add_hashes() {
    const std::size_t tail = buffer_.size();
    POWERCUT_TRY_STATUS(write_out());
    buffer_.resize(align_up(tail, 8) -
                   tail);  // what align() would have put behind the last section
    const auto hashes = std::as_bytes(std::span(hashes_));
    buffer_.insert(buffer_.end(), hashes.begin(), hashes.end());
    POWERCUT_TRY_STATUS(file_.write_at(offset_, ConstBytes(buffer_)));
    offset_ += buffer_.size();
    return {};
  }
  [[nodiscard]] ByteOffset offset() const { return offset_; }

 private:
  [[nodiscard]] Status align() {
    buffer_.resize(align_up(buffer_.size(), 8));
    return buffer_.size() == kWriteBytes ? write_out() : Status{};
  }
  [[nodiscard]] Status write_out() {
    for (std::size_t at = 0; at < buffer_.size(); at += kBlockSize) {
      const std::size_t length = std::min(kBlockSize, buffer_.size() - at);
      hashes_.emplace_back(log::payload_hash(ConstBytes(buffer_).subspan(at, length)));
    }
    if (!buffer_.empty()) POWERCUT_TRY_STATUS(file_.write_at(offset_, ConstBytes(buffer_)));
    offset_ += buffer_.size();
    buffer_.clear();
    return {};
  }

  File& file_;
  ByteOffset offset_;
  std::vector<std::byte> buffer_;  // from a block's beginning on
  std::vector<Le64> hashes_;
};

}  // namespace

SegmentBuilder::SegmentBuilder(EntryIndex first_entry, std::uint32_t sector_size,
                               std::uint64_t expected)
    : first_entry_(first_entry),
      sector_size_(sector_size),
      leaf_sectors_(leaf_sectors(sector_size)) {
  entries_.reserve(std::min(expected, kMaxSegmentEntries));
}

bool SegmentBuilder::is_full() const {
  return entries_.size() >= kMaxSegmentEntries || nr_full_ + nr_partial_ >= kMaxSegmentReferences ||
         nodes_.size() >= kMaxSegmentReferences / 4 || text_.size() >= kMaxSegmentTextBytes;
}

std::uint32_t SegmentBuilder::node_number(std::uint64_t key) {
  if (last_number_ < nodes_.size() && nodes_[last_number_].key == key) return last_number_;
  const auto [at, is_new] = numbers_.try_emplace(key, static_cast<std::uint32_t>(nodes_.size()));
  if (is_new) nodes_.push_back({key, 0, 0});
  last_number_ = at->second;
  return last_number_;
}

void SegmentBuilder::add(const EntrySummary& entry, const std::string& mark_text) {
  const auto number = static_cast<std::uint32_t>(entries_.size());
  EntryDisk disk = {};
  disk.kind = static_cast<std::uint8_t>((entry.flags & log::kKnownFlags) |
                                        (entry.reads_as_zeroes ? kKindZeroes : 0) |
                                        (entry.is_pending_flush ? kKindPending : 0));
  const std::uint64_t log_sector = entry.log_offset / sector_size_;
  bool fits = pack(log_sector, disk.log_sector, sizeof disk.log_sector);
  fits = pack(entry.sector, disk.sector, sizeof disk.sector) && fits;
  fits = pack(entry.nr_sectors, disk.nr_sectors, sizeof disk.nr_sectors) && fits;
  if (!fits) {
    disk.kind |= kKindLarge;
    large_.push_back({std::uint64_t{number}, log_sector, entry.sector, entry.nr_sectors});
  }
  entries_.push_back(disk);
  if (entry.is_flush()) flushes_.emplace_back(number);
  if (entry.is_pending_flush) pending_.emplace_back(number);
  if (entry.is_mark()) {
    marks_.push_back({number, static_cast<std::uint32_t>(text_.size())});
    text_ += mark_text;
  }
  if (!entry.writes()) return;
  const Sector end = entry.sector + entry.nr_sectors;
  end_sector_ = std::max(end_sector_, end);
  for_each_reference(leaf_sectors_, entry.sector, end, [&](std::uint64_t key, bool is_full) {
    Node& node = nodes_[node_number(key)];
    ++(is_full ? node.nr_full : node.nr_partial);
    ++(is_full ? nr_full_ : nr_partial_);
  });
}

SegmentBuilder::Extent SegmentBuilder::extent_of(std::uint32_t entry) const {
  const EntryDisk& disk = entries_[entry];
  if ((disk.kind & log::kFlagMark) != 0) return {0, 0};
  Sector begin = unpack(disk.sector, sizeof disk.sector);
  std::uint64_t nr_sectors = unpack(disk.nr_sectors, sizeof disk.nr_sectors);
  if ((disk.kind & kKindLarge) != 0) {
    const auto large = std::lower_bound(
        large_.begin(), large_.end(), entry,
        [](const LargeEntryDisk& each, std::uint32_t number) { return each.entry < number; });
    begin = large->sector;
    nr_sectors = large->nr_sectors;
  }
  return {begin, begin + nr_sectors};
}

// What lies in a leaf, from its beginning.
SegmentBuilder::Extent SegmentBuilder::part_of(std::uint64_t leaf, Extent extent) const {
  const Sector leaf_begin = leaf * leaf_sectors_;
  return {std::max(extent.begin, leaf_begin) - leaf_begin,
          std::min(extent.end - leaf_begin, leaf_sectors_)};
}

// The second pass: each list's place is known, and its elements come in order.
void SegmentBuilder::fill_lists() {
  full_.resize(nr_full_);
  partial_.resize(nr_partial_);
  for (std::uint32_t entry = 0; entry < entries_.size(); ++entry) {
    const Extent extent = extent_of(entry);
    if (extent.begin == extent.end) continue;
    for_each_reference(leaf_sectors_, extent.begin, extent.end,
                       [&](std::uint64_t key, bool is_full) {
                         Node& node = nodes_[node_number(key)];
                         if (is_full) {
                           full_[node.nr_full++] = entry;
                         } else {
                           const Extent part = part_of(key, extent);
                           const Place place(leaf_sectors_, part.begin, part.end);
                           partial_[node.nr_partial++] = entry << kPlaceBits | place.bits();
                         }
                       });
  }
}

void SegmentBuilder::make_checkpoints(NodeDisk& node, std::uint32_t end) {
  node.checkpoint = static_cast<std::uint32_t>(checkpoints_.size());
  const std::uint32_t begin = node.partial;
  if (end - begin < kMinCheckpointDistance) return;
  LeafPainting painting(leaf_sectors_);
  std::uint32_t last = begin;
  for (std::uint32_t at = begin; at < end; ++at) {
    const std::uint32_t entry = partial_[at] >> kPlaceBits;
    const Extent part = part_of(node.key, extent_of(entry));
    painting.write(part.begin, part.end, entry);
    if (at + 1 - last < std::max(kMinCheckpointDistance, 2 * painting.nr_runs())) continue;
    checkpoints_.push_back({at + 1, static_cast<std::uint32_t>(runs_.size())});
    painting.append_runs(runs_);
    last = at + 1;
  }
}

void SegmentBuilder::make_lists() {
  std::vector<std::uint32_t> order(nodes_.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return nodes_[a].key < nodes_[b].key; });
  node_disks_.reserve(nodes_.size());
  std::uint32_t full = 0;
  std::uint32_t partial = 0;
  for (const std::uint32_t number : order) {
    Node& node = nodes_[number];
    node_disks_.push_back({node.key, full, partial, 0u});
    full += std::exchange(node.nr_full, full);
    partial += std::exchange(node.nr_partial, partial);
  }
  fill_lists();
  numbers_.clear();
  for (std::size_t i = 0; i < node_disks_.size(); ++i) {
    make_checkpoints(node_disks_[i],
                     i + 1 < node_disks_.size() ? node_disks_[i + 1].partial.value() : partial);
  }
}

Result<SegmentDisk> SegmentBuilder::write_to(File& file, ByteOffset offset) {
  POWERCUT_CHECK(!entries_.empty());
  make_lists();
  SegmentDisk disk = {};
  disk.segment_offset = offset;
  disk.first_entry = first_entry_;
  disk.nr_entries = entries_.size();
  disk.nr_large = large_.size();
  disk.nr_nodes = node_disks_.size();
  disk.nr_full = full_.size();
  disk.nr_partial = partial_.size();
  disk.nr_checkpoints = checkpoints_.size();
  disk.nr_runs = runs_.size();
  disk.nr_flushes = flushes_.size();
  disk.nr_pending = pending_.size();
  disk.nr_marks = marks_.size();
  disk.text_bytes = text_.size();
  disk.max_level = node_disks_.empty() ? 0 : node_disks_.back().key >> 56;
  disk.least_device_size_bytes = end_sector_ * sector_size_;
  const auto layout = SegmentLayout::of(disk);
  POWERCUT_CHECK(layout.has_value());

  SectionWriter writer(file, offset);
  POWERCUT_TRY_STATUS(writer.add(entries_));
  POWERCUT_TRY_STATUS(writer.add(large_));
  POWERCUT_TRY_STATUS(writer.add(node_disks_));
  POWERCUT_TRY_STATUS(writer.add(full_));
  POWERCUT_TRY_STATUS(writer.add(partial_));
  POWERCUT_TRY_STATUS(writer.add(checkpoints_));
  POWERCUT_TRY_STATUS(writer.add(runs_));
  POWERCUT_TRY_STATUS(writer.add(flushes_));
  POWERCUT_TRY_STATUS(writer.add(pending_));
  POWERCUT_TRY_STATUS(writer.add(marks_));
  POWERCUT_TRY_STATUS(writer.add_bytes(std::as_bytes(std::span(text_))));
  POWERCUT_TRY_STATUS(writer.add_hashes());
  POWERCUT_CHECK(writer.offset() == offset + layout->total_bytes);
  return disk;
}

}  // namespace powercut::index
