// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "apps/cli/commands.h"
#include "apps/cli/entry_context.h"
#include "apps/cli/log_show.h"
#include "apps/cli/moment_show.h"
#include "apps/cli/timeline_options.h"
#include "apps/support/output.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using flags::Kind;

constexpr ByteCount kDefaultLength = 512;
// Of the marks between two entries so many are shown to people, the last ones.
constexpr std::uint64_t kMostMarks = 4;

Result<ByteRange> parse_range(const std::string& text, ByteCount device_size) {
  const std::size_t comma = text.find(',');
  const ByteOffset begin = POWERCUT_TRY(flags::parse_size(text.substr(0, comma), "OFFSET"));
  const ByteCount length = comma == std::string::npos
                               ? kDefaultLength
                               : POWERCUT_TRY(flags::parse_size(text.substr(comma + 1), "LENGTH"));
  if (length == 0) return usage_error(fmt::format("'{}' is a range of no bytes", text));
  if (begin >= device_size) {
    return usage_error(
        fmt::format("byte {} is not on the device, which has {} bytes", begin, device_size));
  }
  return ByteRange{begin, begin + std::min(length, device_size - begin)};
}

class Blamer {
 public:
  Blamer(const state::Timeline& timeline, ByteRange range, const state::Moment& at, bool json)
      : index_(timeline.index()),
        range_(range),
        at_(at),
        json_(json),
        reader_(*index_.log(), index_.super_block(), 0, {}) {
    const std::uint32_t sector_size = index_.sector_size();
    sectors_ = {align_down(range.begin, sector_size), align_up(range.end, sector_size)};
  }

  Status run() {
    print_heading();
    POWERCUT_TRY_STATUS(show_initial());
    Status status =
        index_.writers(sectors_, 0, at_.greatest,
                       [&](EntryIndex index, const index::EntrySummary& entry) -> Status {
                         POWERCUT_TRY_STATUS(show_between(next_, index));
                         next_ = index + 1;
                         POWERCUT_TRY_STATUS(show_entry(index, entry));
                         has_entry_ = true;
                         // The one way to end the walk.
                         return out_.closed() ? Status(environment_error("closed")) : Status();
                       });
    if (!status && !out_.closed()) return status;
    return show_between(next_, at_.greatest);
  }

 private:
  void print_heading() {
    if (json_) {
      Json json = {{"type", "range"}, {"begin", range_.begin}, {"end", range_.end}};
      put_moment(json, "at", at_.name, at_.least);
      out_.print("{}\n", json.to_line());
      return;
    }
    out_.print("bytes {} to {}, up to {} ('*': what is there then)\n", range_.begin, range_.end,
               at_.name);
  }

  // How many bytes of `part` come from that entry (nothing: none has written there).
  Result<ByteCount> bytes_in_force(ByteRange part, std::optional<EntryIndex> entry) const {
    ByteCount bytes = 0;
    POWERCUT_TRY_STATUS(at_.view->look_up(part, [&](const index::Extent& extent, bool) -> Status {
      const bool is_initial = extent.source == index::Extent::Source::kInitial;
      if (entry ? is_initial || extent.entry != *entry : !is_initial) return {};
      const ByteOffset begin = std::max(extent.range.begin, range_.begin);
      const ByteOffset end = std::min(extent.range.end, range_.end);
      bytes += end > begin ? end - begin : 0;
      return {};
    }));
    return bytes;
  }

  Status show_initial() {
    const ByteCount bytes = POWERCUT_TRY(bytes_in_force(sectors_, std::nullopt));
    if (json_) {
      const Json json = {{"type", "initial"}, {"bytes_in_force", bytes}};
      out_.print("{}\n", json.to_line());
    } else if (bytes > 0) {
      out_.print("* what the device held at first{}\n", share(bytes));
    }
    return {};
  }

  [[nodiscard]] std::string share(ByteCount bytes) const {
    if (bytes == range_.size()) return "";
    return fmt::format(", {} of {} bytes", bytes, range_.size());
  }

  Status show_entry(EntryIndex index, const index::EntrySummary& entry) {
    const ByteRange all = device_range(entry, index_.sector_size());
    const ByteRange part{std::max(all.begin, sectors_.begin), std::min(all.end, sectors_.end)};
    const ByteCount bytes = POWERCUT_TRY(bytes_in_force(part, index));
    reader_.seek(index, entry.log_offset);
    const auto header = reader_.next();
    if (!header) return log::to_status(reader_.ending());
    if (json_) {
      // As `powercut log --json` has it, and more.
      Json line = {{"type", "entry"}};
      line.update(entry_json(*header));
      line["begin"] = all.begin;
      line["end"] = all.end;
      line["bytes_in_force"] = bytes;
      if (at_.crash_state) put_effect(line, "survival", effect_in(at_, index, entry));
      put_context(line, POWERCUT_TRY(context_of(index_, index)));
      out_.print("{}\n", line.to_line());
      return {};
    }
    std::string text = fmt::format("{} entry {}: {} of bytes {} to {}", bytes > 0 ? '*' : ' ',
                                   index, kind_name(entry), all.begin, all.end);
    if (const std::string flags = further_flags(entry); !flags.empty()) text += ", " + flags;
    if (header->extension) {
      text +=
          fmt::format(", ticks {}-{}, {}", header->extension->submit_tick,
                      header->extension->complete_tick, time_text(header->extension->wall_time_ns));
    }
    if (at_.crash_state) text += ", " + to_text(effect_in(at_, index, entry));
    if (bytes > 0) text += share(bytes);
    out_.print("{}\n", text);
    return {};
  }

  // The marks in [begin, end), and the first flush, if there is something that it made durable.
  Status show_between(EntryIndex begin, EntryIndex end) {
    std::optional<EntryIndex> flush;
    const std::uint64_t flush_number = POWERCUT_TRY(index_.flushes_before(begin));
    if (has_entry_ && POWERCUT_TRY(index_.flushes_before(end)) > flush_number) {
      flush = POWERCUT_TRY(index_.flush(flush_number));
    }
    std::uint64_t number = POWERCUT_TRY(index_.marks_before(begin));
    const std::uint64_t last = POWERCUT_TRY(index_.marks_before(end));
    if (!json_ && last - number > kMostMarks) {
      out_.print("      {} that are not shown\n", counted(last - number - kMostMarks, "mark"));
      number = last - kMostMarks;
    }
    for (; number < last && !out_.closed(); ++number) {
      const index::Mark mark = POWERCUT_TRY(index_.mark(number));
      if (flush && *flush < mark.entry) show_flush(flush_number + 1, *std::exchange(flush, {}));
      show_mark(mark);
    }
    if (flush) show_flush(flush_number + 1, *flush);
    return {};
  }

  void show_mark(const index::Mark& mark) {
    if (!json_) return out_.print("      mark:{} (entry {})\n", printable(mark.text), mark.entry);
    Json json = {{"type", "mark"}, {"entry", mark.entry}};
    set_text(json, "mark", mark.text);
    out_.print("{}\n", json.to_line());
  }
  void show_flush(std::uint64_t number, EntryIndex entry) {
    if (!json_) return out_.print("      flush:{} (entry {})\n", number, entry);
    const Json json = {{"type", "flush"}, {"entry", entry}, {"flush", number}};
    out_.print("{}\n", json.to_line());
  }

  const index::LogIndex& index_;
  const ByteRange range_;
  ByteRange sectors_;
  const state::Moment& at_;
  const bool json_;
  log::Reader reader_;
  Output& out_ = Output::standard();
  EntryIndex next_ = 0;  // behind the last entry that was shown
  bool has_entry_ = false;
};

Result<int> run_blame(const Arguments& arguments) {
  const auto timeline = POWERCUT_TRY(open_timeline(arguments));
  const ByteRange range =
      POWERCUT_TRY(parse_range(arguments.text("OFFSET[,LENGTH]"), timeline->device_size_bytes()));
  const state::Moment at = POWERCUT_TRY(timeline->moment(arguments.text("at")));
  POWERCUT_TRY_STATUS(Blamer(*timeline, range, at, arguments.is_set("json")).run());
  return 0;
}

std::vector<flags::Flag> blame_flags() {
  std::vector<flags::Flag> all = {
      {.name = "at",
       .value_name = "INSTANT",
       .help = "Up to this instant, and what is there then. Of a crash state: up to the last entry "
               "that may have survived, and what became of each.",
       .default_value = "end"},
      {.name = "json",
       .help = "One JSON object a line, with a type: \"range\", \"initial\", then \"entry\" (as "
               "'powercut log --json' has it, with bytes_in_force, in a crash state survival, and "
               "what stands before it), "
               "\"mark\" and \"flush\" in the order of the log.",
       .kind = Kind::kBool}};
  const auto shared = timeline_flags();
  all.insert(all.end(), shared.begin(), shared.end());
  return all;
}

}  // namespace

const flags::Command& blame_command() {
  static const flags::Command command = {
      .name = "blame",
      .summary = "who wrote this block, and when",
      .description =
          {"Shows the history of some bytes of the recorded device: every entry of LOG that wrote "
           "to them, in order, with ticks and time if the log has them, and which of them they "
           "come from in the end, or at another instant.",
           "Marks stand in between where they stand in the log (of many the last ones), and behind "
           "an entry the first flush that followed, which made it durable."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."},
                      {.name = "OFFSET[,LENGTH]",
                       .help =
                           "Which bytes; both may be written 4K, 1M and so on. Without LENGTH it "
                           "is 512 bytes."}},
      .flags = blame_flags(),
      .examples = {{"The history of a file system's super block:",
                    "powercut blame run.log 1024,1024"},
                   {"Which of its writes a crash state has lost:",
                    "powercut blame run.log 1024,1024 --at epoch:412:lost:409-411"},
                   {"Who wrote the block that was wrong at a mark:",
                    "powercut blame run.log 36M,4K --at mark:checked"}},
      .see_also = {"powercut-diff(1)", "powercut-log(1)"},
      .run = run_blame,
  };
  return command;
}

}  // namespace powercut::apps
