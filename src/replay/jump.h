// SPDX-License-Identifier: Apache-2.0
// From one instant or crash state of a log to another, forwards or back, by writing only what may
// differ, each place once.
#pragma once

#include <functional>
#include <optional>

#include "block/device.h"
#include "replay/compare.h"
#include "state/timeline.h"

namespace powercut::replay {

// Where an image is in a log's time: what no entry in [least, greatest) wrote is as it is at both of
// these instants, all else may be anything. least == greatest: it is at that instant, exactly.
struct Position {
  EntryIndex least = 0;
  EntryIndex greatest = 0;
  // Of an image that holds that instant or crash state.
  [[nodiscard]] static Position of(const state::Moment& moment) {
    return {moment.least, moment.greatest};
  }
  [[nodiscard]] bool is_exact() const { return least == greatest; }
  // What it becomes while the image is taken to another one.
  [[nodiscard]] Position and_also(const Position& other) const;
  friend bool operator==(const Position&, const Position&) = default;
};

struct JumpTotals {
  ByteCount copied_bytes = 0;    // from the log
  ByteCount zeroed_bytes = 0;    // also where the initial content is
  ByteCount restored_bytes = 0;  // from the base
  ByteCount noise_bytes = 0;     // where something was discarded, if the crash state has it so
  std::uint64_t pieces = 0;      // of which it consisted
};

struct JumpOptions {
  unsigned workers = 0;  // as Options::workers, and the next likewise
  ByteCount stripe_size = 4 * kMiB;
  bool flush = true;
  // Called now and then by the caller's thread: up to which byte of the device work has been handed out.
  std::function<void(ByteOffset)> progress = nullptr;
};

// Takes `device` to an instant or crash state of the timeline. What was never written becomes what the
// timeline's base has. Without a position all of the device is written; with one, only what entries
// between it and `to` wrote. Of a device that is larger than the recorded one the rest is left alone.
// Errors: the device is smaller (kBadInput), failed I/O; then it is at
// position.and_also(Position::of(to)), and if that is given the next time all is well.
[[nodiscard]] Result<JumpTotals> jump(const state::Timeline& timeline,
                                      std::optional<Position> position, const state::Moment& to,
                                      BlockDevice& device, const JumpOptions& options = {});

// Whether a jump would write something that no entry had written yet by `to`.
[[nodiscard]] Result<bool> needs_initial_content(const state::Timeline& timeline,
                                                 std::optional<Position> position,
                                                 const state::Moment& to);

// The first range in which `device` does not hold `held`, of all that a jump from there to `to` would
// write; nothing if there is none. In whole sectors; left is what it should be.
[[nodiscard]] Result<std::optional<Difference>> find_mismatch(
    const state::Timeline& timeline, const state::Moment& held, const state::Moment& to,
    BlockDevice& device, const std::function<void(ByteOffset)>& progress = nullptr);

}  // namespace powercut::replay
