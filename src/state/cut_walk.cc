// SPDX-License-Identifier: Apache-2.0
#include "state/cut_walk.h"

#include <algorithm>
#include <utility>

namespace powercut::state {

Result<CutWalk> CutWalk::make(const Timeline& timeline, Model model, const CutSelection& at,
                              EntryIndex from, EntryIndex to) {
  const index::LogIndex& index = timeline.index();
  if (model == Model::kExact) (void)POWERCUT_TRY(timeline.last_tick());
  to = std::min(to, index.nr_entries());
  std::vector<EntryIndex> instants;
  for (const auto& instant : at.instants) instants.push_back(POWERCUT_TRY(resolve(instant, index)));
  CutFilter filter(at, from, to, std::move(instants));
  log::Reader reader = POWERCUT_TRY(log::Reader::open(*index.log()));
  return CutWalk(timeline, model, at, to, std::move(reader), std::move(filter));
}

CutWalk::CutWalk(const Timeline& timeline, Model model, const CutSelection& at, EntryIndex to,
                 log::Reader reader, CutFilter filter)
    : timeline_(&timeline),
      model_(model),
      at_(at),
      to_(to),
      reader_(std::move(reader)),
      filter_(std::move(filter)) {}

Status CutWalk::add_ticks(const log::Entry& entry) {
  const Ticks ticks = POWERCUT_TRY(ticks_of(entry, timeline_->index().log()->name()));
  if (!filter_.behind(entry)) return {};
  const bool writes = index::summary_of(entry).writes();
  const Tick at = std::max(ticks.submission, ticks.completion);
  if (at_.all && writes) ticks_.push_back(ticks.submission);
  const bool makes_durable = entry.is_flush() || (entry.is_fua() && writes);
  if (makes_durable) ticks_.push_back(at - 1);
  if (makes_durable || entry.is_mark() || !at_.all) ticks_.push_back(at);
  return {};
}

Status CutWalk::add_last_tick() {
  const bool is_to_the_end = at_.all || at_.flushes;
  if (model_ != Model::kExact || !is_to_the_end || to_ != timeline_->index().nr_entries())
    return {};
  ticks_.push_back(POWERCUT_TRY(timeline_->last_tick()));
  return {};
}

Result<std::optional<CutWalk::Cut>> CutWalk::next() {
  const std::uint64_t nr_entries = timeline_->index().nr_entries();
  if (!is_begun_) {
    is_begun_ = true;
    if (filter_.in_front_of_all()) return Cut{0, std::exchange(is_changed_, false)};
  }
  while (ticks_.empty()) {
    if (is_ended_) return std::nullopt;
    if (reader_.position() >= nr_entries) {
      is_ended_ = true;
      POWERCUT_TRY_STATUS(add_last_tick());
      continue;
    }
    const auto entry = reader_.next();
    if (!entry) return tl::unexpected(to_status(reader_.ending()).error());
    const bool makes_durable = entry->is_flush() || (entry->is_fua() && entry->nr_sectors > 0);
    is_changed_ = is_changed_ || makes_durable || model_ == Model::kPrefix;
    if (model_ == Model::kExact) {
      POWERCUT_TRY_STATUS(add_ticks(*entry));
    } else if (filter_.behind(*entry)) {
      return Cut{entry->index + 1, std::exchange(is_changed_, false)};
    }
  }
  const Tick tick = ticks_.front();
  ticks_.pop_front();
  return Cut{tick};
}

}  // namespace powercut::state
