// SPDX-License-Identifier: Apache-2.0
#include "explore/results.h"

#include <fmt/format.h>

#include "base/subprocess.h"
#include "check/shell.h"
#include "explore/keep.h"
#include "explore/signature.h"

namespace powercut::explore {
namespace {

constexpr ByteCount kExcerptBytes = 8 * kKiB;

// Its two ends.
std::string excerpt(const std::string& output) {
  BoundedText text(kExcerptBytes);
  text.append(output);
  return text.text();
}

}  // namespace

Result<findings::StateResult> Results::make(const state::StateList::State& listed,
                                            const Judgement& judgement) const {
  findings::StateResult result;
  result.state = to_string(listed.id);
  result.entries = listed.state.group->entries_in_front;
  result.mark = marks_.last(marks_.sure(listed.state));
  result.source = judgement.source;
  result.same_as = judgement.same_as;
  result.outcome = outcome_of(judgement.verdict.outcome);
  result.seconds = judgement.seconds;
  if (!result.passed()) POWERCUT_TRY_STATUS(add_failure(listed, judgement.verdict, result));
  return result;
}

Status Results::add_failure(const state::StateList::State& listed, const check::Verdict& verdict,
                            findings::StateResult& result) const {
  result.code = verdict.code;
  result.step = verdict.step;
  result.output = excerpt(verdict.step_output);
  std::vector<std::string> reproduce = options_.reproduce;
  // Without a model "entry:N" is a cut.
  if (listed.id.model == state::Model::kPrefix)
    reproduce.insert(reproduce.end(), {"--model", "prefix"});
  reproduce.insert(reproduce.end(), {"--at", result.state});
  result.reproduce = check::shell_joined(reproduce);
  if (options_.keep_directory.empty()) return {};
  return keep(listed.state, verdict.output, result);
}

Status Results::keep(const state::CrashState& state, const std::string& output,
                     findings::StateResult& result) const {
  const std::string stem =
      fmt::format("{}/{}", options_.keep_directory, file_name_of(result.state));
  result.kept_image = stem + ".img";
  result.kept_output = stem + ".out";
  POWERCUT_TRY_STATUS(
      keep_image(*timeline_.view(state, state::GroupMap(state)), result.kept_image));
  return keep_text(output, result.kept_output);
}

void Tally::add(const findings::StateResult& result) {
  ++summary_.checked;
  switch (result.source) {
    case findings::Source::kRun:
      ++summary_.run;
      break;
    case findings::Source::kReads:
      ++summary_.by_reads;
      break;
    case findings::Source::kCache:
      ++summary_.by_cache;
      break;
  }
  ++(result.passed() ? summary_.passed : summary_.failed);
  if (!result.passed() && (summary_.first_failure.empty() || result.entries < first_failing_cut_)) {
    summary_.first_failure = result.state;
    first_failing_cut_ = result.entries;
  }
}

}  // namespace powercut::explore
