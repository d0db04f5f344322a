// SPDX-License-Identifier: Apache-2.0
#include "explore/flush_audit.h"

#include <algorithm>

#include "check/shell.h"
#include "explore/log_facts.h"
#include "explore/signature.h"
#include "log/reader.h"

namespace powercut::explore {
namespace {

using state::Choice;
using state::CrashGroup;
using state::CrashState;
using state::Model;

// Of the marks between two flushes, behind so many the power is cut.
constexpr std::size_t kMostMarks = 8;

// The audit of one entry.
class Audit {
 public:
  Audit(const state::Timeline& timeline, Judge& judge, const FlushAuditOptions& options,
        EntryIndex entry)
      : timeline_(timeline), judge_(judge), options_(options), entry_(entry) {}

  // Nothing if it was interrupted.
  Result<std::optional<findings::FlushVerdict>> run() {
    verdict_.entry = entry_;
    const log::Entry entry = POWERCUT_TRY(entry_of(timeline_, entry_));
    verdict_.kind = entry.is_flush() ? "flush" : "fua";
    if (const auto mark = POWERCUT_TRY(mark_before(timeline_, entry_))) verdict_.mark = mark->text;
    const std::vector<std::uint64_t> places = POWERCUT_TRY(cuts(entry));
    // Behind the last mark most has been acknowledged.
    for (auto cut = places.rbegin(); cut != places.rend() && is_going_on(); ++cut)
      POWERCUT_TRY_STATUS(look_at(*cut));
    if (is_interrupted_) return std::optional<findings::FlushVerdict>();
    return std::optional(std::move(verdict_));
  }

 private:
  [[nodiscard]] bool is_going_on() const {
    return !is_interrupted_ && !verdict_.is_needed && verdict_.states < options_.max_states;
  }

  // What it makes durable is so up to the flush that follows, which does the same; marks in between
  // tell what has been acknowledged. Rising.
  Result<std::vector<std::uint64_t>> cuts(const log::Entry& entry) {
    const bool is_exact = options_.model == Model::kExact;
    const std::string& name = timeline_.index().log()->name();
    const auto place_of = [&](const log::Entry& each) -> Result<std::uint64_t> {
      if (!is_exact) return each.index + 1;
      const state::Ticks ticks = POWERCUT_TRY(state::ticks_of(each, name));
      return std::max(ticks.submission, ticks.completion);
    };
    std::vector<std::uint64_t> marks;
    std::uint64_t last =
        is_exact ? POWERCUT_TRY(timeline_.last_tick()) : timeline_.index().nr_entries();
    log::Reader reader = POWERCUT_TRY(log::Reader::open(*timeline_.index().log()));
    reader.seek(entry.index + 1, entry.end_offset());
    while (reader.position() < timeline_.index().nr_entries()) {
      const auto next = reader.next();
      if (!next) return tl::unexpected(log::to_status(reader.ending()).error());
      if (next->is_flush()) {
        last = POWERCUT_TRY(place_of(*next)) - 1;
        break;
      }
      if (next->is_mark()) marks.push_back(POWERCUT_TRY(place_of(*next)));
    }
    place_ = POWERCUT_TRY(place_of(entry));
    std::vector<std::uint64_t> places = {place_, last};
    const std::size_t nr_marks = std::min(marks.size(), kMostMarks);
    for (std::size_t i = 1; i <= nr_marks; ++i)
      places.push_back(marks[marks.size() * i / nr_marks - 1]);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    // By ticks, marks may have been put before it completed.
    std::erase_if(places, [&](std::uint64_t place) { return place > last; });
    return places;
  }

  Status look_at(std::uint64_t cut) {
    const auto with = POWERCUT_TRY(timeline_.group(options_.model, cut));
    auto without = POWERCUT_TRY(timeline_.group(options_.model, cut, entry_));
    made_durable_.assign(without->may.size(), false);
    bool is_any = false;
    for (std::size_t i = 0; i < without->may.size(); ++i) {
      made_durable_[i] = is_must(*with, without->may_entry(i).entry);
      is_any = is_any || made_durable_[i];
    }
    if (!is_any) return {};
    const ByteCount unit = options_.choices.unit_bytes;
    CrashState state{.group = std::move(without),
                     .unit_bytes = unit != 0 ? unit : timeline_.index().sector_size(),
                     .discard = options_.discard};
    // All of it is lost, and nothing else.
    for (const bool is_lost : made_durable_) state.choice.kept.push_back(!is_lost);
    POWERCUT_TRY_STATUS(try_state(state));
    for (const auto& strategy : options_.strategies) {
      const auto choices = state::make_choices(strategy, state.group, options_.choices);
      while (is_going_on() && choices->next(state.choice)) {
        if (loses_something(state.choice)) POWERCUT_TRY_STATUS(try_state(state));
      }
    }
    return {};
  }

  static bool is_must(const CrashGroup& group, EntryIndex entry) {
    if (entry < group.base) return true;
    const auto at = std::lower_bound(
        group.entries.begin(), group.entries.end(), entry,
        [](const state::GroupEntry& each, EntryIndex number) { return each.entry < number; });
    return at != group.entries.end() && at->entry == entry && at->is_must;
  }

  // Of what the entry made durable: else the state is one of the log as it is.
  [[nodiscard]] bool loses_something(const Choice& choice) const {
    for (std::size_t i = 0; i < made_durable_.size(); ++i) {
      if (made_durable_[i] && !choice.kept[i]) return true;
    }
    return false;
  }

  Result<std::optional<check::Verdict>> judged(const CrashState& state) {
    auto judgement = POWERCUT_TRY(judge_.judge(state));
    is_interrupted_ = !judgement;
    if (!judgement) return std::optional<check::Verdict>();
    return std::optional(std::move(judgement->verdict));
  }

  // What the entry made durable has survived; all else is as it was.
  [[nodiscard]] CrashState with_it(CrashState state) const {
    for (std::size_t i = 0; i < made_durable_.size(); ++i) {
      if (made_durable_[i]) state.choice.kept[i] = true;
    }
    std::erase_if(state.choice.torn,
                  [&](const Choice::Tear& tear) { return bool{made_durable_[tear.may]}; });
    return state;
  }

  // The power goes before the entry has had an effect. What can survive there survives if it has in the
  // state.
  Result<CrashState> in_front_of_it(const CrashState& state) {
    CrashState earlier = state;
    earlier.group = POWERCUT_TRY(timeline_.group(options_.model, place_ - 1));
    earlier.choice = {};
    const CrashGroup& group = *state.group;
    for (std::size_t i = 0; i < earlier.group->may.size(); ++i) {
      const EntryIndex entry = earlier.group->may_entry(i).entry;
      const auto at = std::lower_bound(
          group.may.begin(), group.may.end(), entry,
          [&](std::size_t each, EntryIndex number) { return group.entries[each].entry < number; });
      const auto number = static_cast<std::size_t>(at - group.may.begin());
      const bool has_choice = at != group.may.end() && group.entries[*at].entry == entry;
      earlier.choice.kept.push_back(has_choice ? bool{state.choice.kept[number]}
                                               : is_must(group, entry));
      for (const Choice::Tear& tear : state.choice.torn) {
        if (has_choice && tear.may == number) earlier.choice.torn.push_back({i, tear.units});
      }
    }
    return earlier;
  }

  Status try_state(const CrashState& state) {
    ++verdict_.states;
    const auto verdict = POWERCUT_TRY(judged(state));
    if (!verdict || verdict->passed()) return {};
    for (const CrashState& other : {with_it(state), POWERCUT_TRY(in_front_of_it(state))}) {
      const auto otherwise = POWERCUT_TRY(judged(other));
      if (!otherwise || signature_of(*otherwise) == signature_of(*verdict)) return {};
    }
    verdict_.is_needed = true;
    verdict_.state = to_string(id_of(state, timeline_.index().sector_size()));
    verdict_.outcome = outcome_of(verdict->outcome);
    verdict_.code = verdict->code;
    verdict_.step = verdict->step;
    std::vector<std::string> reproduce = options_.reproduce;
    reproduce.insert(reproduce.end(), {"--at", verdict_.state});
    verdict_.reproduce = check::shell_joined(reproduce);
    return {};
  }

  const state::Timeline& timeline_;
  Judge& judge_;
  const FlushAuditOptions& options_;
  const EntryIndex entry_;
  std::uint64_t place_ = 0;         // the first cut behind it
  std::vector<bool> made_durable_;  // by the entry: of W of the present group
  findings::FlushVerdict verdict_;
  bool is_interrupted_ = false;
};

}  // namespace

Result<bool> audit_flushes(const state::Timeline& timeline, Judge& judge,
                           const FlushAuditOptions& options,
                           const std::function<void(const findings::FlushVerdict&)>& sink) {
  const EntryIndex end = std::min(options.to, timeline.index().nr_entries());
  for (EntryIndex i = options.from; i < end; ++i) {
    const index::EntrySummary entry = POWERCUT_TRY(timeline.index().entry(i));
    const bool makes_durable = entry.is_flush() || (entry.is_fua() && entry.writes());
    if (!makes_durable) continue;
    const auto verdict = POWERCUT_TRY(Audit(timeline, judge, options, i).run());
    if (!verdict) return false;
    sink(*verdict);
  }
  return true;
}

}  // namespace powercut::explore
