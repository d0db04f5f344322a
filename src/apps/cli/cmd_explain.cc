// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fstream>

#include "apps/cli/commands.h"
#include "apps/cli/exploration_options.h"
#include "apps/cli/judged_log.h"
#include "apps/cli/terminal.h"
#include "apps/cli/timeline_options.h"
#include "explore/causes.h"
#include "explore/places.h"
#include "report/text.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;

// What a findings file has of it.
struct Recorded {
  std::optional<findings::Exploration> run;
  std::vector<findings::Cause> causes;
  std::vector<findings::StateResult> failures;
};

// Nothing if the file is none of findings, but a log.
Result<std::optional<Recorded>> read_findings(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || file.peek() != '{') return std::optional<Recorded>();
  Recorded recorded;
  std::string line;
  for (std::uint64_t number = 1; std::getline(file, line); ++number) {
    auto record = findings::from_json(line);
    // The last line of a run that was killed.
    if (!record && file.eof()) break;
    if (!record) return with_context(record.error(), fmt::format("'{}', line {}", path, number));
    if (auto* const run = std::get_if<findings::Exploration>(&*record)) recorded.run = *run;
    if (auto* const cause = std::get_if<findings::Cause>(&*record))
      recorded.causes.push_back(std::move(*cause));
    auto* const result = std::get_if<findings::StateResult>(&*record);
    if (result != nullptr && !result->passed()) recorded.failures.push_back(std::move(*result));
  }
  return std::optional(std::move(recorded));
}

int show(const std::vector<findings::Cause>& causes, bool as_json) {
  const Terminal terminal(false);
  for (const auto& cause : causes) {
    terminal.print(
        (as_json ? findings::to_json(cause) : report::cause_text(cause, terminal.style())) + "\n");
  }
  return causes.empty() ? 0 : 1;
}

Result<int> explain_failures(Exploration exploration, const Recorded& recorded, bool as_json) {
  // Only opens the log; the states are those of the file.
  exploration.request.at = {recorded.failures.front().state};
  const auto log = POWERCUT_TRY(JudgedLog::open(std::move(exploration)));
  explore::CauseCollector collector(log->timeline());
  for (const auto& result : recorded.failures) {
    const state::StateId id = POWERCUT_TRY(state::parse_state_id(result.state));
    collector.on_result(result, POWERCUT_TRY(log->timeline().crash_state(id)));
  }
  explore::DevicePlaces places(log->timeline());
  const auto causes = POWERCUT_TRY(
      collector.finish(&log->judge(), {.reproduce = log->reproduce(), .places = &places}));
  POWERCUT_TRY_STATUS(log->close());
  const int status = show(causes, as_json);
  return log->interrupted_status().value_or(status);
}

Result<int> explain_state(Exploration exploration, const std::string& text, bool as_json) {
  const state::StateId id = POWERCUT_TRY(state::parse_state_id(text));
  exploration.request.at = {text};
  const auto log = POWERCUT_TRY(JudgedLog::open(std::move(exploration)));
  const state::CrashState state = POWERCUT_TRY(log->timeline().crash_state(id));
  explore::DevicePlaces places(log->timeline());
  auto explanation = POWERCUT_TRY(explore::explain(
      log->timeline(), state, log->judge(), {.reproduce = log->reproduce(), .places = &places}));
  POWERCUT_TRY_STATUS(log->close());
  if (!explanation) return log->interrupted_status().value_or(1);
  if (!explanation->minimal.failed_again) {
    if (!as_json)
      Terminal(false).print(fmt::format("{} passes: there is nothing to explain\n", text));
    return 0;
  }
  findings::Cause& cause = explanation->cause;
  cause.number = 1;
  cause.states = 1;
  cause.first = text;
  return show({std::move(cause)}, as_json);
}

Result<int> run_explain(const Arguments& arguments) {
  const std::string& path = arguments.text("LOG");
  const auto state = arguments.optional_text("STATE");
  const bool as_json = arguments.is_set("json");
  const auto recorded = POWERCUT_TRY(read_findings(path));
  if (recorded && state) return usage_error("a file of findings is explained without a STATE");
  if (recorded && (!recorded->causes.empty() || recorded->failures.empty()))
    return show(recorded->causes, as_json);
  if (!recorded && !state) {
    return usage_error(
        fmt::format("'{}' is no file of findings: of a log give a STATE as well", path));
  }
  Exploration exploration;
  exploration.request.base = arguments.optional_text("base").value_or("");
  exploration.request.size_bytes = arguments.optional_integer("size");
  if (const auto index = arguments.optional_text("index"))
    exploration.request.sidecar = *index == "none" ? "" : *index;
  POWERCUT_TRY_STATUS(read_checker(arguments, exploration));
  if (recorded && !recorded->run)
    return bad_input(fmt::format("'{}' does not say which log was explored", path));
  exploration.request.log = recorded ? recorded->run->log : path;
  return recorded ? explain_failures(std::move(exploration), *recorded, as_json)
                  : explain_state(std::move(exploration), *state, as_json);
}

std::vector<flags::Flag> explain_flags() {
  std::vector<flags::Flag> all = ready_checker_flags();
  for (const auto& some : {command_flags(), timeline_flags()})
    all.insert(all.end(), some.begin(), some.end());
  all.push_back({.name = "json",
                 .help = "A line of JSON for each cause, as explore --json has it.",
                 .kind = Kind::kBool});
  return all;
}

}  // namespace

const flags::Command& explain_command() {
  static const flags::Command command = {
      .name = "explain",
      .summary = "why a crash state fails: which lost write does it, and which flush is missing",
      .description =
          {"Looks for the fewest lost (and torn) writes with which the checker still fails in the "
           "same way as on STATE, and shows what they are: when they were written, where, what of "
           "the file system stands there, and what they hold; which later writes have to have "
           "survived for it; and between which entries of the log a flush would have ruled the "
           "state out.",
           "Of a file that explore or test has written with --json the causes are shown that it "
           "has; if it has none, its failures are explained, of failures of a kind the first."},
      .positionals = {{.name = "LOG",
                       .help = "A log: a file or block device. Or a file of findings."},
                      {.name = "STATE",
                       .help = "A crash state that fails, as explore prints it.",
                       .required = false}},
      .flags = explain_flags(),
      .sections = {checker_section()},
      .examples =
          {{"Why is the database damaged in this state?",
            "powercut explain run.log epoch:412:lost:409-411.415 --mount ext4 --check ./check.sh"},
           {"What did this run find?", "powercut explain findings.jsonl"}},
      .exit_statuses = {{"0", "The state passes, or there is no failure in the file."},
                        {"1", "A failure is explained."},
                        {"2", "The command line is wrong, or the checker was not found."},
                        {"3", "The log or the file is bad."},
                        {"4", "The environment failed: an I/O error, no FUSE, no permission."}},
      .see_also = {"powercut-explore(1)", "powercut-blame(1)", "powercut-diff(1)"},
      .run = run_explain,
  };
  return command;
}

}  // namespace powercut::apps
