// SPDX-License-Identifier: Apache-2.0
// The device as a crash state has it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "state/crash_state.h"
#include "state/log_view.h"

namespace powercut::state {

// The part of the device that a group writes, cut into segments at whose inside no write begins or
// ends: of each it is known which entries wrote it. The same for all states of a group, which differ
// in who won.
class GroupMap {
 public:
  struct Segment {
    ByteRange range;
    // Of the group's entries, rising. Discards that leave the old data are not among them.
    std::vector<std::uint32_t> writers;
  };

  // With `unit_bytes`, segments end at each atomic unit's end as well, for states with any torn
  // writes; 0: for those without.
  GroupMap(std::shared_ptr<const CrashGroup> group, ByteCount unit_bytes, DiscardPolicy discard);
  // For this state only.
  explicit GroupMap(const CrashState& state);

  [[nodiscard]] const CrashGroup& group() const { return *group_; }
  // Rising, and disjoint.
  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }

  // Told for each segment who wrote it last in a state: of its writers which, or nothing: what it held
  // before the group. The state is one for which the map was made.
  using Sink = std::function<void(std::size_t segment, std::optional<std::size_t> writer)>;
  void winners(const CrashState& state, const Sink& sink) const;

 private:
  using Tears = std::vector<Choice::Tear>;
  void cut(const DiscardPolicy& discard, const std::function<ByteCount(std::size_t)>& unit_of);

  const std::shared_ptr<const CrashGroup> group_;
  std::vector<Segment> segments_;
  std::vector<std::size_t> number_in_may_;  // of each entry; of no meaning where it is of M
};

// A piece of the device with content from one entry.
struct CrashPiece {
  enum class Source { kPayload, kZeroes, kNoise };
  ByteRange range;
  Source source = Source::kZeroes;
  EntryIndex entry = 0;
  ByteOffset log_offset = 0;  // of kPayload: where the range's bytes begin in the log
};
[[nodiscard]] CrashPiece piece_of(const GroupEntry& entry, const ByteRange& range,
                                  const DiscardPolicy& discard);
// The part of it that begins at `offset` of the device.
[[nodiscard]] Status read_piece(const CrashPiece& piece, const File& log,
                                const DiscardPolicy& discard, ByteOffset offset,
                                MutableBytes buffer);

// What is durable in front of the group, and over it the writes of the group that persisted, in the
// order of the log. Nothing is copied: making one costs as much as the group is large, whatever the
// log's size.
class CrashView final : public LogView {
 public:
  // `base` is the device behind the first group->base entries, with the same discard policy.
  CrashView(std::shared_ptr<const File> log, std::shared_ptr<LogView> base, const CrashState& state,
            const GroupMap& map, std::string name);

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] ByteCount size_bytes() const override { return base_->size_bytes(); }
  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override;
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) override;
  [[nodiscard]] Status look_up(ByteRange range, const Sink& sink) const override;

  // Where it is not what stood there in front of the group; rising.
  [[nodiscard]] const std::vector<CrashPiece>& pieces() const { return pieces_; }

 private:
  using Pieces = std::vector<CrashPiece>;
  // The first piece that ends behind `offset`.
  [[nodiscard]] Pieces::const_iterator piece_at(ByteOffset offset) const;

  const std::shared_ptr<const File> log_;
  const std::shared_ptr<LogView> base_;
  const DiscardPolicy discard_;
  const std::string name_;
  Pieces pieces_;
};

}  // namespace powercut::state
