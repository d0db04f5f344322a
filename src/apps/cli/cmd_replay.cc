// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

#include "apps/cli/commands.h"
#include "apps/cli/log_show.h"
#include "apps/support/output.h"
#include "apps/support/progress.h"
#include "base/unique_fd.h"
#include "block/file_device.h"
#include "block/nbd_device.h"
#include "io/image_lock.h"
#include "replay/compare.h"
#include "replay/replay.h"
#include "state/device_size.h"
#include "state/instant.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using flags::Kind;
using state::Instant;
using Json = nlohmann::ordered_json;

constexpr std::uint32_t kLargestCompareBlock = 64 * kKiB;

template <typename... Args>
void note(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print(stderr, "powercut: note: {}\n", fmt::format(format, std::forward<Args>(args)...));
}

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

std::string described(const Instant& instant, EntryIndex entry) {
  if (instant.kind == Instant::Kind::kEntry) return to_string(instant);
  return fmt::format("{} (entry:{})", to_string(instant), entry);
}

Result<Range> range_of(const Arguments& arguments, log::Reader& reader) {
  const Instant from = POWERCUT_TRY(state::parse_instant(arguments.text("from")));
  const Instant to = POWERCUT_TRY(state::parse_instant(arguments.text("to")));
  Range range;
  // `end` as a beginning is a number like any other.
  range.from = from.kind == Instant::Kind::kEnd ? POWERCUT_TRY(state::resolve(from, reader))
                                                : POWERCUT_TRY(entry_of(from, reader));
  range.to = POWERCUT_TRY(entry_of(to, reader));
  if (range.from > range.to) {
    return usage_error(
        fmt::format("cannot go back from {} to {}: what a write replaced is not in the log; replay "
                    "to {} onto a new DEST instead",
                    described(from, range.from), described(to, range.to), to_string(to)));
  }
  return range;
}

// As the log or the user says, else that of a device that is there, else the least that will do.
// Unless the log states it, one pass over it makes sure that all of it can be replayed, before
// anything is written.
Result<ByteCount> device_size(const Arguments& arguments, log::Reader& reader, EntryIndex to,
                              std::optional<ByteCount> existing) {
  const auto& extension = reader.super_block().extension;
  const auto given = arguments.optional_integer("size");
  const bool is_stated = extension && extension->device_size_bytes > 0;
  if (is_stated && (!given || *given == extension->device_size_bytes)) {
    return extension->device_size_bytes;
  }
  reader.seek(0, reader.sector_size());
  const state::LogSummary summary = state::summarize(reader);
  if (to == replay::kToEnd) POWERCUT_TRY_STATUS(log::to_status(summary.ending));
  const auto size = POWERCUT_TRY(
      state::device_size(reader.super_block(), summary, given ? given : existing, std::nullopt));
  if (size.is_inferred) {
    note(
        "'{}' does not say how large its device is; {} bytes are the least that hold every entry "
        "(--size sets another size)",
        reader.file().name(), size.bytes);
  }
  return size.bytes;
}

Result<std::unique_ptr<BlockDevice>> as_device(std::unique_ptr<PosixFile> file) {
  std::unique_ptr<BlockDevice> device = POWERCUT_TRY(FileDevice::make(std::move(file)));
  return device;
}

// A block device that something else has taken for itself: a mount, a device-mapper target, swap.
Status check_not_claimed(const PosixFile& file) {
  if (!file.is_block_device()) return {};
  const UniqueFd fd(::open(file.name().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (fd.valid() || errno != EBUSY) return {};
  return os_error(fmt::format("'{}' is mounted or otherwise taken; unmount it first", file.name()));
}

Result<std::unique_ptr<BlockDevice>> open_compared(const std::string& path) {
  if (NbdDevice::is_uri(path)) {
    std::unique_ptr<BlockDevice> device = POWERCUT_TRY(NbdDevice::open(path, {.writable = false}));
    return device;
  }
  return as_device(POWERCUT_TRY(PosixFile::open(path, {})));
}

// What is written to.
struct Destination {
  std::unique_ptr<BlockDevice> device;
  ByteCount size_bytes = 0;  // of the recorded device; what lies behind it is left alone
  std::string name;
  bool is_temporary = false;
};

Status check_size(const std::string& path, const BlockDevice& device, ByteCount size_bytes) {
  if (device.size_bytes() < size_bytes) {
    return bad_input(
        fmt::format("'{}' has {} bytes, but the recorded device {}: use a larger DEST, or one that "
                    "does not exist yet",
                    path, device.size_bytes(), size_bytes));
  }
  if (device.size_bytes() > size_bytes) {
    note("'{}' has {} bytes; those behind the {} of the recorded device are left as they are", path,
         device.size_bytes(), size_bytes);
  }
  return {};
}

void note_content(const std::string& path, const log::Reader& reader) {
  const auto& extension = reader.super_block().extension;
  if (!extension || extension->initial_content != log::InitialContent::kZero) return;
  note(
      "the recorded device was empty at first, '{}' may not be: what the log does not write keeps "
      "its "
      "content",
      path);
}

class DestinationOpener {
 public:
  DestinationOpener(const Arguments& arguments, const PosixFile& log, log::Reader& reader,
                    Range range, std::optional<ByteCount> compared_size)
      : arguments_(arguments),
        log_(log),
        reader_(reader),
        range_(range),
        compared_size_(compared_size) {}

  Result<Destination> open() {
    if (!arguments_.given("DEST")) return open_temporary();
    const std::string& path = arguments_.text("DEST");
    if (NbdDevice::is_uri(path)) {
      auto device = POWERCUT_TRY(NbdDevice::open(path));
      const bool is_empty = !POWERCUT_TRY(device->next_data(0));
      return existing(path, std::move(device), is_empty);
    }
    auto file = PosixFile::open(path, {.writable = true});
    if (!file && file.error().os_errno == ENOENT) return create(path);
    if (!file) return Unexpected(std::move(file).error());
    if (is_same_file(**file, log_)) {
      return usage_error(fmt::format("LOG and DEST are the same: '{}'", path));
    }
    POWERCUT_TRY_STATUS(lock_for_writing(**file));
    POWERCUT_TRY_STATUS(check_not_claimed(**file));
    const ByteCount file_size = POWERCUT_TRY((*file)->size());
    const bool is_empty = POWERCUT_TRY((*file)->is_hole({0, file_size}));
    return existing(path, POWERCUT_TRY(as_device(std::move(*file))), is_empty);
  }

 private:
  Result<Destination> existing(const std::string& path, std::unique_ptr<BlockDevice> device,
                               bool is_empty) {
    // The device to compare with is the recorded one, if it can be.
    const bool fits = compared_size_ && *compared_size_ <= device->size_bytes();
    const ByteCount size_bytes = POWERCUT_TRY(
        device_size(arguments_, reader_, range_.to, fits ? *compared_size_ : device->size_bytes()));
    POWERCUT_TRY_STATUS(check_size(path, *device, size_bytes));
    if (range_.from == 0 && !is_empty) note_content(path, reader_);
    return Destination{std::move(device), size_bytes, path, false};
  }

  Result<Destination> create(const std::string& path) {
    POWERCUT_TRY_STATUS(check_new());
    const ByteCount size_bytes =
        POWERCUT_TRY(device_size(arguments_, reader_, range_.to, compared_size_));
    auto file = POWERCUT_TRY(
        PosixFile::open(path, {.writable = true, .create = OpenOptions::Create::kMustBeNew}));
    POWERCUT_TRY_STATUS(lock_for_writing(*file));
    POWERCUT_TRY_STATUS(file->truncate(size_bytes));
    return Destination{POWERCUT_TRY(as_device(std::move(file))), size_bytes, path, false};
  }

  Result<Destination> open_temporary() {
    POWERCUT_TRY_STATUS(check_new());
    const ByteCount size_bytes =
        POWERCUT_TRY(device_size(arguments_, reader_, range_.to, compared_size_));
    auto file = POWERCUT_TRY(PosixFile::open_temporary());
    POWERCUT_TRY_STATUS(file->truncate(size_bytes));
    return Destination{POWERCUT_TRY(as_device(std::move(file))), size_bytes, "the replay", true};
  }

  // An empty DEST is the instant `start` of a device that was empty at first.
  Status check_new() const {
    if (range_.from > 0) {
      return usage_error(fmt::format("--from {} wants a DEST that holds that instant already",
                                     arguments_.text("from")));
    }
    const auto& extension = reader_.super_block().extension;
    if (extension && extension->initial_content == log::InitialContent::kImage) {
      note(
          "the recorded device was not empty at first ('{}'): what the log does not write will be "
          "zeroes; for the whole content make DEST a copy of what the device held then",
          extension->origin_path);
    }
    return {};
  }

  const Arguments& arguments_;
  const PosixFile& log_;
  log::Reader& reader_;
  const Range range_;
  const std::optional<ByteCount> compared_size_;
};

struct Outcome {
  std::string log_name;
  std::string dest_name;
  ByteCount device_size_bytes = 0;
  replay::Totals totals;

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

void print_text(const Outcome& outcome) {
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

void print_json(const Outcome& outcome) {
  const auto& totals = outcome.totals;
  Json json;
  set_text(json, "log", outcome.log_name);
  set_text(json, "dest", outcome.dest_name);
  json["device_size_bytes"] = outcome.device_size_bytes;
  json["from_entry"] = totals.from;
  json["to_entry"] = totals.to;
  json["written_entries"] = totals.written_entries;
  json["written_bytes"] = totals.written_bytes;
  json["discarded_entries"] = totals.discarded_entries;
  json["discarded_bytes"] = totals.discarded_bytes;
  json["skipped_discards"] = totals.skipped_discards;
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

Result<replay::Totals> replay_onto(const Arguments& arguments, const Destination& destination,
                                   log::Reader& reader, Range range) {
  const std::uint64_t last = std::min(range.to, reader.super_block().nr_entries);
  Progress progress("replaying", last - std::min(range.from, last));
  return replay::replay(
      reader, range.from, range.to, *destination.device,
      {.discards = !arguments.is_set("no-discard"),
       .workers = static_cast<unsigned>(arguments.optional_integer("jobs").value_or(0)),
       .size_bytes = destination.size_bytes,
       .flush = !destination.is_temporary,
       .progress = [&](EntryIndex done) { progress.update(done - range.from); }});
}

Result<int> run_replay(const Arguments& arguments) {
  if (!arguments.given("DEST") && !arguments.given("compare")) {
    return usage_error("DEST is missing (only with --compare can it be left out)");
  }
  auto [log, reader] = POWERCUT_TRY(open_log(arguments.text("LOG")));
  const Range range = POWERCUT_TRY(range_of(arguments, reader));
  std::unique_ptr<BlockDevice> compared;
  if (const auto path = arguments.optional_text("compare")) {
    if (arguments.given("DEST") && *path == arguments.text("DEST")) {
      return usage_error("DEST and the device to --compare with are the same");
    }
    compared = POWERCUT_TRY(open_compared(*path));
  }
  const auto destination = POWERCUT_TRY(
      DestinationOpener(arguments, *log, reader, range,
                        compared ? std::optional(compared->size_bytes()) : std::nullopt)
          .open());

  Outcome outcome;
  outcome.log_name = arguments.text("LOG");
  outcome.dest_name = destination.name;
  outcome.device_size_bytes = destination.size_bytes;
  outcome.totals = POWERCUT_TRY(replay_onto(arguments, destination, reader, range));
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
       .help = "Where to stop: the device as it was after these entries.",
       .default_value = "end"},
      {.name = "from",
       .value_name = "INSTANT",
       .help = "The instant that DEST holds already: only the entries behind it are replayed.",
       .default_value = "start"},
      {.name = "compare",
       .value_name = "DEVICE",
       .help = "Compare the result with DEVICE (a file, block device or NBD URI), byte for byte; "
               "where they differ, say which entry wrote there last. Without DEST the replay goes "
               "to a temporary file."},
      {.name = "no-discard",
       .help = "Leave discards out. Otherwise a discarded range is made zeroes, however large it "
               "is.",
       .kind = Kind::kBool},
      {.name = "size",
       .value_name = "SIZE",
       .help = "The size of the recorded device, for logs that do not state it.",
       .kind = Kind::kSize,
       .default_text = "what the log states, else the size of the device to compare with or of "
                       "an existing DEST, else the least that holds every entry",
       .range = {.least = 1}},
      {.name = "jobs",
       .short_name = 'j',
       .value_name = "N",
       .help = "Threads that write.",
       .kind = Kind::kInteger,
       .default_text = "1 where DEST is a file, which takes one write at a time; else as many "
                       "as there are processors, from 2 to 8",
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
           "Payloads go from file to file without a detour through the program where the system "
           "allows it, onto devices and NBD exports by several threads. Zeroes, and holes of the "
           "log's file, become "
           "holes of DEST. DEST is durable when the command ends."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."},
                      {.name = "DEST",
                       .help = "A file, block device or NBD URI.",
                       .required = false}},
      .flags = replay_flags(),
      .examples = {{"The disk as it was when the mark \"mkfs\" was put:",
                    "powercut replay run.log disk.img --to mark:mkfs"},
                   {"From there on to the third flush:",
                    "powercut replay run.log disk.img --from mark:mkfs --to flush:3"},
                   {"Is the log complete? The replay must equal the recorded device:",
                    "powercut replay run.log --compare disk.img"}},
      .exit_statuses = {{"0", "DEST holds the instant; with --compare, so does DEVICE."},
                        {"1", "DEVICE differs."},
                        {"2", "The command line is wrong, or the log has no such instant."},
                        {"3", "The log is damaged, or DEST too small."},
                        {"4", "The environment failed: an I/O error, no permission, no space."}},
      .see_also = {"powercut-info(1)", "powercut-verify(1)", "replay-log(1)"},
      .run = run_replay,
  };
  return command;
}

}  // namespace powercut::apps
