// SPDX-License-Identifier: Apache-2.0
#include "explore/explain.h"

#include <fmt/format.h>

#include "check/shell.h"
#include "explore/log_facts.h"

namespace powercut::explore {
namespace {

void put_verdict(findings::Cause& cause, const check::Verdict& verdict) {
  cause.outcome = outcome_of(verdict.outcome);
  cause.code = verdict.code;
  cause.step = verdict.step;
  cause.message = without_paths(telling_line(verdict.step_output));
}

Status put_writes(findings::Cause& cause, const state::Timeline& timeline, const Minimal& minimal) {
  const state::CrashState& state = minimal.state;
  const state::CrashGroup& group = *state.group;
  auto tear = state.choice.torn.begin();
  for (std::size_t i = 0; i < group.may.size(); ++i) {
    if (state.choice.kept[i]) continue;
    const bool is_torn = tear != state.choice.torn.end() && tear->may == i;
    auto& writes = is_torn ? cause.torn : cause.lost;
    const auto units = is_torn ? tear++->units : std::vector<state::NumberRange>();
    writes.push_back(POWERCUT_TRY(describe(timeline, group.may_entry(i), units, state.unit_bytes)));
  }
  for (const std::size_t number : minimal.survivors) {
    cause.survivors.push_back(POWERCUT_TRY(describe(timeline, group.may_entry(number))));
  }
  return {};
}

Status put_places(findings::Cause& cause, const Minimal& minimal, PlaceFinder& places) {
  std::vector<findings::Write*> writes;
  for (auto* const part : {&cause.lost, &cause.torn, &cause.survivors}) {
    for (auto& write : *part) writes.push_back(&write);
  }
  if (writes.empty()) return {};
  std::string note = POWERCUT_TRY(places.find(minimal.state, writes));
  if (!note.empty()) cause.notes.push_back(std::move(note));
  return {};
}

}  // namespace

Result<std::optional<Explanation>> explain(const state::Timeline& timeline,
                                           const state::CrashState& failing, Judge& judge,
                                           const ExplainOptions& options) {
  auto minimal = POWERCUT_TRY(minimise(failing, judge, options.minimise));
  if (!minimal) return std::optional<Explanation>();
  Explanation explanation{*std::move(minimal), {}};
  findings::Cause& cause = explanation.cause;
  put_verdict(cause, explanation.minimal.verdict);
  cause.checks = explanation.minimal.checks;
  if (!explanation.minimal.failed_again) {
    cause.notes.emplace_back("it did not fail when it was checked once more");
    return std::optional(std::move(explanation));
  }
  cause.minimal = to_string(id_of(explanation.minimal.state, timeline.index().sector_size()));
  std::vector<std::string> reproduce = options.reproduce;
  reproduce.insert(reproduce.end(), {"--at", cause.minimal});
  cause.reproduce = check::shell_joined(reproduce);
  if (!explanation.minimal.is_complete) {
    cause.notes.push_back(
        fmt::format("the search for fewer lost writes was given up after {} checks", cause.checks));
  }
  POWERCUT_TRY_STATUS(put_writes(cause, timeline, explanation.minimal));
  auto barrier = POWERCUT_TRY(find_barrier(timeline, explanation.minimal, judge));
  if (!barrier) return std::optional<Explanation>();
  cause.barrier = std::move(barrier->barrier);
  cause.checks += barrier->checks;
  cause.notes.insert(cause.notes.end(), barrier->notes.begin(), barrier->notes.end());
  if (options.places != nullptr)
    POWERCUT_TRY_STATUS(put_places(cause, explanation.minimal, *options.places));
  return std::optional(std::move(explanation));
}

}  // namespace powercut::explore
