// SPDX-License-Identifier: Apache-2.0
#include "report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>

namespace powercut::report {
namespace {

using findings::Outcome;

// Up to here a number of states is a number that a reader can make something of.
constexpr double kMostLog2AsNumber = 40;
constexpr std::size_t kUnitsListed = 32;

// The write behind which a flush is missing: to have that one durable would have been enough.
const findings::Write* write_in_front(const findings::Cause& cause,
                                      const findings::Barrier& barrier) {
  for (const auto* writes : {&cause.lost, &cause.torn}) {
    for (const auto& write : *writes) {
      if (write.entry == barrier.after) return &write;
    }
  }
  return nullptr;
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 0.0995) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 100) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string number_text(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (auto place = static_cast<std::ptrdiff_t>(text.size()) - 3; place > 0; place -= 3) {
    text.insert(static_cast<std::size_t>(place), ",");
  }
  return text;
}

std::string count_text(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", number_text(count), noun, count == 1 ? "" : "s");
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
  return fmt::format("{} bytes", number_text(bytes));
}

std::string possible_text(const findings::Summary& summary) {
  return summary.possible_log2 < kMostLog2AsNumber ? number_text(summary.possible)
                                                   : fmt::format("2^{:.1f}", summary.possible_log2);
}

std::string list_text(const std::vector<std::uint64_t>& numbers, std::size_t most) {
  std::string text;
  const std::size_t shown = std::min(numbers.size(), most);
  for (std::size_t i = 0; i < shown;) {
    std::size_t end = i + 1;
    while (end < shown && numbers[end] == numbers[end - 1] + 1) ++end;
    if (!text.empty()) text += ", ";
    text += end - i == 1 ? fmt::format("{}", numbers[i])
                         : fmt::format("{}-{}", numbers[i], numbers[end - 1]);
    i = end;
  }
  if (numbers.size() > shown)
    text += fmt::format(" and {} more", number_text(numbers.size() - shown));
  return text;
}

std::string entries_text(const std::vector<EntryIndex>& entries, std::size_t most) {
  return (entries.size() == 1 ? "entry " : "entries ") + list_text(entries, most);
}

std::string verdict_text(Outcome outcome, int code, std::string_view step) {
  switch (outcome) {
    case Outcome::kPassed:
      return "passed";
    case Outcome::kExitStatus:
      return fmt::format("{} exited with status {}", step, code);
    case Outcome::kSignal: {
      const char* description = sigdescr_np(code);
      return fmt::format("{} was killed by signal {} ({})", step, code,
                         description != nullptr ? description : "unknown");
    }
    case Outcome::kTimeout:
      return fmt::format("{} did not end in time", step);
    case Outcome::kMount:
      return fmt::format("{} failed", step);
    case Outcome::kAcknowledgement:
      return fmt::format("{} not as acknowledged",
                         count_text(static_cast<std::uint64_t>(code), "file"));
  }
  return "failed";
}

std::string verdict_text(const findings::StateResult& result) {
  return verdict_text(result.outcome, result.code, result.step);
}

std::string kind_text(const findings::Write& write) {
  return write.is_fua ? "FUA " + write.kind : write.kind;
}

std::string kind_text(const findings::FlushVerdict& flush) {
  return flush.kind == "fua" ? "FUA" : flush.kind;
}

std::string range_text(const findings::Write& write) {
  return fmt::format("{} at byte {}", size_text(write.end - write.begin), number_text(write.begin));
}

std::string tear_text(const findings::Write& write) {
  if (write.units == 0) return {};
  if (write.survived.empty()) return fmt::format("none of {} units survived", write.units);
  return fmt::format("{} {} of {} survived", write.survived.size() == 1 ? "unit" : "units",
                     list_text(write.survived, kUnitsListed), write.units);
}

std::string barrier_text(const findings::Cause& cause) {
  if (!cause.barrier) return {};
  const auto& barrier = *cause.barrier;
  const std::string because =
      barrier.because.empty() ? std::string() : fmt::format(" ({})", barrier.because);
  const findings::Write* const write = write_in_front(cause, barrier);
  const std::string fua = write == nullptr || write->is_fua
                              ? std::string()
                              : fmt::format(", or FUA on entry {},", write->entry);
  return fmt::format(
      "A flush behind entry {} and in front of entry {}{}{} would have ruled this out.",
      barrier.after, barrier.before, because, fua);
}

std::string when_text(const findings::Write& write) {
  std::string text;
  if (write.completed != 0) text = fmt::format("ticks {}-{}", write.submitted, write.completed);
  if (write.wall_time_ns == 0) return text;
  constexpr std::uint64_t kPerSecond = 1'000'000'000;
  const auto seconds = static_cast<std::time_t>(write.wall_time_ns / kPerSecond);
  std::tm broken = {};
  ::gmtime_r(&seconds, &broken);
  char buffer[32];
  const std::size_t length = std::strftime(buffer, sizeof(buffer), "%F %T", &broken);
  return fmt::format("{}{}{}.{:06} UTC", text, text.empty() ? "" : ", ",
                     std::string_view(buffer, length), write.wall_time_ns % kPerSecond / 1000);
}

std::string model_text(const findings::Exploration& run) {
  std::string text = fmt::format("model {}", run.model);
  if (!run.strategy.empty()) text += fmt::format(", strategy {}", run.strategy);
  if (run.torn == "off") {
    text += ", no torn writes";
  } else if (!run.torn.empty()) {
    text += fmt::format(", torn writes in units of {} bytes", run.torn);
  }
  if (!run.discard.empty()) text += fmt::format(", discards {}", run.discard);
  if (!run.strategy.empty()) text += fmt::format(", seed {}", run.seed);
  return text;
}

std::string early_end_text(const findings::Summary& summary) {
  if (summary.interrupted) return "interrupted: this is no verdict on the rest";
  if (summary.stopped_at_limit == "--max-failures")
    return "stopped at the limit of failures (--max-failures)";
  if (!summary.stopped_at_limit.empty())
    return fmt::format("stopped by {}: not all states were looked at", summary.stopped_at_limit);
  return {};
}

std::string shortened(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  std::size_t end = bytes - 3;
  // 10xxxxxx continues a character of UTF-8.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (const auto back = line.rfind('\r'); back != std::string_view::npos)
      line.remove_prefix(back + 1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace powercut::report
