// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>

#include "apps/cli/commands.h"
#include "apps/cli/image_keeper.h"
#include "apps/cli/log_show.h"
#include "apps/cli/replay_destination.h"
#include "apps/cli/timeline_options.h"
#include "apps/support/output.h"
#include "apps/support/progress.h"
#include "block/open.h"
#include "replay/compare.h"
#include "replay/jump.h"
#include "replay/replay.h"
#include "state/instant.h"
#include "state/timeline.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using flags::Kind;
using state::Instant;
using Json = nlohmann::ordered_json;

constexpr std::uint32_t kLargestCompareBlock = 64 * kKiB;

struct Range {
  EntryIndex from = 0;
  EntryIndex to = replay::kToEnd;
};

// Only marks and flushes have to be looked for.
Result<EntryIndex> entry_of(const Instant& instant, log::Reader& reader) {
  switch (instant.kind) {
    case Instant::Kind::kStart:
      return EntryIndex{0};
    case Instant::Kind::kEnd:
      return replay::kToEnd;
    case Instant::Kind::kEntry:
      if (instant.number <= reader.super_block().nr_entries) return instant.number;
      [[fallthrough]];
    default:
      return state::resolve(instant, reader);
  }
}

Result<Range> range_of(const Arguments& arguments, log::Reader& reader) {
  const Instant from =
      POWERCUT_TRY(state::parse_instant(arguments.optional_text("from").value_or("start")));
  const Instant to = POWERCUT_TRY(state::parse_instant(arguments.text("to")));
  Range range;
  // `end` as a beginning is a number like any other.
  range.from = from.kind == Instant::Kind::kEnd ? POWERCUT_TRY(state::resolve(from, reader))
                                                : POWERCUT_TRY(entry_of(from, reader));
  range.to = POWERCUT_TRY(entry_of(to, reader));
  return range;
}

struct Outcome {
  std::string log_name;
  std::string dest_name;
  ByteCount device_size_bytes = 0;
  replay::Totals totals;
  // Instead of going through the entries.
  std::optional<replay::JumpTotals> jump;
  std::optional<replay::Position> jumped_from;  // nothing: all of DEST was written

  std::string compared_name;  // empty: not compared
  ByteCount compared_size_bytes = 0;
  std::uint32_t block_size = 0;
  replay::Comparison comparison;

  [[nodiscard]] bool has_right_size() const { return compared_size_bytes == device_size_bytes; }
  [[nodiscard]] bool is_identical() const { return has_right_size() && comparison.is_identical(); }
};

Status compare_devices(const Arguments& arguments, const Destination& destination,
                       BlockDevice& compared, log::Reader& reader, Outcome& outcome) {
  outcome.compared_name = compared.name();
  outcome.compared_size_bytes = compared.size_bytes();
  outcome.block_size = std::min(reader.sector_size(), kLargestCompareBlock);
  const ByteCount size = std::min(destination.size_bytes, compared.size_bytes());
  Progress progress("comparing", size, Progress::Unit::kBytes);
  outcome.comparison =
      POWERCUT_TRY(replay::compare(*destination.device, compared, size,
                                   {.block_size = outcome.block_size,
                                    .progress = [&](ByteOffset done) { progress.update(done); }}));
  return replay::find_last_writers(reader, outcome.totals.from, outcome.totals.to,
                                   !arguments.is_set("no-discard"), outcome.comparison.differences);
}

void print_differences(const Outcome& outcome) {
  Output& out = Output::standard();
  const auto& comparison = outcome.comparison;
  if (!outcome.has_right_size()) {
    out.print("  {} has {} bytes, the recorded device {}\n", printable(outcome.compared_name),
              outcome.compared_size_bytes, outcome.device_size_bytes);
  }
  for (const auto& difference : comparison.differences) {
    out.print("  bytes {} to {}: byte {} is {:#04x}, should be {:#04x}; ", difference.range.begin,
              difference.range.end, difference.first_byte,
              std::to_integer<unsigned>(difference.right),
              std::to_integer<unsigned>(difference.left));
    if (const auto& entry = difference.last_writer) {
      out.print("last written by entry {}, a {} at byte {} of the log\n", entry->index,
                log::kind_name(*entry), entry->log_offset);
    } else {
      out.print("no entry wrote there\n");
    }
  }
  if (const auto more = comparison.differing_ranges - comparison.differences.size(); more > 0) {
    out.print("  and {} more\n", counted(more, "range"));
  }
}

void print_jump(const Outcome& outcome) {
  Output& out = Output::standard();
  const replay::JumpTotals& jump = *outcome.jump;
  const auto& from = outcome.jumped_from;
  out.print("{} is at entry:{} of {}", printable(outcome.dest_name), outcome.totals.to,
            printable(outcome.log_name));
  if (!from) {
    out.print(", written as a whole");
  } else if (from->is_exact()) {
    out.print(", from entry:{}", from->least);
  } else {
    out.print(", from between entry:{} and entry:{}", from->least, from->greatest);
  }
  out.print(": {} from the log, {} of zeroes", human_bytes(jump.copied_bytes),
            human_bytes(jump.zeroed_bytes));
  if (jump.restored_bytes > 0) out.print(", {} from the base", human_bytes(jump.restored_bytes));
  out.print("\n");
}

void print_replay(const Outcome& outcome) {
  Output& out = Output::standard();
  const auto& totals = outcome.totals;
  out.print("{} is at entry:{} of {}: {} of {}, {} of {}", printable(outcome.dest_name), totals.to,
            printable(outcome.log_name), counted(totals.written_entries, "write"),
            human_bytes(totals.written_bytes), counted(totals.discarded_entries, "discard"),
            human_bytes(totals.discarded_bytes));
  if (totals.skipped_discards > 0) {
    out.print(", {} left out", counted(totals.skipped_discards, "discard"));
  }
  out.print("\n");
}

void print_text(const Outcome& outcome) {
  Output& out = Output::standard();
  if (outcome.jump) {
    print_jump(outcome);
  } else {
    print_replay(outcome);
  }
  if (outcome.compared_name.empty()) return;
  if (outcome.is_identical()) {
    out.print("{}: {} holds the same {} bytes\n", coloured("identical", Colour::kGreen, stdout),
              printable(outcome.compared_name), outcome.comparison.compared_bytes);
    return;
  }
  out.print("{}: {} differs in {} of {} bytes, in {}\n",
            coloured("DIFFERENT", Colour::kRed, stdout), printable(outcome.compared_name),
            counted(outcome.comparison.differing_blocks, "block"), outcome.block_size,
            counted(outcome.comparison.differing_ranges, "range"));
  print_differences(outcome);
}

Json difference_json(const replay::Difference& difference) {
  Json json = {{"begin", difference.range.begin},
               {"end", difference.range.end},
               {"first_byte", difference.first_byte},
               {"expected", std::to_integer<unsigned>(difference.left)},
               {"found", std::to_integer<unsigned>(difference.right)}};
  json["last_writer"] = nullptr;
  if (const auto& entry = difference.last_writer) {
    json["last_writer"] = {{"entry", entry->index},
                           {"kind", log::kind_name(*entry)},
                           {"log_offset", entry->log_offset}};
  }
  return json;
}

Json jump_json(const Outcome& outcome) {
  Json json;
  json["from_entry"] = nullptr;
  if (const auto& from = outcome.jumped_from; from && from->is_exact()) {
    json["from_entry"] = from->least;
  } else if (from) {
    json["from_between"] = {from->least, from->greatest};
  }
  json["to_entry"] = outcome.totals.to;
  json["copied_bytes"] = outcome.jump->copied_bytes;
  json["zeroed_bytes"] = outcome.jump->zeroed_bytes;
  json["restored_bytes"] = outcome.jump->restored_bytes;
  return json;
}

Json replay_json(const Outcome& outcome) {
  const auto& totals = outcome.totals;
  return {{"from_entry", totals.from},
          {"to_entry", totals.to},
          {"written_entries", totals.written_entries},
          {"written_bytes", totals.written_bytes},
          {"discarded_entries", totals.discarded_entries},
          {"discarded_bytes", totals.discarded_bytes},
          {"skipped_discards", totals.skipped_discards}};
}

void print_json(const Outcome& outcome) {
  Json json;
  set_text(json, "log", outcome.log_name);
  set_text(json, "dest", outcome.dest_name);
  json["device_size_bytes"] = outcome.device_size_bytes;
  json.update(outcome.jump ? jump_json(outcome) : replay_json(outcome));
  if (!outcome.compared_name.empty()) {
    Json compared;
    set_text(compared, "device", outcome.compared_name);
    compared["size_bytes"] = outcome.compared_size_bytes;
    compared["identical"] = outcome.is_identical();
    compared["block_size"] = outcome.block_size;
    compared["differing_blocks"] = outcome.comparison.differing_blocks;
    compared["differing_ranges"] = outcome.comparison.differing_ranges;
    compared["differences"] = Json::array();
    for (const auto& difference : outcome.comparison.differences) {
      compared["differences"].push_back(difference_json(difference));
    }
    json["compared"] = std::move(compared);
  }
  Output::standard().print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

// Where an image is, by what the user says, what is kept of it, or what is usual.
Result<std::optional<replay::Position>> position_of(const Arguments& arguments,
                                                    const Destination& destination,
                                                    const ImageKeeper& keeper,
                                                    const log::SuperBlock& super_block,
                                                    EntryIndex from) {
  const auto& known = keeper.known();
  if (arguments.given("from")) {
    const std::optional<replay::Position> given = replay::Position{from, from};
    if (!known || known->position == given) return given;
    const std::string is_at =
        known->is_exact() ? fmt::format("at entry:{}", known->position->least)
                          : fmt::format("on its way to entry:{}, where it has not come", known->to);
    return usage_error(
        fmt::format("'{}' says that '{}' is {}, not at entry:{}: leave --from out, or, if it is "
                    "wrong, remove it",
                    keeper.path(), destination.name, is_at, from));
  }
  if (known) {
    if (!known->is_exact()) {
      note("a replay of '{}' onto '{}' to entry:{} was broken off; this one makes up for it",
           known->log_path, destination.name, known->to);
    }
    return known->position;
  }
  if (arguments.given("base")) return std::optional<replay::Position>();
  const auto& extension = super_block.extension;
  if (!destination.is_empty && extension &&
      extension->initial_content == log::InitialContent::kZero) {
    note(
        "the recorded device was empty at first, '{}' may not be: what the log does not write "
        "keeps "
        "its content",
        destination.name);
  }
  return std::optional(replay::Position{});
}

struct Task {
  const Arguments& arguments;
  const Destination& destination;
  log::Reader& reader;
  ImageKeeper& keeper;
  std::optional<replay::Position> position;
  EntryIndex to = 0;  // or kToEnd
};

// An index makes sense if there is one already, or where there is no way without.
Result<bool> wants_jump(const Task& task) {
  const bool is_forwards =
      task.position && task.position->is_exact() && task.position->least <= task.to;
  const bool is_needed = !is_forwards || task.arguments.is_set("check");
  if (task.arguments.is_set("no-discard")) {
    if (!is_needed) return false;
    return usage_error(
        "discards can only be left out (--no-discard) on the way forwards from an instant, without "
        "--check");
  }
  const std::string index_path = task.arguments.optional_text("index").value_or(
      index::default_sidecar_path(task.arguments.text("LOG")));
  return is_needed || (!index_path.empty() && ::access(index_path.c_str(), R_OK) == 0);
}

Result<replay::Totals> replay_onto(Task& task) {
  const std::uint64_t last = std::min(task.to, task.reader.super_block().nr_entries);
  const EntryIndex from = task.position->least;
  POWERCUT_TRY_STATUS(task.keeper.leave(task.position, last));
  Progress progress("replaying", last - std::min(from, last));
  const auto totals = POWERCUT_TRY(replay::replay(
      task.reader, from, task.to, *task.destination.device,
      {.discards = !task.arguments.is_set("no-discard"),
       .workers = static_cast<unsigned>(task.arguments.optional_integer("jobs").value_or(0)),
       .size_bytes = task.destination.size_bytes,
       .flush = !task.destination.is_temporary,
       .progress = [&](EntryIndex done) { progress.update(done - from); }}));
  POWERCUT_TRY_STATUS(task.keeper.arrive(totals.to));
  return totals;
}

// What the recorded device held at first is somewhere, but nobody has said where.
Status check_initial_content(const Task& task, const state::Timeline& timeline) {
  const auto& extension = timeline.index().super_block().extension;
  const bool is_missing = timeline.base() == nullptr && extension &&
                          extension->initial_content == log::InitialContent::kImage;
  if (!is_missing || task.destination.is_new) return {};
  if (!POWERCUT_TRY(replay::needs_initial_content(timeline, task.position, task.to))) return {};
  return usage_error(
      fmt::format("on the way to entry:{} there are places that no entry had written yet: what the "
                  "device held at first ('{}') has to be given with --base",
                  task.to, extension->origin_path));
}

void print_mismatch(const Task& task, const replay::Difference& mismatch) {
  Output& out = Output::standard();
  const EntryIndex held = task.position->least;
  if (task.arguments.is_set("json")) {
    Json json = {{"at_entry", held}, {"as_expected", false}};
    json["mismatch"] = difference_json(mismatch);
    json["mismatch"].erase("last_writer");
    out.print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
    return;
  }
  out.print(
      "{}: {} is not at entry:{}: bytes {} to {} differ, byte {} is {:#04x}, should be {:#04x}; "
      "nothing was written\n",
      coloured("DIFFERENT", Colour::kRed, stdout), printable(task.destination.name), held,
      mismatch.range.begin, mismatch.range.end, mismatch.first_byte,
      std::to_integer<unsigned>(mismatch.right), std::to_integer<unsigned>(mismatch.left));
}

Result<bool> is_as_expected(const Task& task, const state::Timeline& timeline) {
  if (task.destination.is_new) return true;
  if (!task.position || !task.position->is_exact()) {
    return usage_error(fmt::format(
        "there is nothing to --check '{}' against: it is not known where it is (--from)",
        task.destination.name));
  }
  Progress progress("checking", task.destination.size_bytes, Progress::Unit::kBytes);
  const auto mismatch = POWERCUT_TRY(
      replay::find_mismatch(timeline, task.position->least, task.to, *task.destination.device,
                            [&](ByteOffset done) { progress.update(done); }));
  progress.clear();
  if (mismatch) print_mismatch(task, *mismatch);
  return !mismatch;
}

// Nothing: the check failed.
Result<std::optional<replay::JumpTotals>> jump_onto(Task& task) {
  const auto timeline = POWERCUT_TRY(
      open_timeline(task.arguments, Notices::kPrinted,
                    {.base = task.keeper.base_path(), .size_bytes = task.destination.size_bytes}));
  if (task.to == replay::kToEnd) task.to = POWERCUT_TRY(timeline->resolve("end"));
  const EntryIndex last = timeline->index().nr_entries();
  if (task.position && !task.position->is_exact() && task.position->greatest > last) {
    // Entries that cannot be read may have been written: no knowing where.
    note(
        "'{}' was on its way to entry:{}, but '{}' can only be read up to entry:{}: it is written "
        "as a whole",
        task.destination.name, task.position->greatest, task.arguments.text("LOG"), last);
    task.position.reset();
  }
  if (std::max(task.to, task.position ? task.position->greatest : 0) > last) {
    return with_context(log::to_status(timeline->index().ending()).error(),
                        fmt::format("only the instants up to entry:{} can be had", last));
  }
  POWERCUT_TRY_STATUS(check_initial_content(task, *timeline));
  if (task.arguments.is_set("check") && !POWERCUT_TRY(is_as_expected(task, *timeline))) {
    return std::nullopt;
  }
  POWERCUT_TRY_STATUS(task.keeper.leave(task.position, task.to));
  Progress progress("writing", task.destination.size_bytes, Progress::Unit::kBytes);
  const auto totals = POWERCUT_TRY(replay::jump(
      *timeline, task.position, task.to, *task.destination.device,
      {.workers = static_cast<unsigned>(task.arguments.optional_integer("jobs").value_or(0)),
       .flush = !task.destination.is_temporary,
       .progress = [&](ByteOffset done) { progress.update(done); }}));
  POWERCUT_TRY_STATUS(task.keeper.arrive(task.to));
  return totals;
}

// False: the check failed.
Result<bool> carry_out(Task& task, Outcome& outcome) {
  if (!POWERCUT_TRY(wants_jump(task))) {
    outcome.totals = POWERCUT_TRY(replay_onto(task));
    return true;
  }
  outcome.jump = POWERCUT_TRY(jump_onto(task));
  outcome.jumped_from = task.position;
  outcome.totals.to = task.to;
  return outcome.jump.has_value();
}

Result<int> run_replay(const Arguments& arguments) {
  if (!arguments.given("DEST") && !arguments.given("compare")) {
    return usage_error("DEST is missing (only with --compare can it be left out)");
  }
  auto [log, reader] = POWERCUT_TRY(open_log(arguments.text("LOG")));
  const Range range = POWERCUT_TRY(range_of(arguments, reader));
  std::shared_ptr<BlockDevice> compared;
  if (const auto path = arguments.optional_text("compare")) {
    if (arguments.given("DEST") && *path == arguments.text("DEST")) {
      return usage_error("DEST and the device to --compare with are the same");
    }
    compared = POWERCUT_TRY(open_read_only_device(*path));
  }
  std::optional<ByteCount> size_hint;
  if (compared) size_hint = compared->size_bytes();
  if (const auto base = arguments.optional_text("base"); base && !size_hint) {
    size_hint = POWERCUT_TRY(open_read_only_device(*base))->size_bytes();
  }
  const auto destination =
      POWERCUT_TRY(open_destination(arguments, *log, reader, range.from, range.to, size_hint));
  auto keeper = POWERCUT_TRY(ImageKeeper::open(arguments, destination, *log, reader.super_block()));
  Task task{arguments, destination, reader, keeper, std::nullopt, range.to};
  task.position =
      POWERCUT_TRY(position_of(arguments, destination, keeper, reader.super_block(), range.from));

  Outcome outcome;
  outcome.log_name = arguments.text("LOG");
  outcome.dest_name = destination.name;
  outcome.device_size_bytes = destination.size_bytes;
  if (!POWERCUT_TRY(carry_out(task, outcome))) return 1;
  if (compared) {
    POWERCUT_TRY_STATUS(compare_devices(arguments, destination, *compared, reader, outcome));
  }
  if (arguments.is_set("json")) {
    print_json(outcome);
  } else {
    print_text(outcome);
  }
  return !compared || outcome.is_identical() ? 0 : 1;
}

std::vector<flags::Flag> replay_flags() {
  return {
      {.name = "to",
       .value_name = "INSTANT",
       .help =
           "Where to go: the device as it was after these entries. It may lie before the instant "
           "that DEST holds.",
       .default_value = "end"},
      {.name = "from",
       .value_name = "INSTANT",
       .help = "The instant that DEST holds already: only what differs from there is written.",
       .default_text = "what the state file of DEST says; without one, start"},
      {.name = "base",
       .value_name = "IMAGE",
       .help =
           "What the device held before the first entry: a file, block device or NBD URI. Places "
           "that no entry had written yet get their content from it; without it they become "
           "zeroes. A DEST of which it is not known where it is, a new one among them, is "
           "written as a whole."},
      index_flag(),
      {.name = "check",
       .help = "Before anything is written, make sure that DEST holds what it should in all places "
               "that are going to be written; if not, say where, and end with status 1.",
       .kind = Kind::kBool},
      {.name = "state",
       .value_name = "PATH",
       .help = "The state file of DEST.",
       .default_text = "DEST.powercut if DEST is a regular file; none if it is a block device or "
                       "an NBD export",
       .excludes = {"no-state"}},
      {.name = "no-state",
       .help = "Neither use nor write a state file; one that is there is removed, as it would "
               "not be true any longer.",
       .kind = Kind::kBool},
      {.name = "compare",
       .value_name = "DEVICE",
       .help = "Compare the result with DEVICE (a file, block device or NBD URI), byte for byte; "
               "where they differ, say which entry wrote there last. Without DEST the replay goes "
               "to a temporary file."},
      {.name = "no-discard",
       .help = "Leave discards out. Otherwise a discarded range is made zeroes, however large it "
               "is. The result is no instant of the log: there is no state file of it, and no way "
               "back.",
       .kind = Kind::kBool,
       .excludes = {"base", "check"}},
      {.name = "size",
       .value_name = "SIZE",
       .help = "The size of the recorded device, for logs that do not state it.",
       .kind = Kind::kSize,
       .default_text = "what the log states, else the size of the device to compare with, of "
                       "IMAGE or of an existing DEST, else the least that holds every entry",
       .range = {.least = 1}},
      {.name = "jobs",
       .short_name = 'j',
       .value_name = "N",
       .help = "Threads that write.",
       .kind = Kind::kInteger,
       .default_text = "2 where DEST is a file: one reads the log while the other writes; else "
                       "as many as there are processors, from 2 to 8",
       .range = {.least = 1, .greatest = 256}},
      {.name = "json", .help = "What was done as one JSON object.", .kind = Kind::kBool}};
}

}  // namespace

const flags::Command& replay_command() {
  static const flags::Command command = {
      .name = "replay",
      .summary = "write an instant of a log onto a file or device",
      .description =
          {"Writes to DEST what the recorded device held at an instant: all that LOG records up to "
           "there, with nothing lost. A DEST that does not exist is made at the device's size. An "
           "existing one is written over; it must not be smaller, and what the log does not write "
           "keeps its content.",
           "Forwards the log is read from there on, and a place that is written again and again is "
           "written once. If there is an index of the log, or on the way back, only "
           "the places that entries between the two instants wrote are touched, each once, with "
           "the content that it had; the index is made if need be.",
           "Payloads go from file to file without a detour through the program where the system "
           "allows it, onto devices and NBD exports by several threads. Zeroes, and holes of the "
           "log's file, become "
           "holes of DEST. DEST is durable when the command ends."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."},
                      {.name = "DEST",
                       .help = "A file, block device or NBD URI.",
                       .required = false}},
      .flags = replay_flags(),
      .sections =
          {{.title = "The state file",
            .paragraphs =
                {"Beside a DEST that is a regular file, DEST.powercut says at which instant of "
                 "which log it is, so that the next replay can go on from there. It is believed "
                 "only if the log is the same one and DEST has not been written since, by its "
                 "inode, size and time of modification; otherwise a note says so, and DEST is "
                 "taken for what the device held at first, as if there were none.",
                 "While DEST is being written the file says from where to where. A replay that "
                 "was killed is made up for by the next one, to wherever it goes. Between the "
                 "two nobody else must write DEST.",
                 "A block device or an NBD export has no place for such a file: give one with "
                 "--state. Nothing tells then whether the device has been written by others: "
                 "--check looks."}}},
      .examples = {{"The disk as it was when the mark \"mkfs\" was put:",
                    "powercut replay run.log disk.img --to mark:mkfs"},
                   {"From there on to the third flush:",
                    "powercut replay run.log disk.img --from mark:mkfs --to flush:3"},
                   {"Back to what it was before, making sure that nobody has written the image "
                    "since:",
                    "powercut replay run.log disk.img --to mark:mkfs --check"},
                   {"Is the log complete? The replay must equal the recorded device:",
                    "powercut replay run.log --compare disk.img"}},
      .exit_statuses = {{"0", "DEST holds the instant; with --compare, so does DEVICE."},
                        {"1",
                         "DEVICE differs; or, with --check, DEST does not hold what it should, and "
                         "nothing was written."},
                        {"2", "The command line is wrong, or the log has no such instant."},
                        {"3", "The log is damaged, or DEST too small."},
                        {"4", "The environment failed: an I/O error, no permission, no space."}},
      .see_also = {"powercut-info(1)", "powercut-verify(1)", "replay-log(1)"},
      .run = run_replay,
  };
  return command;
}

}  // namespace powercut::apps
