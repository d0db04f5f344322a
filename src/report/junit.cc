// SPDX-License-Identifier: Apache-2.0
#include "report/junit.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "report/markup.h"
#include "report/text.h"

namespace powercut::report {
namespace {

using findings::Digest;

constexpr std::size_t kNameBytes = 160;

struct Case {
  std::string name;
  double seconds = 0;
  std::string problem;  // "failure", "error"; empty: none
  std::string type;
  std::string message;
  std::string details;
};

std::string one_line(std::string_view text) {
  const auto lines = lines_of(text);
  return lines.empty() ? std::string() : shortened(lines.front(), kNameBytes);
}

std::string verdict_of(const findings::Cause& cause) {
  const std::string message = one_line(cause.message);
  const std::string verdict = verdict_text(cause.outcome, cause.code, cause.step);
  return message.empty() ? verdict : fmt::format("{}: {}", verdict, message);
}

// Places, not entries: these are the same in the next run.
std::string name_of(const findings::Cause& cause) {
  std::set<std::string> places;
  for (const auto* writes : {&cause.lost, &cause.torn}) {
    for (const auto& write : *writes) {
      if (!write.place.empty()) places.insert(write.place);
    }
  }
  std::string list;
  for (const auto& place : places) list += (list.empty() ? "" : ", ") + place;
  const std::string verdict = verdict_of(cause);
  return list.empty() ? verdict
                      : fmt::format("{} (lost: {})", verdict, shortened(list, kNameBytes));
}

Case case_of_states(const Digest& digest) {
  const auto& summary = digest.summary;
  Case all = {.name = "all crash states",
              .seconds = summary.seconds,
              .details = summary_text(summary, summary.failed, {})};
  if (summary.failed > 0) {
    all.problem = "failure";
    all.type = "failing-states";
    all.message = fmt::format("{} of {} failed", number_text(summary.failed),
                              count_text(summary.checked, "state"));
  } else if (summary.checked == 0) {
    all.problem = "error";
    all.type = "nothing-checked";
    all.message = "no state was checked";
  } else if (summary.interrupted) {
    all.problem = "error";
    all.type = "incomplete";
    all.message = early_end_text(summary);
  }
  for (const auto& note : digest.run.notes) all.details += fmt::format("note: {}\n", note);
  return all;
}

Case case_of_audit(const Digest& digest) {
  Case audit = {.name = "the same verdict each time"};
  if (digest.summary.disagreements == 0) return audit;
  audit.problem = "failure";
  audit.type = "disagreement";
  audit.message = fmt::format("{} of {} had another verdict than expected",
                              number_text(digest.summary.disagreements),
                              count_text(digest.summary.audited, "state"));
  for (const auto& disagreement : digest.disagreements)
    audit.details += disagreement_text(disagreement, {});
  return audit;
}

std::vector<Case> cases_of(const Digest& digest) {
  std::vector<Case> cases = {case_of_states(digest)};
  std::set<std::string> names;
  for (const auto& cause : digest.causes) {
    std::string name = name_of(cause);
    // Two cases of one name would be taken for one.
    for (int i = 2; !names.insert(name).second; ++i)
      name = fmt::format("{} [{}]", name_of(cause), i);
    cases.push_back({.name = name,
                     .problem = "failure",
                     .type = findings::to_string(cause.outcome),
                     .message = verdict_of(cause),
                     .details = cause_text(cause, {})});
  }
  if (digest.summary.audited > 0 || digest.summary.disagreements > 0)
    cases.push_back(case_of_audit(digest));
  return cases;
}

std::string case_xml(const Case& test, std::string_view suite) {
  std::string text = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"",
                                 escaped(suite), escaped(test.name), test.seconds);
  if (test.problem.empty()) return text + "/>\n";
  text += fmt::format(">\n      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n", test.problem,
                      escaped(test.type), escaped(test.message), escaped(test.details));
  return text + "    </testcase>\n";
}

using Property = std::pair<const char*, std::string>;

std::vector<Property> properties_of(const Digest& digest) {
  const auto& run = digest.run;
  const auto& summary = digest.summary;
  std::vector<Property> all = {
      {"log", run.log},
      {"log_entries", fmt::to_string(run.log_entries)},
      {"device_size_bytes", fmt::to_string(run.device_size_bytes)},
      {"model", run.model},
      {"strategy", run.strategy},
      {"torn", run.torn},
      {"discard", run.discard},
      {"seed", fmt::to_string(run.seed)},
      {"at", run.at},
      {"checker", run.checker},
      {"cuts", fmt::to_string(summary.cuts)},
      {"possible_log2", fmt::format("{:.2f}", summary.possible_log2)},
      {"looked_at", fmt::to_string(summary.looked_at)},
      {"distinct", fmt::to_string(summary.distinct)},
      {"checked", fmt::to_string(summary.checked)},
      {"run", fmt::to_string(summary.run)},
      {"by_reads", fmt::to_string(summary.by_reads)},
      {"by_cache", fmt::to_string(summary.by_cache)},
      {"passed", fmt::to_string(summary.passed)},
      {"failed", fmt::to_string(summary.failed)},
      {"causes", fmt::to_string(summary.causes)},
      {"audited", fmt::to_string(summary.audited)},
      {"disagreements", fmt::to_string(summary.disagreements)},
      {"pairs", fmt::to_string(summary.pairs)},
      {"pairs_covered", fmt::to_string(summary.pairs_covered)},
      {"states_per_second", fmt::format("{:.1f}", summary.states_per_second())},
      {"first_failure", summary.first_failure},
      {"ended_early", early_end_text(summary)}};
  for (const auto& note : run.notes) all.emplace_back("note", note);
  std::erase_if(all, [](const Property& property) { return property.second.empty(); });
  return all;
}

}  // namespace

std::string report_junit(const Digest& digest, std::string_view suite_name) {
  const std::string suite =
      suite_name.empty() ? fmt::format("powercut: {} on {}", digest.run.checker, digest.run.log)
                         : std::string(suite_name);
  const std::vector<Case> cases = cases_of(digest);
  const auto with = [&cases](std::string_view problem) {
    return std::count_if(cases.begin(), cases.end(),
                         [problem](const Case& test) { return test.problem == problem; });
  };
  const std::string numbers =
      fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\"", cases.size(),
                  with("failure"), with("error"), digest.summary.seconds);
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format("<testsuites name=\"powercut\" {}>\n", numbers);
  text += fmt::format("  <testsuite name=\"{}\" {} skipped=\"0\">\n", escaped(suite), numbers);
  text += "    <properties>\n";
  for (const auto& [name, value] : properties_of(digest))
    text += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, escaped(value));
  text += "    </properties>\n";
  for (const auto& test : cases) text += case_xml(test, suite);
  text += fmt::format("    <system-out>{}</system-out>\n",
                      escaped(run_text(digest.run) + flushes_text(digest.flushes, {}) +
                              summary_text(digest.summary, digest.summary.failed, {})));
  return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace powercut::report
