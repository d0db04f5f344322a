// SPDX-License-Identifier: Apache-2.0
#include "index/segment.h"

#include <algorithm>
#include <numeric>

#include "index/segment_builder.h"

namespace powercut::index {
namespace {

// The first position in [low, high) whose value is not below the limit; values rise.
template <typename At>
std::uint64_t first_not_below(std::uint64_t low, std::uint64_t high, std::uint64_t limit,
                              const At& at) {
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (at(middle) < limit) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Who owns the sectors of a piece of a leaf. Each is given an owner once, however often it is passed
// over: next_[i] leads to the first free one at or behind i.
class Painter {
 public:
  explicit Painter(std::size_t sectors)
      : owner_(sectors, kNoEntry), next_(sectors + 1), free_(sectors) {
    std::iota(next_.begin(), next_.end(), 0u);
  }
  void paint(std::size_t begin, std::size_t end, std::uint32_t owner) {
    for (std::size_t at = find(begin); at < end; at = find(at)) {
      owner_[at] = owner;
      next_[at] = static_cast<std::uint32_t>(at + 1);
      --free_;
    }
  }
  [[nodiscard]] bool is_done() const { return free_ == 0; }
  [[nodiscard]] const std::vector<std::uint32_t>& owners() const { return owner_; }

 private:
  std::size_t find(std::size_t at) {
    std::size_t root = at;
    while (next_[root] != root) root = next_[root];
    while (next_[at] != root) at = std::exchange(next_[at], static_cast<std::uint32_t>(root));
    return root;
  }

  std::vector<std::uint32_t> owner_;
  std::vector<std::uint32_t> next_;
  std::size_t free_;
};

}  // namespace

EntrySummary summary_of(const log::Entry& entry) {
  EntrySummary summary;
  summary.log_offset = entry.log_offset;
  summary.sector = entry.sector;
  summary.nr_sectors = entry.nr_sectors;
  summary.flags = entry.flags;
  summary.reads_as_zeroes = entry.is_discard() || entry.is_zeroes();
  summary.is_pending_flush = entry.is_pending_flush();
  return summary;
}

std::uint64_t leaf_sectors(std::uint32_t sector_size) {
  return std::max<std::uint64_t>(1, kLeafBytes / sector_size);
}

std::optional<SegmentLayout> SegmentLayout::of(const SegmentDisk& disk) {
  SegmentLayout layout;
  // References are 32 bits wide; so that nothing below overflows, either.
  constexpr std::uint64_t kMost = kNoEntry;
  std::uint64_t at = 0;
  bool fits = disk.max_level <= kMaxLevel;
  const auto section = [&](std::uint64_t count, std::size_t element) {
    const std::uint64_t begin = align_up(at, 8);
    fits &= count < kMost;
    if (fits) at = begin + count * element;
    return begin;
  };
  layout.entries = section(disk.nr_entries, sizeof(EntryDisk));
  layout.large = section(disk.nr_large, sizeof(LargeEntryDisk));
  layout.nodes = section(disk.nr_nodes, sizeof(NodeDisk));
  layout.full = section(disk.nr_full, sizeof(Le32));
  layout.partial = section(disk.nr_partial, sizeof(Le32));
  layout.checkpoints = section(disk.nr_checkpoints, sizeof(CheckpointDisk));
  layout.runs = section(disk.nr_runs, sizeof(RunDisk));
  layout.flushes = section(disk.nr_flushes, sizeof(Le32));
  layout.pending = section(disk.nr_pending, sizeof(Le32));
  layout.marks = section(disk.nr_marks, sizeof(MarkDisk));
  layout.text = section(disk.text_bytes, 1);
  layout.segment_bytes = at;
  layout.hashes = align_up(at, 8);
  layout.total_bytes = layout.hashes + (at + kBlockSize - 1) / kBlockSize * sizeof(Le64);
  if (!fits || disk.nr_entries == 0) return std::nullopt;
  return layout;
}

Result<std::shared_ptr<const Segment>> Segment::open(MappedFile mapping, const SegmentDisk& disk,
                                                     std::uint32_t sector_size) {
  const auto layout = SegmentLayout::of(disk);
  if (!layout || layout->total_bytes != mapping.bytes().size() ||
      !checked_add(disk.first_entry, disk.nr_entries)) {
    return bad_input("the index is damaged: a segment's numbers are wrong");
  }
  return std::shared_ptr<const Segment>(
      new Segment(std::move(mapping), disk, *layout, sector_size));
}

Segment::Segment(MappedFile mapping, const SegmentDisk& disk, const SegmentLayout& layout,
                 std::uint32_t sector_size)
    : mapping_(std::move(mapping)),
      disk_(disk),
      layout_(layout),
      bytes_(mapping_.bytes().first(layout.segment_bytes), mapping_.bytes().subspan(layout.hashes)),
      sector_size_(sector_size),
      leaf_sectors_(index::leaf_sectors(sector_size)),
      first_entry_(disk.first_entry),
      nr_entries_(disk.nr_entries) {}

bool Segment::is_large() const {
  return nr_entries_ >= kMaxSegmentEntries / 2 ||
         disk_.nr_full + disk_.nr_partial >= kMaxSegmentReferences / 2;
}

std::uint32_t Segment::relative(EntryIndex entry) const {
  if (entry <= first_entry_) return 0;
  return static_cast<std::uint32_t>(std::min(entry - first_entry_, nr_entries_));
}

EntrySummary Segment::entry(EntryIndex entry) const {
  const std::uint64_t number = entry - first_entry_;
  const auto disk = load<EntryDisk>(layout_.entries, number);
  EntrySummary summary;
  summary.flags = disk.kind & log::kKnownFlags;
  summary.reads_as_zeroes = (disk.kind & kKindZeroes) != 0;
  summary.is_pending_flush = (disk.kind & kKindPending) != 0;
  std::uint64_t log_sector = unpack(disk.log_sector, sizeof disk.log_sector);
  summary.sector = unpack(disk.sector, sizeof disk.sector);
  summary.nr_sectors = unpack(disk.nr_sectors, sizeof disk.nr_sectors);
  if ((disk.kind & kKindLarge) != 0) {
    const std::uint64_t at = first_not_below(0, disk_.nr_large, number, [&](std::uint64_t i) {
      return load<LargeEntryDisk>(layout_.large, i).entry.value();
    });
    const auto large = load<LargeEntryDisk>(layout_.large, at);
    log_sector = large.log_sector;
    summary.sector = large.sector;
    summary.nr_sectors = large.nr_sectors;
  }
  const Sector most = max_sector(sector_size_);
  if (log_sector >= most || summary.sector > most || summary.nr_sectors > most - summary.sector) {
    bytes_.set_damaged();
    return {};
  }
  summary.log_offset = log_sector * sector_size_;
  return summary;
}

std::uint64_t Segment::first_node_from(std::uint64_t key) const {
  return first_not_below(0, disk_.nr_nodes, key, [&](std::uint64_t i) {
    return load<NodeDisk>(layout_.nodes, i).key.value();
  });
}

Segment::Lists Segment::lists_of(std::uint64_t node) const {
  const auto disk = load<NodeDisk>(layout_.nodes, node);
  Lists lists{{true, disk.full, disk_.nr_full},
              {false, disk.partial, disk_.nr_partial},
              disk.checkpoint,
              disk_.nr_checkpoints};
  if (node + 1 < disk_.nr_nodes) {
    const auto next = load<NodeDisk>(layout_.nodes, node + 1);
    lists.full.end = next.full;
    lists.partial.end = next.partial;
    lists.checkpoint_end = next.checkpoint;
  }
  // What is not so would end outside, or before it begins.
  if (lists.full.end > disk_.nr_full || lists.full.begin > lists.full.end ||
      lists.partial.end > disk_.nr_partial || lists.partial.begin > lists.partial.end ||
      lists.checkpoint_end > disk_.nr_checkpoints ||
      lists.checkpoint_begin > lists.checkpoint_end) {
    bytes_.set_damaged();
    return {};
  }
  return lists;
}

EntryIndex Segment::check_reference(std::uint32_t number) const {
  if (number < nr_entries_) return first_entry_ + number;
  bytes_.set_damaged();
  return first_entry_;
}

EntryIndex Segment::reference(const References& list, std::uint64_t at) const {
  if (list.are_full) return check_reference(load<Le32>(layout_.full, at));
  return check_reference(load<Le32>(layout_.partial, at) >> kPlaceBits);
}

Segment::References Segment::skip(References list, EntryIndex since) const {
  list.begin = first_not_below(list.begin, list.end, since,
                               [&](std::uint64_t i) { return reference(list, i); });
  return list;
}

// Of a leaf: its own lists, and the newest entry in front of a limit that covers it wholly, by its
// own list or that of a node above it. All of that holds up to stretch_end as well, if the leaf has
// no lists of its own.
struct Segment::Ancestors {
  std::optional<Lists> own;
  std::uint32_t full = kNoEntry;
  std::uint64_t stretch_end = ~std::uint64_t{0};  // in leaves
};

Segment::Ancestors Segment::ancestors_of(std::uint64_t leaf, std::uint32_t limit) const {
  Ancestors result;
  for (unsigned level = 0; level <= disk_.max_level; ++level) {
    const unsigned shift = level * kFanOutBits;
    const std::uint64_t key = node_key(level, leaf >> shift);
    std::uint64_t at = first_node_from(key);
    const auto key_at = [&](std::uint64_t node) {
      return node < disk_.nr_nodes ? load<NodeDisk>(layout_.nodes, node).key.value()
                                   : ~std::uint64_t{0};
    };
    const auto ends_stretch_at = [&](std::uint64_t end) {
      if (end > leaf) result.stretch_end = std::min(result.stretch_end, end);
    };
    if (key_at(at) == key) {
      ends_stretch_at(((leaf >> shift) + 1) << shift);
      const Lists lists = lists_of(at);
      const std::uint64_t behind = skip(lists.full, first_entry_ + limit).begin;
      if (behind > lists.full.begin) {
        const auto entry =
            static_cast<std::uint32_t>(reference(lists.full, behind - 1) - first_entry_);
        if (result.full == kNoEntry || entry > result.full) result.full = entry;
      }
      if (level == 0) result.own = lists;
      ++at;
    }
    const std::uint64_t next = key_at(at);
    if (next >> 56 == level) ends_stretch_at((next - node_key(level, 0)) << shift);
  }
  return result;
}

// Backwards from the limit through a leaf's partial entries to the last checkpoint, which stands for
// all before it. `paint` is given pieces of the leaf, newest first, that may lie in [from, to) of it,
// and says whether to go on.
template <typename Paint>
void Segment::walk_back(const Lists& lists, std::uint32_t minimum, std::uint32_t limit,
                        Sector leaf_begin, std::uint64_t from, std::uint64_t to,
                        const Paint& paint) const {
  std::uint64_t position = skip(lists.partial, first_entry_ + limit).begin;
  const std::uint64_t behind = first_not_below(
      lists.checkpoint_begin, lists.checkpoint_end, position + 1, [&](std::uint64_t i) {
        return load<CheckpointDisk>(layout_.checkpoints, i).position.value();
      });
  const bool has_checkpoint = behind > lists.checkpoint_begin;
  CheckpointDisk checkpoint{};
  if (has_checkpoint) checkpoint = load<CheckpointDisk>(layout_.checkpoints, behind - 1);
  const std::uint64_t stop = has_checkpoint ? checkpoint.position.value() : lists.partial.begin;
  const Place place(leaf_sectors_, from, to);
  while (position > stop) {
    const std::uint32_t bits = load<Le32>(layout_.partial, --position);
    const EntryIndex index = check_reference(bits >> kPlaceBits);
    const auto number = static_cast<std::uint32_t>(index - first_entry_);
    if (number < minimum) return;
    // Most are elsewhere, and need not be looked at.
    if (!place.may_overlap(bits)) continue;
    const EntrySummary summary = entry(index);
    const Sector begin = std::max(summary.sector, leaf_begin);
    const Sector end = std::min(summary.sector + summary.nr_sectors, leaf_begin + leaf_sectors_);
    if (begin < end && !paint(begin - leaf_begin, end - leaf_begin, number)) return;
  }
  if (!has_checkpoint) return;
  std::uint64_t last = disk_.nr_runs;
  if (behind < disk_.nr_checkpoints) {
    last = std::min<std::uint64_t>(last, load<CheckpointDisk>(layout_.checkpoints, behind).run);
  }
  const auto begin_of = [&](std::uint64_t run) {
    return run < last ? load<RunDisk>(layout_.runs, run).begin.value() : leaf_sectors_;
  };
  // The run in which `from` lies begins there or before it.
  std::uint64_t run = first_not_below(checkpoint.run, last, from + 1, begin_of);
  if (run > checkpoint.run) --run;
  for (; run < last && begin_of(run) < to; ++run) {
    const std::uint32_t number = load<RunDisk>(layout_.runs, run).entry;
    if (number == kNoEntry || number < minimum) continue;
    (void)check_reference(number);
    if (!paint(begin_of(run), begin_of(run + 1), number)) return;
  }
}

Sector Segment::look_up(Sector begin, Sector end, EntryIndex since, EntryIndex limit,
                        std::vector<Piece>& pieces) const {
  const std::uint64_t leaf = begin / leaf_sectors_;
  const std::uint32_t relative_limit = relative(limit);
  const Ancestors ancestors = ancestors_of(leaf, relative_limit);
  const auto entry_of = [&](std::uint32_t number) -> std::optional<EntryIndex> {
    if (number == kNoEntry || first_entry_ + number < since) return std::nullopt;
    return first_entry_ + number;
  };
  // Not beyond the device's last sector, wherever the last leaf would end.
  const Sector stretch_end = ancestors.stretch_end < max_sector(sector_size_) / leaf_sectors_
                                 ? std::min(end, ancestors.stretch_end * leaf_sectors_)
                                 : end;
  if (!ancestors.own || ancestors.own->partial.begin == ancestors.own->partial.end) {
    pieces.push_back({begin, stretch_end, entry_of(ancestors.full)});
    return stretch_end;
  }

  const Sector leaf_begin = leaf * leaf_sectors_;
  const std::size_t from = begin - leaf_begin;
  const std::size_t to = stretch_end - leaf_begin;
  // Whatever is older than this is hidden, or not asked for.
  const std::uint32_t minimum =
      std::max(ancestors.full == kNoEntry ? 0 : ancestors.full + 1, relative(since));
  Painter painter(to - from);
  walk_back(*ancestors.own, minimum, relative_limit, leaf_begin, from, to,
            [&](std::size_t run_begin, std::size_t run_end, std::uint32_t entry) {
              run_begin = std::max(run_begin, from);
              run_end = std::min(run_end, to);
              if (run_begin < run_end) painter.paint(run_begin - from, run_end - from, entry);
              return !painter.is_done();
            });
  const auto& owners = painter.owners();
  for (std::size_t at = 0; at < owners.size();) {
    std::size_t run_end = at + 1;
    while (run_end < owners.size() && owners[run_end] == owners[at]) ++run_end;
    const std::uint32_t owner = owners[at] != kNoEntry ? owners[at] : ancestors.full;
    pieces.push_back({begin + at, begin + run_end, entry_of(owner)});
    at = run_end;
  }
  return stretch_end;
}

std::optional<std::vector<Segment::References>> Segment::lists(Sector begin, Sector end,
                                                               std::size_t max_lists) const {
  std::vector<References> found;
  const std::uint64_t first_leaf = begin / leaf_sectors_;
  const std::uint64_t last_leaf = (end - 1) / leaf_sectors_;
  for (unsigned level = 0; level <= disk_.max_level; ++level) {
    const unsigned shift = level * kFanOutBits;
    const std::uint64_t first = first_node_from(node_key(level, first_leaf >> shift));
    const std::uint64_t behind = first_node_from(node_key(level, last_leaf >> shift) + 1);
    if (behind > first && behind - first > max_lists) return std::nullopt;
    for (std::uint64_t node = first; node < behind; ++node) {
      const Lists lists = lists_of(node);
      if (lists.full.begin < lists.full.end) found.push_back(lists.full);
      if (lists.partial.begin < lists.partial.end) found.push_back(lists.partial);
    }
    if (found.size() > max_lists) return std::nullopt;
  }
  return found;
}

EntryIndex Segment::flush(std::uint64_t number) const {
  return first_entry_ + load<Le32>(layout_.flushes, number);
}

std::uint64_t Segment::flushes_before(EntryIndex limit) const {
  return first_not_below(0, disk_.nr_flushes, limit, [&](std::uint64_t i) { return flush(i); });
}

EntryIndex Segment::pending(std::uint64_t number) const {
  return first_entry_ + load<Le32>(layout_.pending, number);
}

Mark Segment::mark(std::uint64_t number) const {
  const auto disk = load<MarkDisk>(layout_.marks, number);
  const std::uint64_t begin = disk.text;
  const std::uint64_t end = number + 1 < disk_.nr_marks
                                ? load<MarkDisk>(layout_.marks, number + 1).text.value()
                                : disk_.text_bytes.value();
  if (begin > end || end > disk_.text_bytes) {
    bytes_.set_damaged();
    return {};
  }
  return {first_entry_ + disk.entry, bytes_.text(layout_.text + begin, end - begin)};
}

std::uint64_t Segment::marks_before(EntryIndex limit) const {
  return first_not_below(0, disk_.nr_marks, limit, [&](std::uint64_t i) {
    return first_entry_ + load<MarkDisk>(layout_.marks, i).entry;
  });
}

}  // namespace powercut::index
