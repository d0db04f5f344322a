// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "apps/cli/commands.h"
#include "apps/cli/log_show.h"
#include "apps/support/output.h"
#include "io/image_lock.h"
#include "log/repair.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using flags::Kind;

void print_json(const std::string& path, const log::RepairReport& report, bool dry_run) {
  Json json;
  set_text(json, "log", path);
  json["changed"] = report.changed && !dry_run;
  json["needs_repair"] = report.changed;
  json["rebuilt_super_block"] = report.rebuilt_super_block;
  json["old_nr_entries"] = report.old_nr_entries;
  json["nr_entries"] = report.nr_entries;
  json["log_used_bytes"] = report.end_offset;
  json["ending"] = ending_name(report.ending.kind);
  if (!report.ending.is_whole()) set_text(json, "message", report.ending.message);
  Output::standard().print("{}\n", json.to_text());
}

void print_text(const std::string& path, const log::RepairReport& report, bool dry_run) {
  Output& out = Output::standard();
  const std::string name = printable(path);
  if (!report.changed) {
    out.print("{}: nothing to repair: its super block counts all there are, {}\n", name,
              counted(report.nr_entries, "entry", "entries"));
    return;
  }
  out.print("{}: {} {}, {}\n", name,
            dry_run ? "the super block would be written to count" : "the super block now counts",
            counted(report.nr_entries, "entry", "entries"), human_bytes(report.end_offset));
  if (report.rebuilt_super_block) {
    out.print("  there was no super block that could be read\n");
  } else {
    out.print("  it counted {} before\n", with_commas(report.old_nr_entries));
  }
  if (!report.ending.is_whole()) {
    out.print("  left out: entry {} at byte {} and all behind it ({}); they stay in the file\n",
              report.ending.entry, report.ending.log_offset, ending_name(report.ending.kind));
  }
}

Result<int> run_repair(const Arguments& arguments) {
  const std::string& path = arguments.text("LOG");
  const bool dry_run = arguments.is_set("dry-run");
  const auto file = POWERCUT_TRY(PosixFile::open(path, {.writable = !dry_run}));
  // A log that is being written has a super block that lags behind, and needs no repair.
  if (!dry_run) POWERCUT_TRY_STATUS(lock_for_writing(*file));
  log::RepairOptions options;
  options.dry_run = dry_run;
  if (const auto size = arguments.optional_integer("sector-size"))
    options.sector_size = static_cast<std::uint32_t>(*size);
  const auto report = POWERCUT_TRY(log::repair(*file, options));
  if (arguments.is_set("json")) {
    print_json(path, report, dry_run);
  } else {
    print_text(path, report, dry_run);
  }
  return 0;
}

}  // namespace

const flags::Command& repair_command() {
  static const flags::Command command = {
      .name = "repair",
      .summary = "write a right super block after a recorder was killed",
      .description = {"Counts the whole entries that are in LOG and writes a super block that says "
                      "so. Nothing else is "
                      "touched: entries behind a count that was too low are taken in; one that is "
                      "torn or corrupt, and all "
                      "behind it, are left out, but stay in the file, and the old count, which is "
                      "printed, brings them back.",
                      "After this every acknowledged request stands in the log. Appending to a log "
                      "(log-append) does the "
                      "same by itself."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."}},
      .flags = {{.name = "dry-run",
                 .short_name = 'n',
                 .help = "Say what would be done, and leave the log as it is.",
                 .kind = Kind::kBool},
                {.name = "sector-size",
                 .value_name = "SIZE",
                 .help = "The log's sector size, for a log whose super block is lost.",
                 .kind = Kind::kSize,
                 .range = {log::kMinSectorSize, log::kMaxSectorSize}},
                {.name = "json", .help = "What was done as one JSON object.", .kind = Kind::kBool}},
      .examples = {{"After the recorder was killed:",
                    "powercut repair run.log && powercut verify run.log"}},
      .see_also = {"powercut-verify(1)"},
      .run = run_repair,
  };
  return command;
}

}  // namespace powercut::apps
