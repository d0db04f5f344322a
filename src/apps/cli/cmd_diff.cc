// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "apps/cli/commands.h"
#include "apps/cli/entry_context.h"
#include "apps/cli/log_show.h"
#include "apps/cli/moment_show.h"
#include "apps/cli/timeline_options.h"
#include "apps/support/output.h"
#include "apps/support/progress.h"
#include "replay/changes.h"
#include "replay/jump.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using flags::Kind;

constexpr ByteCount kLargestUnit = 64 * kKiB;

class Differ {
 public:
  Differ(const Arguments& arguments, const state::Timeline& timeline, const state::Moment& a,
         const state::Moment& b)
      : timeline_(timeline),
        a_(a),
        b_(b),
        between_(replay::Position::of(a).and_also(replay::Position::of(b))),
        has_crash_state_(a.crash_state || b.crash_state),
        by_writes_(arguments.is_set("writes")),
        json_(arguments.is_set("json")),
        max_entries_(arguments.integer("entries")),
        progress_("comparing", timeline.device_size_bytes(), Progress::Unit::kBytes) {}

  // Whether there are differences.
  Result<bool> run() {
    const Status status = replay::changed_ranges(timeline_.index(), timeline_.device_size_bytes(),
                                                 between_.least, between_.greatest,
                                                 [&](ByteRange range) { return look_into(range); });
    // Nobody reads any longer: the one way to end the walk.
    if (!status && !out_.closed()) return Unexpected(status.error());
    progress_.clear();
    print_total();
    return nr_ranges_ > 0;
  }

 private:
  Status look_into(ByteRange range) {
    progress_.update(range.begin);
    if (by_writes_) return show(range);
    const ByteCount unit = std::min<ByteCount>(timeline_.index().sector_size(), kLargestUnit);
    return replay::differing_ranges(*a_.view, *b_.view, range, unit,
                                    [&](ByteRange part) { return show(part); });
  }

  Status show(ByteRange range) {
    ++nr_ranges_;
    bytes_ += range.size();
    progress_.clear();
    Json entries = Json::array();
    std::uint64_t nr_entries = 0;
    if (!json_)
      out_.print("bytes {} to {}, {}\n", range.begin, range.end, human_bytes(range.size()));
    POWERCUT_TRY_STATUS(timeline_.index().writers(
        in_sectors(range), between_.least, between_.greatest,
        [&](EntryIndex index, const index::EntrySummary& entry) -> Status {
          if (effect_in(a_, index, entry).is_like(effect_in(b_, index, entry))) return {};
          if (++nr_entries > max_entries_) return {};
          return show_entry(index, entry, entries);
        }));
    const std::uint64_t more = nr_entries - std::min(nr_entries, max_entries_);
    if (json_) {
      const Json json = {{"type", "range"},
                         {"begin", range.begin},
                         {"end", range.end},
                         {"entries", entries},
                         {"more_entries", more}};
      out_.print("{}\n", json.to_line());
    } else if (more > 0) {
      out_.print("    and {}\n", counted(more, "more entry", "more entries"));
    }
    return out_.closed() ? Status(environment_error("closed")) : Status();
  }

  Status show_entry(EntryIndex index, const index::EntrySummary& entry, Json& entries) {
    const auto context = POWERCUT_TRY(context_of(timeline_.index(), index));
    const ByteRange range = device_range(entry, timeline_.index().sector_size());
    if (json_) {
      Json json = {{"entry", index},
                   {"kind", kind_name(entry)},
                   {"begin", range.begin},
                   {"end", range.end},
                   {"flags", flag_names(entry.flags)}};
      if (has_crash_state_) {
        put_effect(json, "in_a", effect_in(a_, index, entry));
        put_effect(json, "in_b", effect_in(b_, index, entry));
      }
      put_context(json, context);
      entries.push_back(std::move(json));
      return {};
    }
    std::string line = fmt::format("    entry {}: {} of bytes {} to {}", index, kind_name(entry),
                                   range.begin, range.end);
    if (const std::string flags = further_flags(entry); !flags.empty()) line += ", " + flags;
    if (has_crash_state_) {
      line += fmt::format(", {} in A, {} in B", to_text(effect_in(a_, index, entry)),
                          to_text(effect_in(b_, index, entry)));
    }
    if (const std::string where = to_text(context); !where.empty()) line += ", " + where;
    out_.print("{}\n", line);
    return {};
  }

  void print_total() {
    if (json_) {
      Json json = {{"type", "total"}};
      put_moment(json, "from", a_.name, a_.least);
      put_moment(json, "to", b_.name, b_.least);
      json["by"] = by_writes_ ? "writes" : "content";
      json["ranges"] = nr_ranges_;
      json["bytes"] = bytes_;
      out_.print("{}\n", json.to_line());
      return;
    }
    const char* const what = by_writes_ ? (nr_ranges_ == 0 ? "was written" : "were written")
                                        : (nr_ranges_ == 0 ? "differs" : "differ");
    const std::string subject = nr_ranges_ == 0 ? "nothing"
                                                : fmt::format("{} in {}", human_bytes(bytes_),
                                                              counted(nr_ranges_, "range"));
    out_.print("{} {} between {} and {}\n", subject, what, a_.name, b_.name);
  }

  [[nodiscard]] ByteRange in_sectors(ByteRange range) const {
    const std::uint32_t sector_size = timeline_.index().sector_size();
    return {align_down(range.begin, sector_size), align_up(range.end, sector_size)};
  }

  const state::Timeline& timeline_;
  const state::Moment& a_;
  const state::Moment& b_;
  const replay::Position between_;
  const bool has_crash_state_;
  const bool by_writes_;
  const bool json_;
  const std::uint64_t max_entries_;
  Progress progress_;
  Output& out_ = Output::standard();
  std::uint64_t nr_ranges_ = 0;
  ByteCount bytes_ = 0;
};

Result<int> run_diff(const Arguments& arguments) {
  const auto timeline = POWERCUT_TRY(open_timeline(arguments));
  const state::Moment a = POWERCUT_TRY(timeline->moment(arguments.text("A")));
  const state::Moment b = POWERCUT_TRY(timeline->moment(arguments.text("B")));
  if (arguments.is_set("writes") && (a.crash_state || b.crash_state)) {
    return usage_error(
        "--writes shows what was written between two instants; with a crash state, leave it out");
  }
  const bool differ = POWERCUT_TRY(Differ(arguments, *timeline, a, b).run());
  return differ ? 1 : 0;
}

std::vector<flags::Flag> diff_flags() {
  std::vector<flags::Flag> all = {
      {.name = "writes",
       .help =
           "Show all that was written between two instants, also what had that content before or "
           "has got it back.",
       .kind = Kind::kBool},
      {.name = "entries",
       .value_name = "N",
       .help = "Of the entries that wrote to a range show the first N.",
       .kind = Kind::kInteger,
       .default_value = "8"},
      {.name = "json",
       .help =
           "One JSON object a line: each range with type \"range\", begin, end, entries and "
           "more_entries; at the end one with type \"total\". With a crash state, in_a and in_b "
           "say of each entry what became of it: durable, kept, torn (with the units that "
           "survived), lost or absent.",
       .kind = Kind::kBool}};
  const auto shared = timeline_flags();
  all.insert(all.end(), shared.begin(), shared.end());
  return all;
}

}  // namespace

const flags::Command& diff_command() {
  static const flags::Command command = {
      .name = "diff",
      .summary = "what differs between two instants or crash states of a log",
      .description =
          {"Shows where the device differs between two instants of LOG, in rising order, and which "
           "entries wrote there between them. Only what was written is looked at, and what differs "
           "is decided by the bytes, sector by sector. The order of A and B does not matter.",
           "Where one is a crash state, the entries are those of which not the same survived in "
           "both."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."},
                      {.name = "A", .help = "An instant or a crash state; see powercut(1)."},
                      {.name = "B", .help = "Another one."}},
      .flags = diff_flags(),
      .examples = {{"What changed on the disk between two marks:",
                    "powercut diff run.log mark:before mark:after"},
                   {"What was missing from the disk in a crash state:",
                    "powercut diff run.log entry:415 epoch:412:lost:409-411"},
                   {"What the last flush made durable, for a machine:",
                    "powercut diff run.log flush:7 flush:8 --writes --json"}},
      .exit_statuses =
          {{"0", "Nothing differs (with --writes: nothing was written)."},
           {"1", "Something does."},
           {"2", "The command line is wrong, or the log has no such instant or crash state."},
           {"3", "The log is damaged, or no log."},
           {"4", "The environment failed: an I/O error, no permission, no space."}},
      .see_also = {"powercut-blame(1)", "powercut-log(1)", "powercut-replay(1)"},
      .run = run_diff,
  };
  return command;
}

}  // namespace powercut::apps
