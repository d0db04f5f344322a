// SPDX-License-Identifier: Apache-2.0
// Questions that go through several segments. For one thread; the segments outlive what is here.
#pragma once

#include <queue>

#include "index/extent.h"
#include "index/segment.h"

namespace powercut::index {

// Goes through a range of the device, from one segment to the next older for what has no owner yet,
// and gives out what it finds as extents. Stops where a segment is found damaged: what has been given
// out until then is right.
class ExtentWalk {
 public:
  // Of the entries in [since, limit); what none of them wrote is Source::kInitial.
  ExtentWalk(const Segments& segments, std::uint32_t sector_size, EntryIndex since,
             EntryIndex limit, const ExtentSink& sink)
      : segments_(segments), sector_size_(sector_size), since_(since), limit_(limit), sink_(sink) {}

  // An error is the sink's.
  [[nodiscard]] Status walk(Sector begin, Sector end);
  // How far it came.
  [[nodiscard]] Sector done() const { return done_; }

 private:
  // In the first nr_segments of them.
  [[nodiscard]] Status walk(std::size_t nr_segments, Sector begin, Sector end);
  [[nodiscard]] Extent extent_of(const Segment& segment, const Piece& piece) const;
  [[nodiscard]] Status add(const Extent& extent);
  [[nodiscard]] Status give_out();

  const Segments& segments_;
  const std::uint32_t sector_size_;
  const EntryIndex since_;
  const EntryIndex limit_;
  const ExtentSink& sink_;
  std::optional<Extent> last_;  // it may go on
  Sector done_ = 0;
  bool is_stopped_ = false;
};

// The entries of a segment in [from, to) that may have written to a range, each once, in order: of
// a few lists, or else all.
class Candidates {
 public:
  Candidates(const Segment& segment, Sector begin, Sector end, EntryIndex from, EntryIndex to);
  [[nodiscard]] std::optional<EntryIndex> next();

 private:
  struct Head {
    EntryIndex entry;
    Segment::References list;
    bool operator<(const Head& other) const { return entry > other.entry; }
  };
  void push(const Segment::References& list);

  const Segment& segment_;
  EntryIndex next_;
  const EntryIndex to_;
  bool is_all_ = false;
  std::priority_queue<Head> heads_;
};

}  // namespace powercut::index
