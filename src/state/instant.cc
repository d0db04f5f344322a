// SPDX-License-Identifier: Apache-2.0
#include "state/instant.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/nearest.h"

namespace powercut::state {
namespace {

constexpr std::string_view kHowToWrite =
    "an instant is written start, end, N (after the first N entries), flush:K, mark:NAME or "
    "mark:NAME#2";

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Unexpected not_an_instant(std::string_view text, std::string_view why) {
  return usage_error(fmt::format("'{}' is not an instant: {}; {}", text, why, kHowToWrite));
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether `name` ends in '#' and digits, and where.
std::optional<std::size_t> number_sign(std::string_view name) {
  const std::size_t at = name.rfind('#');
  if (at == std::string_view::npos || !is_digits(name.substr(at + 1))) return std::nullopt;
  return at;
}

Result<Instant> parse_mark(std::string_view text, std::string_view name) {
  std::uint64_t which = 1;
  if (const auto at = number_sign(name)) {
    const auto number = parse_number(name.substr(*at + 1));
    if (!number || *number == 0)
      return not_an_instant(text, "marks of one name are counted from 1");
    which = *number;
    name = name.substr(0, *at);
  }
  return Instant{Instant::Kind::kMark, which, std::string(name)};
}

// The K-th, or the entry behind it: what an instant of that kind means.
std::optional<EntryIndex> find(const Instant& instant, const LogSummary& summary) {
  switch (instant.kind) {
    case Instant::Kind::kStart:
      return 0;
    case Instant::Kind::kEnd:
      return summary.nr_entries;
    case Instant::Kind::kEntry:
      if (instant.number > summary.nr_entries) return std::nullopt;
      return instant.number;
    case Instant::Kind::kFlush:
      if (instant.number > summary.flushes.size()) return std::nullopt;
      return summary.flushes[instant.number - 1] + 1;
    case Instant::Kind::kMark: {
      std::uint64_t seen = 0;
      for (const auto& mark : summary.marks) {
        if (mark.name == instant.mark && ++seen == instant.number) return mark.entry + 1;
      }
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::string mark_text(std::string_view name, std::uint64_t which) {
  // A number is needed where the name would be read as carrying one.
  if (which == 1 && !number_sign(name)) return fmt::format("mark:{}", name);
  return fmt::format("mark:{}#{}", name, which);
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view several) {
  return fmt::format("{} {}", number, number == 1 ? one : several);
}

// What a log has, for the message that says why an instant is not in it.
struct Facts {
  const std::string& log_name;
  const log::Ending& ending;
  std::uint64_t nr_entries = 0;
  std::uint64_t nr_flushes = 0;
  std::vector<std::string> marks;  // their names, if the instant is one
};

std::string why_no_mark(const Instant& instant, const std::vector<std::string>& names) {
  if (names.empty()) return "it has no marks";
  if (const auto same = std::count(names.begin(), names.end(), instant.mark); same > 0) {
    return fmt::format("it has {} of that name", same);
  }
  const std::string numbered = fmt::format("{}#{}", instant.mark, instant.number);
  if (std::find(names.begin(), names.end(), numbered) != names.end()) {
    return fmt::format("the mark named '{}' is written {}", numbered, mark_text(numbered, 1));
  }
  if (const auto near = nearest(instant.mark, names)) {
    return fmt::format("did you mean {}? it has {}, from {} to {}", mark_text(*near, 1),
                       counted(names.size(), "mark", "marks"), mark_text(names.front(), 1),
                       mark_text(names.back(), 1));
  }
  return fmt::format("it has {}, from {} to {} ('powercut info' lists them)",
                     counted(names.size(), "mark", "marks"), mark_text(names.front(), 1),
                     mark_text(names.back(), 1));
}

std::string why_not(const Instant& instant, const Facts& facts) {
  switch (instant.kind) {
    case Instant::Kind::kEntry:
      return "it has " + counted(facts.nr_entries, "entry", "entries");
    case Instant::Kind::kFlush:
      return "it has " + counted(facts.nr_flushes, "flush", "flushes");
    default:
      return why_no_mark(instant, facts.marks);
  }
}

Status check_end(const log::Ending& ending, std::uint64_t nr_entries) {
  if (ending.is_whole()) return {};
  return with_context(
      to_status(ending).error(),
      fmt::format("the log has no certain end ('entry:{}' is all that can be read)", nr_entries));
}

Unexpected no_such_instant(const Instant& instant, const Facts& facts) {
  const std::string message = fmt::format("there is no instant {} in '{}': {}", to_string(instant),
                                          facts.log_name, why_not(instant, facts));
  if (facts.ending.is_whole()) return usage_error(message);
  return with_context(to_status(facts.ending).error(), message + " before reading ended");
}

Result<std::optional<EntryIndex>> find(const Instant& instant, const index::LogIndex& index) {
  switch (instant.kind) {
    case Instant::Kind::kStart:
      return 0;
    case Instant::Kind::kEnd:
      return index.nr_entries();
    case Instant::Kind::kEntry:
      if (instant.number > index.nr_entries()) return std::nullopt;
      return instant.number;
    case Instant::Kind::kFlush:
      if (instant.number > index.nr_flushes()) return std::nullopt;
      return POWERCUT_TRY(index.flush(instant.number - 1)) + 1;
    case Instant::Kind::kMark: {
      const auto mark = POWERCUT_TRY(index.find_mark(instant.mark, instant.number));
      if (!mark) return std::nullopt;
      return *mark + 1;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Instant> parse_instant(std::string_view text) {
  if (text == "start") return Instant{Instant::Kind::kStart};
  if (text == "end") return Instant{Instant::Kind::kEnd};
  if (text.starts_with("mark:")) return parse_mark(text, text.substr(5));
  const bool is_flush = text.starts_with("flush:");
  const std::string_view digits = is_flush                     ? text.substr(6)
                                  : text.starts_with("entry:") ? text.substr(6)
                                                               : text;
  if (!is_digits(digits)) {
    return not_an_instant(text,
                          text.empty() ? "it is empty" : "neither a number nor one of the words");
  }
  const auto number = parse_number(digits);
  if (!number) return not_an_instant(text, "the number is too large");
  if (is_flush && *number == 0) return not_an_instant(text, "flushes are counted from 1");
  return Instant{is_flush ? Instant::Kind::kFlush : Instant::Kind::kEntry, *number};
}

std::string to_string(const Instant& instant) {
  switch (instant.kind) {
    case Instant::Kind::kStart:
      return "start";
    case Instant::Kind::kEnd:
      return "end";
    case Instant::Kind::kEntry:
      return fmt::format("entry:{}", instant.number);
    case Instant::Kind::kFlush:
      return fmt::format("flush:{}", instant.number);
    case Instant::Kind::kMark:
      return mark_text(instant.mark, instant.number);
  }
  return "";
}

Result<EntryIndex> resolve(const Instant& instant, const LogSummary& summary) {
  if (instant.kind == Instant::Kind::kEnd)
    POWERCUT_TRY_STATUS(check_end(summary.ending, summary.nr_entries));
  if (const auto n = find(instant, summary)) return *n;
  Facts facts{summary.log_name, summary.ending, summary.nr_entries, summary.flushes.size(), {}};
  for (const auto& mark : summary.marks) facts.marks.push_back(mark.name);
  return no_such_instant(instant, facts);
}

Result<EntryIndex> resolve(const Instant& instant, const index::LogIndex& index) {
  const log::Ending ending = index.ending();
  if (instant.kind == Instant::Kind::kEnd)
    POWERCUT_TRY_STATUS(check_end(ending, index.nr_entries()));
  if (const auto n = POWERCUT_TRY(find(instant, index))) return *n;
  Facts facts{index.log()->name(), ending, index.nr_entries(), index.nr_flushes(), {}};
  if (instant.kind == Instant::Kind::kMark) {
    const std::uint64_t nr_marks = index.nr_marks();
    for (std::uint64_t i = 0; i < nr_marks; ++i)
      facts.marks.push_back(POWERCUT_TRY(index.mark(i)).text);
  }
  return no_such_instant(instant, facts);
}

Result<EntryIndex> resolve(const Instant& instant, log::Reader& reader) {
  reader.seek(0, reader.sector_size());
  LogSummary summary;
  summary.log_name = reader.file().name();
  if (instant.kind == Instant::Kind::kStart) return EntryIndex{0};
  std::uint64_t same_name = 0;
  const auto is_reached = [&](const log::Entry& entry) {
    switch (instant.kind) {
      case Instant::Kind::kEntry:
        return summary.nr_entries == instant.number;
      case Instant::Kind::kFlush:
        return entry.is_flush() && summary.flushes.size() == instant.number;
      case Instant::Kind::kMark:
        return entry.is_mark() && entry.mark == instant.mark && ++same_name == instant.number;
      default:
        return false;
    }
  };
  while (const auto entry = reader.next()) {
    summary.add(*entry);
    if (is_reached(*entry)) return summary.nr_entries;
  }
  summary.ending = reader.ending();
  return resolve(instant, summary);
}

}  // namespace powercut::state
