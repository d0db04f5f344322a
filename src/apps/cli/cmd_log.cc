// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "apps/cli/commands.h"
#include "apps/cli/log_show.h"
#include "apps/support/output.h"
#include "apps/support/progress.h"
#include "base/nearest.h"
#include "state/instant.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using flags::Kind;

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

// "A..B", both included; either may be left out; "A" alone is "A..A".
struct Interval {
  std::uint64_t first = 0;
  std::uint64_t last = kNoLimit;
};

Result<Interval> parse_interval(const std::string& text, std::string_view flag) {
  Interval interval;
  const std::size_t dots = text.find("..");
  const std::string first = text.substr(0, dots);
  const std::string last = dots == std::string::npos ? first : text.substr(dots + 2);
  if (text == ".." || text.empty())
    return usage_error(fmt::format("{} wants A..B, A.. , ..B or A, not '{}'", flag, text));
  if (!first.empty()) interval.first = POWERCUT_TRY(flags::parse_integer(first, flag));
  if (!last.empty()) interval.last = POWERCUT_TRY(flags::parse_integer(last, flag));
  if (interval.last < interval.first)
    return usage_error(fmt::format("{} {}: the end lies in front of the beginning", flag, text));
  return interval;
}

bool has_kind(const log::Entry& entry, std::string_view kind) {
  if (kind == "fua") return entry.is_fua();
  if (kind == "flush") return entry.is_flush();
  if (kind == "metadata") return (entry.flags & log::kFlagMetadata) != 0;
  return log::kind_name(entry) == kind;
}

struct Filter {
  std::vector<std::string> kinds;
  std::vector<std::string> marks;
  std::optional<Interval> sectors;
  Interval entries;

  [[nodiscard]] bool accepts(const log::Entry& entry) const {
    if (entry.index < entries.first) return false;
    if (!kinds.empty() &&
        std::ranges::none_of(kinds, [&](const auto& kind) { return has_kind(entry, kind); }))
      return false;
    if (!marks.empty() && !(entry.is_mark() && std::ranges::find(marks, entry.mark) != marks.end()))
      return false;
    return !sectors || (entry.nr_sectors > 0 && entry.sector <= sectors->last &&
                        entry.sector + entry.nr_sectors - 1 >= sectors->first);
  }
};

const std::vector<std::string>& kind_choices() {
  static const std::vector<std::string> choices = {"write", "zeroes",   "discard", "flush",
                                                   "fua",   "metadata", "mark",    "none"};
  return choices;
}

// The entries between two instants: the first `--from` entries are left out, those behind the first
// `--to` as well.
Status apply_instants(const Arguments& arguments, log::Reader& reader, Interval& entries) {
  const EntryIndex begin = reader.position();
  const ByteOffset begin_offset = reader.log_offset();
  if (const auto from = arguments.optional_text("from")) {
    const auto instant = POWERCUT_TRY(state::parse_instant(*from));
    entries.first = std::max(entries.first, POWERCUT_TRY(state::resolve(instant, reader)));
    reader.seek(begin, begin_offset);
  }
  if (const auto to = arguments.optional_text("to")) {
    const auto instant = POWERCUT_TRY(state::parse_instant(*to));
    const EntryIndex count = POWERCUT_TRY(state::resolve(instant, reader));
    reader.seek(begin, begin_offset);
    if (count == 0) {
      entries = {1, 0};
    } else {
      entries.last = std::min(entries.last, count - 1);
    }
  }
  return {};
}

Result<Filter> make_filter(const Arguments& arguments, log::Reader& reader) {
  Filter filter;
  filter.kinds = arguments.texts("kind");
  filter.marks = arguments.texts("mark");
  if (const auto text = arguments.optional_text("entries"))
    filter.entries = POWERCUT_TRY(parse_interval(*text, "--entries"));
  if (const auto text = arguments.optional_text("sectors"))
    filter.sectors = POWERCUT_TRY(parse_interval(*text, "--sectors"));
  POWERCUT_TRY_STATUS(apply_instants(arguments, reader, filter.entries));
  return filter;
}

void print_heading(bool has_ticks) {
  Output::standard().print("{:>8}  {:>13}  {:<8} {:>12} {:>8}  {}\n", "ENTRY", "LOG OFFSET", "KIND",
                           "SECTOR", "COUNT",
                           has_ticks ? "FLAGS           TICKS          TIME" : "FLAGS");
}

// The flags that the kind does not say already.
std::string further_flags(const log::Entry& entry) {
  const std::string_view kind = log::kind_name(entry);
  std::uint64_t flags = entry.flags & ~std::uint64_t{log::kFlagDiscard | log::kFlagMark};
  if (kind == "flush") flags &= ~std::uint64_t{log::kFlagFlush};
  return fmt::format("{}", fmt::join(flag_names(flags), "|"));
}

std::string describe_mark(const log::Entry& entry) {
  std::string text = printable(entry.mark);
  if (entry.extension && entry.extension->operation >= log::Operation::kFlushPending)
    text += fmt::format("  ({})", operation_name(entry.extension->operation));
  return text;
}

std::string describe_request(const log::Entry& entry) {
  // Where sector and count say nothing they are left out.
  const bool has_place = entry.nr_sectors != 0 || entry.sector != 0;
  std::string text = has_place ? fmt::format("{:>12} {:>8}", entry.sector, entry.nr_sectors)
                               : fmt::format("{:>12} {:>8}", "", "");
  text += fmt::format("  {:<16}", further_flags(entry));
  if (entry.extension) {
    const std::string ticks =
        fmt::format("{}-{}", entry.extension->submit_tick, entry.extension->complete_tick);
    text += fmt::format("{:<14} {}", ticks, time_text(entry.extension->wall_time_ns));
  }
  if (entry.extension_damaged) text += "extension damaged";
  return text;
}

void print_line(const log::Entry& entry) {
  std::string line =
      fmt::format("{:>8}  {:>13}  {:<8} {}", entry.index, entry.log_offset, log::kind_name(entry),
                  entry.is_mark() ? describe_mark(entry) : describe_request(entry));
  line.erase(line.find_last_not_of(' ') + 1);
  Output::standard().print("{}\n", line);
}

// A mark that was asked for and is not there is a mistake, not an empty answer.
Status check_marks(const std::vector<std::string>& wanted, const std::vector<std::string>& seen,
                   const std::string& path) {
  for (const std::string& name : wanted) {
    if (std::ranges::find(seen, name) != seen.end()) continue;
    const auto near = nearest(name, seen);
    return usage_error(
        fmt::format("'{}' has no mark '{}'{}", path, printable(name),
                    near ? fmt::format("; did you mean '{}'?", printable(*near)) : ""));
  }
  return {};
}

Result<int> run_log(const Arguments& arguments) {
  const std::string& path = arguments.text("LOG");
  OpenLog log = POWERCUT_TRY(open_log(path, {.past_count = arguments.is_set("past-count")}));
  const Filter filter = POWERCUT_TRY(make_filter(arguments, log.reader));
  const bool json = arguments.is_set("json");
  Output& out = Output::standard();
  if (!json) print_heading(log.reader.super_block().extension.has_value());

  // Of the marks' names only those that were asked for, and a sample to name the nearest from.
  constexpr std::size_t kMostNames = 10'000;
  std::vector<std::string> seen;
  while (!out.closed() && log.reader.position() <= filter.entries.last) {
    const auto entry = log.reader.next();
    if (!entry) break;
    if (entry->is_mark() && !filter.marks.empty() && seen.size() < kMostNames)
      seen.push_back(entry->mark);
    if (!filter.accepts(*entry)) continue;
    if (json) {
      out.write(entry_json(*entry).to_line() + "\n");
    } else {
      print_line(*entry);
    }
  }
  out.flush();
  POWERCUT_TRY_STATUS(log::to_status(log.reader.ending()));
  if (!out.closed()) POWERCUT_TRY_STATUS(check_marks(filter.marks, seen, path));
  return 0;
}

}  // namespace

const flags::Command& log_command() {
  static const flags::Command command = {
      .name = "log",
      .summary = "list a log's entries",
      .description = {"Lists every entry of LOG, one a line, in order. Filters can be combined: an "
                      "entry is shown if all "
                      "of them accept it. The log is read as a stream, so that its size does not "
                      "matter, and may be one "
                      "that is being written.",
                      "If the log is not whole, what can be read is shown, and then the error says "
                      "where and how it "
                      "ends."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."}},
      .flags =
          {{.name = "kind",
            .value_name = "KIND",
            .help =
                "Only entries of this kind. 'fua' and 'metadata' are all that carry the flag, "
                "'flush' "
                "is every entry with FLUSH, 'none' those that write nothing and are nothing else.",
            .repeated = true,
            .choices = kind_choices(),
            .group = "Filters"},
           {.name = "entries",
            .value_name = "A..B",
            .help = "Only entries A to B, counted from 0, both included. A.., ..B and A alone are "
                    "possible too.",
            .group = "Filters"},
           {.name = "sectors",
            .value_name = "A..B",
            .help =
                "Only entries that touch one of the device's sectors A to B, in units of the log's "
                "sector size.",
            .group = "Filters"},
           {.name = "mark",
            .value_name = "NAME",
            .help = "Only marks of this name.",
            .repeated = true,
            .group = "Filters"},
           {.name = "from",
            .value_name = "INSTANT",
            .help =
                "Only entries behind this instant, such as mark:NAME or flush:3; see powercut(1).",
            .group = "Filters"},
           {.name = "to",
            .value_name = "INSTANT",
            .help = "Only entries up to this instant.",
            .group = "Filters"},
           {.name = "past-count",
            .help =
                "Go on behind the super block's count, with what a recorder that was killed left "
                "there.",
            .kind = Kind::kBool},
           {.name = "json",
            .help =
                "One JSON object a line: entry, log_offset, kind, sector, nr_sectors, flags "
                "(names), "
                "flags_number; of a mark its text; where the log has them, operation, submit_tick, "
                "complete_tick, time_ns, time and payload_hash (XXH3-64).",
            .kind = Kind::kBool}},
      .examples = {{"The marks:", "powercut log run.log --kind mark"},
                   {"What was written between two marks:",
                    "powercut log run.log --from mark:mounted --to mark:synced --kind write"},
                   {"Which entries changed the first 4 KiB, for a machine:",
                    "powercut log run.log --sectors 0..7 --json"}},
      .see_also = {"powercut-info(1)", "powercut-verify(1)"},
      .run = run_log,
  };
  return command;
}

}  // namespace powercut::apps
