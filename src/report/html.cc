// SPDX-License-Identifier: Apache-2.0
#include "report/html.h"

#include <fmt/format.h>

#include "report/html_cause.h"
#include "report/html_template.h"
#include "report/html_timeline.h"
#include "report/words.h"

namespace powercut::report {
namespace {

using findings::Digest;

// More in a row than this nobody reads; the findings have them.
constexpr std::size_t kFlushRowsShown = 200;
constexpr std::size_t kEntriesOnPage = 100;

enum class Verdict { kPassed, kFailed, kUnknown };

Verdict verdict_on(const findings::Summary& summary) {
  if (summary.failed > 0) return Verdict::kFailed;
  return summary.succeeded() ? Verdict::kPassed : Verdict::kUnknown;
}

std::string headline(const findings::Summary& summary) {
  if (summary.failed > 0) {
    return fmt::format("{} of {} {}", number_text(summary.failed),
                       count_text(summary.checked, "crash state"),
                       summary.checked == 1 || summary.failed == 1 ? "fails" : "fail");
  }
  if (summary.checked == 0) return "No crash state was checked";
  if (summary.disagreements > 0) return "The verdicts cannot be relied on";
  if (summary.interrupted) return "No verdict: the run is not complete";
  if (summary.checked == 1) return "The one crash state passes";
  return fmt::format("All {} pass", count_text(summary.checked, "crash state"));
}

std::string lead(const Digest& digest) {
  std::string text;
  if (digest.summary.causes > 0)
    text = fmt::format("for {} \u00b7 ", count_text(digest.summary.causes, "cause"));
  return text + fmt::format("checker {} \u00b7 {}", digest.run.checker, model_text(digest.run));
}

Html notes(const Digest& digest) {
  Html html;
  const auto add = [&html](std::string_view text) {
    html += fill(templates::kNote, {{"text", html_text(text)}});
  };
  if (const std::string end = early_end_text(digest.summary); !end.empty()) add(end);
  for (const auto& note : digest.run.notes) add(note);
  return html;
}

Html section(const char* id, const char* title, const Html& body) {
  if (body.empty()) return {};
  return fill(templates::kSection,
              {{"id", html_text(id)}, {"title", html_text(title)}, {"body", body}});
}

// "2^70.5" as print has it.
Html power(const std::string& number) {
  const std::size_t hat = number.find('^');
  if (hat == std::string::npos) return html_text(number);
  return Html{html_text(number.substr(0, hat)).markup + "<sup>" +
              html_text(number.substr(hat + 1)).markup + "</sup>"};
}

Html tile(const char* kind, const std::string& value, const char* label, std::string_view detail) {
  return fill(templates::kTile, {{"kind", html_text(kind)},
                                 {"value", power(value)},
                                 {"label", html_text(label)},
                                 {"detail", html_text(detail)}});
}

// "800 run, 400 read the same, 34 cached"; nothing if all were run.
std::string sources_text(const findings::Summary& summary) {
  std::string text;
  if (summary.by_reads > 0)
    text += fmt::format(", {} read the same", number_text(summary.by_reads));
  if (summary.by_cache > 0) text += fmt::format(", {} cached", number_text(summary.by_cache));
  return text.empty() ? "each by a run of the checker" : number_text(summary.run) + " run" + text;
}

Html tiles(const Digest& digest) {
  const auto& summary = digest.summary;
  Html html;
  // A run that was killed does not say how far it got, nor how long it took.
  if (summary.cuts > 0 || summary.checked == 0) {
    html += tile("", number_text(summary.cuts), "cuts",
                 summary.cuts == digest.run.cuts
                     ? fmt::format("at {}", digest.run.at)
                     : fmt::format("of {} at {}", number_text(digest.run.cuts), digest.run.at));
  }
  // Without choices there is one state for each cut.
  if (summary.possible_log2 > 0) {
    html += tile("", possible_text(summary), "states possible", "what these cuts can leave");
    html += tile("", number_text(summary.looked_at), "looked at", digest.run.strategy);
    html += tile("", number_text(summary.distinct), "distinct",
                 summary.by_content() == 0 ? "contents of the device"
                                           : fmt::format("{} had a content that was known",
                                                         number_text(summary.by_content())));
  }
  html += tile("", number_text(summary.checked), "verdicts", sources_text(summary));
  html += tile(summary.failed > 0    ? "bad"
               : summary.succeeded() ? "good"
                                     : "",
               number_text(summary.failed), "failed",
               summary.causes > 0 ? "for " + count_text(summary.causes, "cause") : "");
  if (summary.seconds > 0) {
    html += tile("", duration_text(summary.seconds), "taken",
                 fmt::format("{:.1f} states per second", summary.states_per_second()));
  }
  return html;
}

Html numbers(const Digest& digest) {
  const auto& summary = digest.summary;
  std::string aside;
  if (summary.pairs > 0) {
    aside += fmt::format(
        "Of {} of writes that can be lost, {} were seen in all four combinations of lost and "
        "survived. ",
        count_text(summary.pairs, "pair"), number_text(summary.pairs_covered));
  }
  if (summary.audited > 0 && summary.disagreements == 0) {
    aside += fmt::format("{} that were not run at first were run after all, with the same verdict.",
                         count_text(summary.audited, "state"));
  }
  return fill(templates::kTiles, {{"tiles", tiles(digest)}, {"aside", html_text(aside)}});
}

Html causes(const Digest& digest) {
  Html html;
  for (const auto& cause : digest.causes) html += html_cause(cause);
  if (digest.causes_left_out > 0) {
    html += fill(templates::kNote,
                 {{"text", html_text(fmt::format("{} more are not shown here.",
                                                 count_text(digest.causes_left_out, "cause")))}});
  }
  return html;
}

Html disagreements(const Digest& digest) {
  Html rows;
  for (const auto& disagreement : digest.disagreements) {
    rows += fill(templates::kDisagreement,
                 {{"state", html_text(disagreement.state)},
                  {"expected", html_text(disagreement.expected)},
                  {"found", html_text(disagreement.found)},
                  {"same_as",
                   html_text(disagreement.same_as.empty() ? "the cache" : disagreement.same_as)}});
  }
  return rows.empty() ? Html{} : fill(templates::kDisagreements, {{"rows", rows}});
}

Html flush_row(const findings::FlushVerdict& flush) {
  return fill(templates::kFlush,
              {{"entry", html_text(number_text(flush.entry))},
               {"kind", html_text(kind_text(flush))},
               {"mark", html_text(flush.mark.value_or(""))},
               {"verdict", html_text(verdict_text(flush.outcome, flush.code, flush.step))},
               {"reproduce", html_command(flush.reproduce)}});
}

Html flushes(const Digest& digest) {
  if (digest.flushes.empty()) return {};
  Html rows;
  std::size_t needed = 0;
  std::vector<std::uint64_t> others;
  for (const auto& flush : digest.flushes) {
    if (!flush.is_needed) {
      others.push_back(flush.entry);
    } else if (++needed <= kFlushRowsShown) {
      rows += flush_row(flush);
    }
  }
  std::string rest;
  if (needed > kFlushRowsShown) {
    rest +=
        fmt::format("{} needed ones are not shown here. ", number_text(needed - kFlushRowsShown));
  }
  rest +=
      others.empty()
          ? "All of them are needed."
          : fmt::format("{} of {} made no difference: {}.", number_text(others.size()),
                        number_text(digest.flushes.size()), entries_text(others, kEntriesOnPage));
  return fill(templates::kFlushes,
              {{"table", rows.empty() ? Html{} : fill(templates::kFlushTable, {{"rows", rows}})},
               {"others", fill(templates::kAside, {{"text", html_text(rest)}})}});
}

Html failing_state(const findings::StateResult& result) {
  std::string kept;
  if (!result.kept_image.empty()) kept += fmt::format("image: {} ", result.kept_image);
  if (!result.kept_output.empty()) kept += fmt::format("output: {}", result.kept_output);
  return fill(
      templates::kState,
      {{"state", html_text(result.state)},
       {"verdict", html_text(verdict_text(result))},
       {"mark", html_text(result.mark ? fmt::format("behind mark {}", *result.mark) : "")},
       {"output", html_output(result.output)},
       {"kept", kept.empty() ? Html{} : fill(templates::kAside, {{"text", html_text(kept)}})},
       {"reproduce", html_command(result.reproduce)}});
}

Html failing_states(const Digest& digest) {
  if (digest.failures.empty()) return {};
  Html states;
  for (const auto& failure : digest.failures) states += failing_state(failure);
  const std::size_t shown = digest.failures.size();
  const std::string label =
      digest.summary.failed > shown
          ? fmt::format("The first {} of {}, in the order of the log", number_text(shown),
                        count_text(digest.summary.failed, "failing state"))
          : fmt::format("{}, in the order of the log", count_text(shown, "failing state"));
  return fill(templates::kStates, {{"label", html_text(label)}, {"states", states}});
}

Html facts(const findings::Exploration& run) {
  Html html;
  const auto add = [&html](const char* name, const std::string& value) {
    if (!value.empty())
      html += fill(templates::kFact, {{"name", html_text(name)}, {"value", html_text(value)}});
  };
  add("Log", run.log);
  add("Id of the log", run.log_id);
  add("Entries", number_text(run.log_entries));
  add("Device", size_text(run.device_size_bytes));
  add("Checker", run.checker);
  add("Model", run.model);
  add("Strategy", run.strategy);
  add("Torn writes",
      run.torn == "off" || run.torn.empty() ? run.torn : "units of " + run.torn + " bytes");
  add("Discarded ranges read as", run.discard);
  add("Seed", run.strategy.empty() ? "" : fmt::to_string(run.seed));
  add("Cuts at", run.at);
  add("From", run.from == 0 ? ""
              : run.from_reason.empty()
                  ? fmt::format("entry {}", number_text(run.from))
                  : fmt::format("{} (entry {})", run.from_reason, number_text(run.from)));
  add("Checks at a time", fmt::to_string(run.jobs));
  return fill(templates::kFacts, {{"facts", html}});
}

}  // namespace

std::string report_html(const Digest& digest) {
  Html sections = section("numbers", "How much was looked at", numbers(digest));
  sections += section("timeline", "Where in the log", html_timeline(digest));
  sections += section("causes", "Why states fail", causes(digest));
  sections += section("audit", "Verdicts that were not the same again", disagreements(digest));
  sections += section("flushes", "Which flushes are needed", flushes(digest));
  sections += section("states", "Failing states", failing_states(digest));
  sections += section("run", "About this run", facts(digest.run));
  constexpr const char* kVerdicts[] = {"passed", "failed", "unknown"};
  const auto verdict = static_cast<std::size_t>(verdict_on(digest.summary));
  return fill(templates::kPage, {{"headline", html_text(headline(digest.summary))},
                                 {"log", html_text(digest.run.log)},
                                 {"style", Html{std::string(templates::kStyle)}},
                                 {"verdict", html_text(kVerdicts[verdict])},
                                 {"lead", html_text(lead(digest))},
                                 {"notes", notes(digest)},
                                 {"sections", sections}})
      .markup;
}

}  // namespace powercut::report
