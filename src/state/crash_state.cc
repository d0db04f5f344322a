// SPDX-License-Identifier: Apache-2.0
#include "state/crash_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/check.h"

namespace powercut::state {
namespace {

// The entries of W that are kept, or those that are not, in as few ranges as can be: torn ones do not
// part a range.
std::vector<NumberRange> ranges_of(const CrashState& state, bool of_kept) {
  const CrashGroup& group = *state.group;
  std::vector<NumberRange> ranges;
  bool is_in_range = false;
  auto tear = state.choice.torn.begin();
  for (std::size_t i = 0; i < group.may.size(); ++i) {
    if (tear != state.choice.torn.end() && tear->may == i) {
      ++tear;
      continue;
    }
    const EntryIndex entry = group.may_entry(i).entry;
    const bool is_wanted = state.choice.kept[i] == of_kept;
    if (is_wanted && is_in_range) ranges.back().last = entry;
    if (is_wanted && !is_in_range) ranges.push_back({entry, entry});
    is_in_range = is_wanted;
  }
  return ranges;
}

class Resolver {
 public:
  Resolver(const StateId& id, const CrashGroup& group, ByteCount unit_bytes)
      : id_(id), group_(group), unit_bytes_(unit_bytes) {}

  Result<Choice> resolve() {
    const bool is_listed_kept = id_.list == StateId::List::kKept;
    choice_.kept.assign(group_.may.size(), !is_listed_kept);
    for (const auto& range : id_.entries) {
      const std::size_t first = POWERCUT_TRY(find(range.first));
      const std::size_t last = POWERCUT_TRY(find(range.last));
      for (std::size_t i = first; i <= last; ++i) choice_.kept[i] = is_listed_kept;
    }
    for (const auto& tear : id_.torn) POWERCUT_TRY_STATUS(add_tear(tear));
    return std::move(choice_);
  }

 private:
  Result<std::size_t> find(EntryIndex entry) const {
    const auto at =
        std::lower_bound(group_.may.begin(), group_.may.end(), entry,
                         [&](std::size_t i, EntryIndex e) { return group_.entries[i].entry < e; });
    if (at == group_.may.end() || group_.entries[*at].entry != entry) {
      return usage_error(
          fmt::format("there is no state {} of this log: its cut leaves no choice of entry {} ({})",
                      to_string(id_), entry, what_may()));
    }
    return static_cast<std::size_t>(at - group_.may.begin());
  }

  std::string what_may() const {
    if (group_.may.empty()) return "all is durable there, and nothing under way";
    return fmt::format("{} entries may survive or not, from {} to {}", group_.may.size(),
                       group_.may_entry(0).entry, group_.may_entry(group_.may.size() - 1).entry);
  }

  Status add_tear(const StateId::Tear& tear) {
    const std::size_t may = POWERCUT_TRY(find(tear.entry));
    const std::uint64_t units = nr_units(group_.may_entry(may).range, unit_bytes_);
    Choice::Tear result{may, {}};
    std::uint64_t survived = 0;
    for (const auto& range : tear.units) {
      survived += range.last - range.first + 1;
      const bool touches = !result.units.empty() && result.units.back().last + 1 == range.first;
      if (touches) {
        result.units.back().last = range.last;
      } else {
        result.units.push_back(range);
      }
    }
    if (tear.units.back().last >= units || survived == units) {
      return usage_error(fmt::format(
          "there is no state {} of this log: entry {} has {} atomic units, of which some, but not "
          "all survive if it is torn",
          to_string(id_), tear.entry, units));
    }
    choice_.kept[may] = false;
    choice_.torn.push_back(std::move(result));
    return {};
  }

  const StateId& id_;
  const CrashGroup& group_;
  const ByteCount unit_bytes_;
  Choice choice_;
};

}  // namespace

Survival survival_of(const CrashState& state, EntryIndex entry) {
  using Kind = Survival::Kind;
  const CrashGroup& group = *state.group;
  if (entry < group.base) return {Kind::kDurable};
  const auto at = std::lower_bound(
      group.entries.begin(), group.entries.end(), entry,
      [](const GroupEntry& candidate, EntryIndex wanted) { return candidate.entry < wanted; });
  if (at == group.entries.end() || at->entry != entry) return {Kind::kBehind};
  if (at->is_must) return {Kind::kDurable};
  const auto number = static_cast<std::size_t>(at - group.entries.begin());
  const auto may = static_cast<std::size_t>(
      std::lower_bound(group.may.begin(), group.may.end(), number) - group.may.begin());
  for (const auto& tear : state.choice.torn) {
    if (tear.may == may) return {Kind::kTorn, tear.units};
  }
  return {state.choice.kept[may] ? Kind::kKept : Kind::kLost};
}

std::uint64_t nr_units(const ByteRange& range, ByteCount unit_bytes) {
  return (align_up(range.end, unit_bytes) - align_down(range.begin, unit_bytes)) / unit_bytes;
}

StateId id_of(const CrashState& state, std::uint32_t sector_size) {
  POWERCUT_CHECK(state.choice.kept.size() == state.group->may.size());
  StateId id{.model = state.group->model,
             .cut = state.group->cut,
             .discard = state.discard,
             .without = state.group->without};
  const auto kept = ranges_of(state, true);
  id.entries = ranges_of(state, false);
  if (!kept.empty() && kept.size() < id.entries.size()) {
    id.list = StateId::List::kKept;
    id.entries = kept;
  }
  for (const auto& tear : state.choice.torn)
    id.torn.push_back({state.group->may_entry(tear.may).entry, tear.units});
  if (!id.torn.empty() && state.unit_bytes != sector_size) id.unit_bytes = state.unit_bytes;
  return id;
}

Result<CrashState> state_of(const StateId& id, std::shared_ptr<const CrashGroup> group,
                            std::uint32_t sector_size) {
  POWERCUT_CHECK(group->model == id.model && group->cut == id.cut && group->without == id.without);
  CrashState state{.unit_bytes = id.unit_bytes != 0 ? id.unit_bytes : sector_size,
                   .discard = id.discard};
  if (state.unit_bytes < sector_size) {
    return usage_error(
        fmt::format("there is no state {} of this log: its sectors have {} bytes, and no unit is "
                    "smaller",
                    to_string(id), sector_size));
  }
  state.choice = POWERCUT_TRY(Resolver(id, *group, state.unit_bytes).resolve());
  state.group = std::move(group);
  return state;
}

}  // namespace powercut::state
