// SPDX-License-Identifier: Apache-2.0
#include "report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace powercut::report {
namespace {

using findings::Outcome;

constexpr std::size_t kOutputLinesShown = 12;
constexpr std::size_t kBriefBytes = 80;
constexpr std::size_t kMarkBytes = 40;

std::string colored(std::string_view text, int code, const Style& style) {
  return style.color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}
std::string red(std::string_view text, const Style& style) {
  return colored(text, 31, style);
}
std::string green(std::string_view text, const Style& style) {
  return colored(text, 32, style);
}

std::string size_text(ByteCount bytes) {
  struct Unit {
    ByteCount bytes;
    const char* name;
  };
  for (const Unit unit : {Unit{kGiB, "GiB"}, Unit{kMiB, "MiB"}, Unit{kKiB, "KiB"}}) {
    if (bytes >= unit.bytes && bytes % unit.bytes == 0)
      return fmt::format("{} {}", bytes / unit.bytes, unit.name);
  }
  return fmt::format("{} bytes", bytes);
}

// What a terminal would take for a command must not come out of a checker's output.
std::string printable(std::string_view line) {
  std::string result;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\t') {
      result += "    ";
    } else if (byte >= 0x20 && byte != 0x7f) {
      result += c;
    }
  }
  return result;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    // A line that was overwritten with carriage returns ends up as its last version.
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (const auto back = line.rfind('\r'); back != std::string_view::npos)
      line.remove_prefix(back + 1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
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

std::string shortened(const std::string& text, std::size_t bytes) {
  return text.size() <= bytes ? text : text.substr(0, bytes - 3) + "...";
}

std::string failure_place(const findings::StateResult& result, const Style& style) {
  const std::string mark =
      result.mark ? fmt::format(" (behind mark {})", shortened(printable(*result.mark), kMarkBytes))
                  : std::string();
  return fmt::format("{} {}{}", red("FAIL", style), result.state, mark);
}

std::string summary_end(const findings::Summary& summary, const Style& style) {
  if (summary.interrupted) {
    return red(fmt::format("interrupted: {} of {} checked, so this is no verdict on the rest\n",
                           summary.checked, count_text(summary.cuts, "state")),
               style);
  }
  if (!summary.stopped_at_limit.empty()) {
    return fmt::format("stopped at the limit of failures: {} of {} checked\n", summary.checked,
                       count_text(summary.cuts, "state"));
  }
  return {};
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 0.0995) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 100) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string count_text(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string run_text(const findings::Exploration& run) {
  const std::string from = run.from == 0 ? std::string()
                           : run.from_reason.empty()
                               ? fmt::format(", from entry {} on", run.from)
                               : fmt::format(", from {} (entry {}) on", run.from_reason, run.from);
  std::string text =
      fmt::format("{}: {}, {} device; {} at {}{}\n", run.log,
                  run.log_entries == 1 ? "1 entry" : fmt::format("{} entries", run.log_entries),
                  size_text(run.device_size_bytes), count_text(run.cuts, "cut"), run.at, from);
  text += fmt::format("model {}, checker {}, {}\n", run.model, run.checker,
                      count_text(run.jobs, "job"));
  for (const auto& note : run.notes) text += fmt::format("note: {}\n", note);
  return text;
}

std::string verdict_text(const findings::StateResult& result) {
  switch (result.outcome) {
    case Outcome::kPassed:
      return "passed";
    case Outcome::kExitStatus:
      return fmt::format("{} exited with status {}", result.step, result.code);
    case Outcome::kSignal: {
      const char* description = sigdescr_np(result.code);
      return fmt::format("{} was killed by signal {} ({})", result.step, result.code,
                         description != nullptr ? description : "unknown");
    }
    case Outcome::kTimeout:
      return fmt::format("{} did not end in time", result.step);
    case Outcome::kMount:
      return fmt::format("{} failed", result.step);
  }
  return "failed";
}

std::string brief_failure_text(const findings::StateResult& result, const Style& style) {
  const auto lines = lines_of(result.output);
  const auto last =
      std::find_if(lines.rbegin(), lines.rend(), [](auto line) { return !line.empty(); });
  const std::string said = last == lines.rend() ? verdict_text(result) : printable(*last);
  return fmt::format("{}: {}\n", failure_place(result, style), shortened(said, kBriefBytes));
}

std::string failure_text(const findings::StateResult& result, const Style& style) {
  std::string text = fmt::format("{}: {}\n", failure_place(result, style), verdict_text(result));
  text += excerpt(result.output);
  if (!result.kept_image.empty()) text += fmt::format("  image:     {}\n", result.kept_image);
  if (!result.kept_output.empty()) text += fmt::format("  output:    {}\n", result.kept_output);
  if (!result.reproduce.empty()) text += fmt::format("  reproduce: {}\n", result.reproduce);
  return text;
}

std::string summary_text(const findings::Summary& summary, std::uint64_t failures_shown,
                         const Style& style) {
  std::string text;
  if (summary.failed > failures_shown) {
    text += fmt::format("... and {} that are not shown here\n",
                        count_text(summary.failed - failures_shown, "failing state"));
  }
  text += summary_end(summary, style);
  if (summary.checked == 0) {
    if (!summary.interrupted) {
      text += red("no state was checked: ", style) +
              "the selection gives no cut, so nothing is known\n";
    }
    return text;
  }
  const std::string first =
      summary.failed > 1 ? fmt::format(", first at {}", summary.first_failure) : std::string();
  const std::string failed = fmt::format("{} failed{}", summary.failed, first);
  text += fmt::format("{} checked in {} ({:.1f}/s): {} passed, {}\n",
                      count_text(summary.checked, "state"), duration_text(summary.seconds),
                      summary.states_per_second(), summary.passed,
                      summary.failed > 0    ? red(failed, style)
                      : summary.succeeded() ? green(failed, style)
                                            : failed);
  return text;
}

}  // namespace powercut::report
