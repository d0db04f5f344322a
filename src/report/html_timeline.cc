// SPDX-License-Identifier: Apache-2.0
#include "report/html_timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/words.h"

namespace powercut::report {
namespace {

using findings::Digest;

// In the units of the drawing, whose size html/timeline.html gives.
constexpr double kWidth = 960;
constexpr double kBase = 80;  // where the bars stand
constexpr double kMostHeight = 74;
constexpr double kLeastHeight = 3;  // of one state among a thousand, too, something is to be seen
constexpr double kFlushTop = 85;
constexpr double kPinCentre = 106;
constexpr double kPinRadius = 8;
constexpr double kLabelBase = 129;
constexpr std::size_t kMostPins = 20;

double place_of(const Digest& digest, EntryIndex entry) {
  const auto entries = static_cast<double>(std::max<std::uint64_t>(digest.run.log_entries, 1));
  return std::min(1.0, static_cast<double>(entry) / entries) * kWidth;
}

std::string rectangle(const char* kind, double x, double y, double width, double height) {
  return fmt::format(R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)",
                     kind, x, y, width, height);
}

std::string label(double x, const char* anchor, std::string_view text) {
  return fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>)", x, kLabelBase, anchor,
                     html_text(text).markup);
}

// Few and many are to be told apart, and one is to be seen: a logarithmic scale.
std::string bars(const Digest& digest) {
  std::uint64_t most = 1;
  for (const auto& stretch : digest.stretches)
    most = std::max(most, stretch.passed + stretch.failed);
  const double width = kWidth / static_cast<double>(digest.stretches.size());
  std::string text;
  for (std::size_t i = 0; i < digest.stretches.size(); ++i) {
    const auto& stretch = digest.stretches[i];
    const auto all = static_cast<double>(stretch.passed + stretch.failed);
    if (all == 0) continue;
    const double height = std::max(
        kLeastHeight, kMostHeight * std::log1p(all) / std::log1p(static_cast<double>(most)));
    const double failed =
        stretch.failed == 0
            ? 0
            : std::max(kLeastHeight, height * static_cast<double>(stretch.failed) / all);
    const double x = static_cast<double>(i) * width;
    text += fmt::format("<g><title>{} passed, {} failed</title>", number_text(stretch.passed),
                        number_text(stretch.failed));
    if (failed < height)
      text += rectangle("passing", x, kBase - height, width - 0.6, height - failed);
    if (failed > 0) text += rectangle("failing", x, kBase - failed, width - 0.6, failed);
    text += "</g>\n";
  }
  return text;
}

std::string flush_row(const Digest& digest) {
  // Needed ones last, so that they lie on top; the others once for each place that can be told apart.
  std::string needed;
  std::string others;
  double last = -1;
  for (const auto& flush : digest.flushes) {
    const double x = place_of(digest, flush.entry);
    if (flush.is_needed) {
      needed += rectangle("needed", x - 1, kFlushTop - 1, 2.5, 8);
    } else if (x - last >= 1) {
      others += rectangle("idle", x, kFlushTop, 1, 6);
      last = x;
    }
  }
  return others + needed;
}

std::string pins(const Digest& digest) {
  std::vector<std::pair<double, std::uint64_t>> places;
  for (const auto& cause : digest.causes) {
    EntryIndex last = 0;
    for (const auto* writes : {&cause.lost, &cause.torn}) {
      for (const auto& write : *writes) last = std::max(last, write.entry);
    }
    const bool has_place = !cause.lost.empty() || !cause.torn.empty();
    if (has_place && places.size() < kMostPins)
      places.emplace_back(place_of(digest, last), cause.number);
  }
  std::sort(places.begin(), places.end());
  std::string text;
  double left = kPinRadius;
  for (const auto& [x, number] : places) {
    // Side by side where they would lie on each other.
    const double centre = std::max(left, std::min(x, kWidth - kPinRadius));
    left = centre + 2 * kPinRadius + 2;
    text += fmt::format(
        R"(<g class="pin"><line x1="{:.1f}" y1="{}" x2="{:.1f}" y2="{}"/><circle cx="{:.1f}" cy="{}" r="{}"/>)"
        R"(<text x="{:.1f}" y="{}">{}</text></g>)",
        x, kBase, centre, kPinCentre - kPinRadius, centre, kPinCentre, kPinRadius, centre,
        kPinCentre + 4, number);
    text += '\n';
  }
  return text;
}

std::string axis(const Digest& digest) {
  const auto& run = digest.run;
  std::string text =
      fmt::format(R"(<line class="axis" x1="0" y1="{0}" x2="{1}" y2="{0}"/>)", kBase + 1, kWidth);
  const double from = place_of(digest, run.from);
  const bool has_from = from > 140 && from < kWidth - 140;
  if (has_from) {
    text += label(from, "middle",
                  run.from_reason.empty() ? fmt::format("from entry {}", number_text(run.from))
                                          : fmt::format("from {}", shortened(run.from_reason, 30)));
  }
  text += label(0, "start", "entry 0");
  text += label(kWidth, "end", fmt::format("entry {}", number_text(run.log_entries)));
  return text;
}

std::string caption(const Digest& digest) {
  std::string text =
      "States by the place of their cut in the log; heights are logarithmic, failing states red.";
  if (!digest.flushes.empty()) text += " Below: flushes, the needed ones blue.";
  const bool has_pins = std::any_of(
      digest.causes.begin(), digest.causes.end(),
      [](const findings::Cause& cause) { return !cause.lost.empty() || !cause.torn.empty(); });
  if (has_pins) text += " Numbers: the last write that is lost for a cause.";
  return text;
}

}  // namespace

Html html_timeline(const Digest& digest) {
  const bool has_states =
      std::any_of(digest.stretches.begin(), digest.stretches.end(),
                  [](const auto& stretch) { return stretch.passed + stretch.failed > 0; });
  if (!has_states) return {};
  std::string marks;
  if (const double from = place_of(digest, digest.run.from); from > 0)
    marks += rectangle("outside", 0, kBase - kMostHeight, from, kMostHeight);
  marks += bars(digest) + flush_row(digest) + axis(digest) + pins(digest);
  return fill(templates::kTimeline,
              {{"marks", Html{marks}}, {"caption", html_text(caption(digest))}});
}

}  // namespace powercut::report
