// SPDX-License-Identifier: Apache-2.0
#include "report/html_cause.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/words.h"

namespace powercut::report {
namespace {

using findings::Cause;
using findings::Write;

constexpr std::uint64_t kMostUnitsDrawn = 64;

// A line of the story, and where it stands in the log.
struct Row {
  EntryIndex entry = 0;
  Html html;
};

Html units_of(const Write& write) {
  if (write.units == 0 || write.units > kMostUnitsDrawn) return {};
  Html units;
  for (std::uint64_t i = 0; i < write.units; ++i) {
    const bool is_in =
        std::find(write.survived.begin(), write.survived.end(), i) != write.survived.end();
    units += Html{is_in ? R"(<u class="in"></u>)" : "<u></u>"};
  }
  return fill(templates::kUnits, {{"title", html_text(tear_text(write))}, {"units", units}});
}

// "<b>/app.db</b>, text, behind mark row 6"
Html place_of(const Write& write) {
  Html html;
  if (!write.place.empty()) html += Html{"<b>" + html_text(write.place).markup + "</b>"};
  std::string rest;
  for (const std::string& part :
       {write.content, tear_text(write),
        write.mark ? fmt::format("behind mark {}", *write.mark) : std::string()}) {
    if (!part.empty()) rest += (rest.empty() && html.empty() ? "" : ", ") + part;
  }
  html += html_text(rest);
  return html;
}

Row row_of(const Write& write, const char* fate, const char* word) {
  const std::string what = fmt::format("{} of {}", kind_text(write), range_text(write));
  return {write.entry, fill(templates::kWrite, {{"fate", html_text(fate)},
                                                {"word", html_text(word)},
                                                {"entry", html_text(number_text(write.entry))},
                                                {"what", html_text(what)},
                                                {"units", units_of(write)},
                                                {"place", place_of(write)}})};
}

Html line(const char* kind, const char* word, std::string_view text) {
  return fill(templates::kLine,
              {{"kind", html_text(kind)}, {"word", html_text(word)}, {"text", html_text(text)}});
}

Html story_of(const Cause& cause) {
  if (cause.minimal.empty() || (cause.lost.empty() && cause.torn.empty())) return {};
  std::vector<Row> rows;
  for (const auto& write : cause.lost) rows.push_back(row_of(write, "lost", "lost"));
  for (const auto& write : cause.torn) rows.push_back(row_of(write, "torn", "torn"));
  for (const auto& write : cause.survivors) rows.push_back(row_of(write, "survived", "survived"));
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.entry < b.entry; });
  Html html;
  bool has_barrier = !cause.barrier;
  for (const auto& row : rows) {
    if (!has_barrier && row.entry > cause.barrier->after) {
      html += line("barrier", "missing", "a flush here would have ruled it out");
      has_barrier = true;
    }
    html += row.html;
  }
  if (!has_barrier) html += line("barrier", "missing", "a flush here would have ruled it out");
  if (cause.barrier && cause.barrier->because.starts_with("mark")) {
    html += line(
        "promise", "promise",
        fmt::format("entry {}: {}", number_text(cause.barrier->before), cause.barrier->because));
  }
  html += line("cut", "power cut", cause.minimal);
  return fill(templates::kStory, {{"rows", html}});
}

std::string advice_for(const Cause& cause) {
  if (cause.minimal.empty()) return {};
  if (cause.lost.empty() && cause.torn.empty())
    return "Nothing has to be lost for it: everything that was written before the cut is there.";
  return barrier_text(cause);
}

}  // namespace

Html html_command(std::string_view command) {
  if (command.empty()) return {};
  return fill(templates::kCommand, {{"command", html_text(command)}});
}

Html html_output(std::string_view output) {
  std::string text;
  for (const auto line : lines_of(output)) text += std::string(line) + "\n";
  if (text.empty()) return {};
  return fill(templates::kOutput, {{"output", html_text(text)}});
}

Html html_cause(const Cause& cause) {
  const std::string states = cause.states == 1 ? "1 state" : count_text(cause.states, "state");
  return fill(templates::kCause,
              {{"number", html_text(fmt::to_string(cause.number))},
               {"verdict", html_text(verdict_text(cause.outcome, cause.code, cause.step))},
               {"states", html_text(states)},
               {"message", html_output(cause.message)},
               {"story", story_of(cause)},
               {"advice", html_text(advice_for(cause))},
               {"reproduce", html_command(cause.reproduce)}});
}

}  // namespace powercut::report
