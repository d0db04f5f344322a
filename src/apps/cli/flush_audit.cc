// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/flush_audit.h"

#include <fmt/format.h>

#include "apps/cli/judged_log.h"
#include "apps/cli/terminal.h"
#include "apps/support/progress.h"
#include "explore/flush_audit.h"
#include "report/text.h"

namespace powercut::apps {
namespace {

Result<std::uint64_t> count_what_makes_durable(const state::Timeline& timeline, EntryIndex from,
                                               EntryIndex to) {
  std::uint64_t number = 0;
  for (EntryIndex i = from; i < to; ++i) {
    const index::EntrySummary entry = POWERCUT_TRY(timeline.index().entry(i));
    if (entry.is_flush() || (entry.is_fua() && entry.writes())) ++number;
  }
  return number;
}

}  // namespace

Result<int> audit_flushes(Exploration exploration) {
  const bool has_standard_output = exploration.findings.json == "-";
  FindingsOutput findings = POWERCUT_TRY(FindingsOutput::open(exploration.findings));
  const auto log = POWERCUT_TRY(JudgedLog::open(std::move(exploration)));
  const state::StateListOptions& list = log->plan().list;
  if (!log->plan().states.empty() || list.model == state::Model::kPrefix) {
    return usage_error(
        "--flushes looks for states of its own, of model exact or epoch: give no states with --at, "
        "and no --model prefix");
  }
  const Terminal terminal(has_standard_output);
  terminal.print(report::run_text(log->plan().facts) + "\n");
  findings.write(log->plan().facts);
  Progress progress("flushes",
                    POWERCUT_TRY(count_what_makes_durable(log->timeline(), list.from, list.to)));
  std::vector<findings::FlushVerdict> verdicts;
  const auto sink = [&](const findings::FlushVerdict& verdict) {
    findings.write(verdict);
    verdicts.push_back(verdict);
    progress.update(verdicts.size());
  };
  const auto is_whole = explore::audit_flushes(log->timeline(), log->judge(),
                                               {.model = list.model,
                                                .from = list.from,
                                                .to = list.to,
                                                .strategies = list.strategies,
                                                .choices = list.choices,
                                                .discard = list.discard,
                                                .reproduce = log->reproduce()},
                                               sink);
  progress.clear();
  if (!is_whole) return tl::unexpected(is_whole.error());
  POWERCUT_TRY_STATUS(log->close());
  terminal.print(verdicts.empty() ? "there is no flush and no write with FUA to look at\n"
                                  : report::flushes_text(verdicts, terminal.style()));
  POWERCUT_TRY_STATUS(findings.close());
  return *is_whole ? 0 : log->interrupted_status().value_or(1);
}

}  // namespace powercut::apps
