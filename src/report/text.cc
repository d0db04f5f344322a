// SPDX-License-Identifier: Apache-2.0
#include "report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace powercut::report {
namespace {

constexpr std::size_t kOutputLinesShown = 12;
constexpr std::size_t kCausesShown = 20;
constexpr std::size_t kFlushesShown = 8;
constexpr std::size_t kEntriesInText = 40;
constexpr std::size_t kBriefBytes = 80;
constexpr std::size_t kMarkBytes = 40;
constexpr std::size_t kPlaceBytes = 80;

std::string colored(std::string_view text, int code, const Style& style) {
  return style.color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}
std::string red(std::string_view text, const Style& style) {
  return colored(text, 31, style);
}
std::string green(std::string_view text, const Style& style) {
  return colored(text, 32, style);
}

// What a terminal would take for a command must not come out of a log or a checker's output: control
// characters, also those of two bytes in UTF-8 (U+0080 to U+009F).
std::string printable(std::string_view line) {
  std::string result;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    const auto next = i + 1 < line.size() ? static_cast<unsigned char>(line[i + 1]) : 0U;
    if (line[i] == '\t') {
      result += "    ";
    } else if (line[i] == '\n') {
      result += ' ';
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
      ++i;
    } else if (byte >= 0x20 && byte != 0x7f) {
      result += line[i];
    }
  }
  return result;
}

// A command may have several lines: within quotes a newline is a part of it.
std::string command_text(std::string_view command) {
  std::string result;
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = command.find('\n');
    result += printable(command.substr(0, end));
    if (end != std::string_view::npos) result += '\n';
    command.remove_prefix(end == std::string_view::npos ? command.size() : end + 1);
  }
  return result;
}

// The last lines, indented: what went wrong mostly stands at the end.
std::string excerpt(const std::string& output) {
  const auto lines = lines_of(output);
  const std::size_t shown = std::min(lines.size(), kOutputLinesShown);
  std::string text;
  if (shown < lines.size())
    text += fmt::format("  | ... ({} before)\n", count_text(lines.size() - shown, "line"));
  for (std::size_t i = lines.size() - shown; i < lines.size(); ++i) {
    text += fmt::format("  | {}\n", printable(lines[i]));
  }
  return text;
}

std::string behind_mark(const std::optional<std::string>& mark) {
  return mark ? fmt::format("behind mark {}", shortened(printable(*mark), kMarkBytes))
              : std::string();
}

std::string failure_place(const findings::StateResult& result, const Style& style) {
  const std::string mark =
      result.mark ? fmt::format(" ({})", behind_mark(result.mark)) : std::string();
  return fmt::format("{} {}{}", red("FAIL", style), printable(result.state), mark);
}

// "    entry 409: write of 4 KiB at byte 65,536 (text, /app.db, behind mark row 6)"
std::string write_line(const findings::Write& write) {
  std::string about;
  for (const std::string& part :
       {tear_text(write), printable(write.content), shortened(printable(write.place), kPlaceBytes),
        when_text(write), behind_mark(write.mark)}) {
    if (!part.empty()) about += (about.empty() ? " (" : ", ") + part;
  }
  if (!about.empty()) about += ")";
  return fmt::format("    entry {}: {} of {}{}\n", write.entry, printable(kind_text(write)),
                     range_text(write), about);
}

std::string writes_text(const char* heading, const std::vector<findings::Write>& writes) {
  if (writes.empty()) return {};
  std::string text = fmt::format("  {}\n", heading);
  for (const auto& write : writes) text += write_line(write);
  return text;
}

std::string circumstances_text(const findings::Cause& cause) {
  if (cause.minimal.empty()) return {};
  if (cause.lost.empty() && cause.torn.empty()) {
    return fmt::format("  nothing has to be lost for it: {} fails\n", printable(cause.minimal));
  }
  return writes_text("lost:", cause.lost) + writes_text("torn:", cause.torn) +
         writes_text("and these survived:", cause.survivors);
}

std::string needed_flush_text(const findings::FlushVerdict& flush, const Style& style) {
  const std::string mark = flush.mark ? fmt::format(" ({})", behind_mark(flush.mark)) : "";
  std::string text = fmt::format("  entry {}: {} {}{}: without it {}\n", flush.entry,
                                 green("needed", style), printable(kind_text(flush)), mark,
                                 printable(verdict_text(flush.outcome, flush.code, flush.step)));
  if (!flush.reproduce.empty())
    text += fmt::format("    reproduce: {}\n", command_text(flush.reproduce));
  return text;
}

std::string how_known_text(const findings::Summary& summary) {
  std::string text;
  if (summary.by_reads > 0)
    text += fmt::format(", {} as others that read the same", number_text(summary.by_reads));
  if (summary.by_cache > 0)
    text += fmt::format(", {} known from the cache", number_text(summary.by_cache));
  if (text.empty()) return {};
  return fmt::format("verdicts: {} run{}\n", number_text(summary.run), text);
}

std::string coverage_text(const findings::Summary& summary) {
  std::string text;
  // Without choices there is one state for each cut.
  if (summary.possible_log2 > 0 && summary.looked_at > 0) {
    text += fmt::format(
        "{}: {} states possible, {} looked at, {} of them with a content of their own\n",
        count_text(summary.cuts, "cut"), possible_text(summary), number_text(summary.looked_at),
        number_text(summary.distinct));
  }
  if (summary.pairs > 0) {
    text += fmt::format("{} of writes that can be lost: {} seen in all four combinations\n",
                        count_text(summary.pairs, "pair"), number_text(summary.pairs_covered));
  }
  text += how_known_text(summary);
  if (summary.audited > 0 && summary.disagreements == 0) {
    text += fmt::format("audit: {} not run at first: the same verdict\n",
                        count_text(summary.audited, "state"));
  }
  return text;
}

std::string early_end_line(const findings::Summary& summary, const Style& style) {
  const std::string text = early_end_text(summary);
  if (text.empty()) return {};
  return (summary.interrupted ? red(text, style) : text) + "\n";
}

std::string no_state_text(const findings::Summary& summary, const Style& style) {
  if (summary.interrupted) return {};
  return red("no state was checked: ", style) +
         (summary.cuts == 0 ? "the selection gives no cut, so nothing is known\n"
                            : "so nothing is known\n");
}

}  // namespace

std::string run_text(const findings::Exploration& run) {
  const std::string from =
      run.from == 0 ? std::string()
      : run.from_reason.empty()
          ? fmt::format(", from entry {} on", run.from)
          : fmt::format(", from {} (entry {}) on", printable(run.from_reason), run.from);
  std::string text = fmt::format(
      "{}: {} {}, {} device; {} at {}{}\n", printable(run.log), number_text(run.log_entries),
      run.log_entries == 1 ? "entry" : "entries", size_text(run.device_size_bytes),
      count_text(run.cuts, "cut"), printable(run.at), from);
  text += fmt::format("{}, checker {}, {}{}\n", printable(model_text(run)), printable(run.checker),
                      count_text(run.jobs, "job"),
                      run.shards > 1 ? fmt::format(", shard {} of {}", run.shard, run.shards) : "");
  for (const auto& note : run.notes) text += fmt::format("note: {}\n", printable(note));
  return text;
}

std::string brief_failure_text(const findings::StateResult& result, const Style& style) {
  const auto lines = lines_of(result.output);
  const auto last =
      std::find_if(lines.rbegin(), lines.rend(), [](auto line) { return !line.empty(); });
  const std::string said = printable(last == lines.rend() ? verdict_text(result) : *last);
  return fmt::format("{}: {}\n", failure_place(result, style), shortened(said, kBriefBytes));
}

std::string failure_text(const findings::StateResult& result, const Style& style) {
  std::string text =
      fmt::format("{}: {}\n", failure_place(result, style), printable(verdict_text(result)));
  text += excerpt(result.output);
  if (!result.kept_image.empty())
    text += fmt::format("  image:     {}\n", printable(result.kept_image));
  if (!result.kept_output.empty())
    text += fmt::format("  output:    {}\n", printable(result.kept_output));
  if (!result.reproduce.empty())
    text += fmt::format("  reproduce: {}\n", command_text(result.reproduce));
  return text;
}

std::string cause_text(const findings::Cause& cause, const Style& style) {
  std::string text = fmt::format("{} {}, in {}; the first is {}\n",
                                 red(fmt::format("CAUSE {}", cause.number), style),
                                 printable(verdict_text(cause.outcome, cause.code, cause.step)),
                                 count_text(cause.states, "state"), printable(cause.first));
  text += excerpt(cause.message);
  text += circumstances_text(cause);
  if (cause.barrier) text += fmt::format("  {}\n", printable(barrier_text(cause)));
  for (const auto& note : cause.notes) text += fmt::format("  note: {}\n", printable(note));
  if (!cause.reproduce.empty())
    text += fmt::format("  reproduce: {}\n", command_text(cause.reproduce));
  return text;
}

std::string flushes_text(const std::vector<findings::FlushVerdict>& flushes, const Style& style) {
  if (flushes.empty()) return {};
  std::string shown;
  std::vector<std::uint64_t> needed;
  std::vector<std::uint64_t> others;
  for (const auto& flush : flushes) {
    (flush.is_needed ? needed : others).push_back(flush.entry);
    if (flush.is_needed && needed.size() <= kFlushesShown) shown += needed_flush_text(flush, style);
  }
  std::string text = fmt::format("flushes and FUA: {} looked at, {} needed\n",
                                 number_text(flushes.size()), number_text(needed.size()));
  text += shown;
  if (needed.size() > kFlushesShown) {
    needed.erase(needed.begin(), needed.begin() + kFlushesShown);
    text += fmt::format("  needed, too: {}\n", entries_text(needed, kEntriesInText));
  }
  if (!others.empty()) {
    text +=
        fmt::format("  never made a difference here: {}\n", entries_text(others, kEntriesInText));
  }
  return text;
}

std::string disagreement_text(const findings::Disagreement& disagreement, const Style& style) {
  const std::string other =
      disagreement.same_as.empty() ? "from the cache" : fmt::format("as {}", disagreement.same_as);
  return fmt::format(
      "{} {}: {}, and was taken for: {} ({})\n"
      "  The checker does not always give the same verdict, or reads what is not on the device.\n",
      red("AUDIT", style), printable(disagreement.state), printable(disagreement.found),
      printable(disagreement.expected), printable(other));
}

std::string summary_text(const findings::Summary& summary, std::uint64_t failures_shown,
                         const Style& style) {
  std::string text;
  if (summary.failed > failures_shown) {
    text += fmt::format("... and {} that are not shown here\n",
                        count_text(summary.failed - failures_shown, "failing state"));
  }
  text += early_end_line(summary, style);
  if (summary.checked == 0) return text + no_state_text(summary, style);
  text += coverage_text(summary);
  const std::string causes = summary.causes > 0
                                 ? fmt::format(" for {}", count_text(summary.causes, "cause"))
                                 : std::string();
  const std::string first = summary.failed > 1
                                ? fmt::format(", first at {}", printable(summary.first_failure))
                                : std::string();
  const std::string failed =
      fmt::format("{} failed{}{}", number_text(summary.failed), causes, first);
  // A run that was killed does not say how long it took.
  const std::string time = summary.seconds > 0
                               ? fmt::format(" in {} ({:.1f}/s)", duration_text(summary.seconds),
                                             summary.states_per_second())
                               : std::string();
  text += fmt::format("{} checked{}: {} passed, {}\n", count_text(summary.checked, "state"), time,
                      number_text(summary.passed),
                      summary.failed > 0    ? red(failed, style)
                      : summary.succeeded() ? green(failed, style)
                                            : failed);
  return text;
}

std::string report_text(const findings::Digest& digest, const Style& style) {
  std::string text = run_text(digest.run) + "\n";
  const std::size_t shown = std::min(digest.causes.size(), kCausesShown);
  for (std::size_t i = 0; i < shown; ++i) text += cause_text(digest.causes[i], style) + "\n";
  if (digest.summary.causes > shown) {
    text += fmt::format("... and {} that are not shown here\n\n",
                        count_text(digest.summary.causes - shown, "cause"));
  }
  for (const auto& disagreement : digest.disagreements)
    text += disagreement_text(disagreement, style) + "\n";
  if (!digest.flushes.empty()) text += flushes_text(digest.flushes, style) + "\n";
  return text + summary_text(digest.summary, digest.summary.failed, style);
}

}  // namespace powercut::report
