// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>

#include "state/cuts.h"
#include "state/timeline.h"

namespace powercut::state {

// The cuts that a selection gives in a model, in the order of the log. By ticks, a flush and an FUA
// write give two cuts each: the last tick at which what they make durable may still be lost, and
// their completion; `flushes` and `all` give the end of the log as well; `all` is all ticks at which
// M or W changes. Memory does not grow with the number of cuts. Not thread-safe.
class CutWalk {
 public:
  // `from` and `to` are limits for the kinds of places, as for CutFilter. The timeline outlives the
  // walk. Errors (kUsage): no such instant, no ticks for model exact.
  [[nodiscard]] static Result<CutWalk> make(const Timeline& timeline, Model model,
                                            const CutSelection& at, EntryIndex from, EntryIndex to);

  struct Cut {
    std::uint64_t at = 0;  // a tick (exact), else how many entries stand in front of it
    // Whether M or W may be another one than at the cut before.
    bool is_changed = true;
  };
  // Nothing at the end.
  [[nodiscard]] Result<std::optional<Cut>> next();

 private:
  CutWalk(const Timeline& timeline, Model model, const CutSelection& at, EntryIndex to,
          log::Reader reader, CutFilter filter);
  [[nodiscard]] Status add_ticks(const log::Entry& entry);
  [[nodiscard]] Status add_last_tick();

  const Timeline* timeline_;
  Model model_;
  CutSelection at_;
  EntryIndex to_;
  log::Reader reader_;
  CutFilter filter_;
  bool is_begun_ = false;
  bool is_ended_ = false;
  bool is_changed_ = true;  // since the last cut, by position
  std::deque<Tick> ticks_;
};

}  // namespace powercut::state
