// SPDX-License-Identifier: Apache-2.0
#include "explore/barrier.h"

#include <fmt/format.h>

#include <algorithm>

#include "explore/log_facts.h"
#include "log/reader.h"

namespace powercut::explore {
namespace {

using state::CrashGroup;
using state::CrashState;
using state::Model;

// Something that happened behind a lost write, and the first cut that is behind it.
struct Event {
  std::uint64_t cut = 0;
  EntryIndex entry = 0;
  std::string what;
  bool is_write = false;  // with FUA; else a mark
};

class Finder {
 public:
  Finder(const state::Timeline& timeline, const Minimal& minimal, Judge& judge)
      : timeline_(timeline),
        state_(minimal.state),
        group_(*minimal.state.group),
        judge_(judge),
        signature_(signature_of(minimal.verdict)) {
    for (std::size_t i = 0; i < group_.may.size(); ++i) {
      if (!state_.choice.kept[i]) lost_.push_back(group_.may_entry(i).entry);
    }
    for (const std::size_t number : minimal.survivors)
      survivors_.push_back(group_.may_entry(number).entry);
  }

  Result<std::optional<BarrierFinding>> find() {
    if (lost_.empty()) {
      note(
          "nothing has been lost in this state, so no flush can rule it out: what is missing had "
          "not been written to the device, or the fault lies in what recovers or checks it");
      return std::optional(std::move(finding_));
    }
    if (!survivors_.empty()) {
      POWERCUT_TRY_STATUS(find_by_survivors());
    } else {
      POWERCUT_TRY_STATUS(find_by_events());
      if (is_interrupted_) return std::optional<BarrierFinding>();
    }
    return std::optional(std::move(finding_));
  }

 private:
  void note(std::string text) { finding_.notes.push_back(std::move(text)); }

  // One of the lost writes has to be made durable, and it is the last behind which a survivor stands
  // that matters.
  Status find_by_survivors() {
    const auto after = std::lower_bound(lost_.begin(), lost_.end(), survivors_.back());
    const EntryIndex lost = *std::prev(after);
    const EntryIndex survivor = *std::upper_bound(survivors_.begin(), survivors_.end(), lost);
    finding_.barrier =
        findings::Barrier{lost, survivor, fmt::format("entry {} survived", survivor)};
    return note_what_has_to_wait(*finding_.barrier);
  }

  // No flush can come in between where the later write was submitted before the earlier had completed.
  Status note_what_has_to_wait(const findings::Barrier& barrier) {
    if (group_.model != Model::kExact) return {};
    const state::Ticks after = POWERCUT_TRY(ticks(barrier.after));
    const state::Ticks before = POWERCUT_TRY(ticks(barrier.before));
    if (before.submission <= after.completion) {
      note(fmt::format(
          "entry {} was submitted before entry {} had completed: it has to wait for the "
          "flush",
          barrier.before, barrier.after));
    }
    return {};
  }

  // It fails although all behind the first lost write is lost. If it does so when the power goes in
  // front of that write, this is a place in the log at which it may go in any case.
  Status find_by_events() {
    const std::vector<Event> events =
        POWERCUT_TRY(group_.model == Model::kExact ? events_by_ticks() : events_by_position());
    const bool fails_without = POWERCUT_TRY(fails_at(events.front().cut));
    if (is_interrupted_) return {};
    if (fails_without) {
      note(
          fmt::format("it fails in the same way if the power goes in front of entry {} and nothing "
                      "that stands there is lost: no flush can rule that out",
                      lost_.front()));
      return {};
    }
    // Of the first it does not fail, of the last it does.
    std::size_t passing = 0;
    std::size_t failing = events.size() - 1;
    while (failing - passing > 1) {
      const std::size_t middle = passing + (failing - passing) / 2;
      const bool fails = POWERCUT_TRY(fails_at(events[middle].cut));
      if (is_interrupted_) return {};
      (fails ? failing : passing) = middle;
    }
    const Event& event = events[failing];
    if (event.what.empty()) {
      note("it depends on where the power is cut, and on no write or mark");
      return {};
    }
    const EntryIndex lost = *std::prev(std::lower_bound(lost_.begin(), lost_.end(), event.entry));
    finding_.barrier = findings::Barrier{lost, event.entry, event.what};
    return event.is_write ? note_what_has_to_wait(*finding_.barrier) : Status();
  }

  // The first is the cut in front of the first lost write, the last that of the state; if they are
  // the same, it is the only one.
  Result<std::vector<Event>> events_by_position() {
    const EntryIndex lost = lost_.front();
    std::vector<Event> events = {{.cut = std::min<std::uint64_t>(lost, group_.cut)}};
    if (group_.cut <= lost) return events;
    for (EntryIndex i = lost + 1; i < group_.cut; ++i) {
      const auto summary = POWERCUT_TRY(timeline_.index().entry(i));
      if (!is_event(summary.is_mark() && !summary.is_pending_flush,
                    summary.is_fua() && summary.writes())) {
        continue;
      }
      const log::Entry entry = POWERCUT_TRY(entry_of(timeline_, i));
      events.push_back({i + 1, i, what(entry), !entry.is_mark()});
    }
    events.push_back({.cut = group_.cut});
    return events;
  }

  // The same by ticks; all entries that had completed by a tick stand in front of those that were
  // submitted later.
  Result<std::vector<Event>> events_by_ticks() {
    const state::Ticks of_lost = POWERCUT_TRY(ticks(lost_.front()));
    Tick first = std::min(of_lost.completion - 1, group_.cut);
    for (std::size_t i = 0; i < group_.may.size() && group_.may_entry(i).entry < lost_.front(); ++i)
      first = std::max(first, POWERCUT_TRY(ticks(group_.may_entry(i).entry)).submission);
    std::vector<Event> events;
    const index::LogIndex& index = timeline_.index();
    log::Reader reader = POWERCUT_TRY(log::Reader::open(*index.log()));
    reader.seek(lost_.front(), POWERCUT_TRY(index.entry(lost_.front())).log_offset);
    while (reader.position() < index.nr_entries()) {
      const auto entry = reader.next();
      if (!entry) return tl::unexpected(log::to_status(reader.ending()).error());
      const state::Ticks each = POWERCUT_TRY(state::ticks_of(*entry, index.log()->name()));
      if (each.submission > group_.cut) break;
      const Tick at = std::max(each.submission, each.completion);
      const bool is_fua_write = entry->is_fua() && entry->nr_sectors > 0;
      if (at <= first || at > group_.cut || entry->index == lost_.front() ||
          !is_event(entry->is_mark() && !entry->is_pending_flush(), is_fua_write)) {
        continue;
      }
      events.push_back({at, entry->index, what(*entry), is_fua_write});
    }
    std::sort(events.begin(), events.end(),
              [](const Event& a, const Event& b) { return a.cut < b.cut; });
    events.insert(events.begin(), Event{.cut = first});
    if (first < group_.cut) events.push_back({.cut = group_.cut});
    return events;
  }

  static bool is_event(bool is_mark, bool is_fua_write) { return is_mark || is_fua_write; }
  static std::string what(const log::Entry& entry) {
    return entry.is_mark() ? "mark " + entry.mark : fmt::format("entry {} had FUA", entry.index);
  }

  // The same content as far as the cut leaves the choice: all in front of the first lost write, and
  // what is lost in part of that.
  Result<bool> fails_at(std::uint64_t cut) {
    CrashState state = state_;
    state.group = POWERCUT_TRY(timeline_.group(group_.model, cut));
    state.choice = {};
    for (std::size_t i = 0; i < state.group->may.size(); ++i) {
      const EntryIndex entry = state.group->may_entry(i).entry;
      state.choice.kept.push_back(entry < lost_.front());
      if (entry != lost_.front()) continue;
      for (const auto& tear : state_.choice.torn) {
        if (group_.may_entry(tear.may).entry == entry) state.choice.torn.push_back({i, tear.units});
      }
    }
    ++finding_.checks;
    const auto judgement = POWERCUT_TRY(judge_.judge(state));
    is_interrupted_ = !judgement;
    return judgement && signature_of(judgement->verdict) == signature_;
  }

  Result<state::Ticks> ticks(EntryIndex entry) {
    const log::Entry header = POWERCUT_TRY(entry_of(timeline_, entry));
    return state::ticks_of(header, timeline_.index().log()->name());
  }

  const state::Timeline& timeline_;
  const CrashState& state_;
  const CrashGroup& group_;
  Judge& judge_;
  const Signature signature_;
  std::vector<EntryIndex> lost_;  // or torn; rising
  std::vector<EntryIndex> survivors_;
  BarrierFinding finding_;
  bool is_interrupted_ = false;
};

}  // namespace

Result<std::optional<BarrierFinding>> find_barrier(const state::Timeline& timeline,
                                                   const Minimal& minimal, Judge& judge) {
  return Finder(timeline, minimal, judge).find();
}

}  // namespace powercut::explore
