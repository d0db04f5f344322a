// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "apps/cli/commands.h"
#include "apps/cli/log_show.h"
#include "apps/support/output.h"
#include "apps/support/progress.h"
#include "log/verify.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using flags::Kind;
using log::Finding;

const char* severity_name(Finding::Severity severity) {
  return severity == Finding::Severity::kError ? "error" : "note";
}

void print_json(const std::string& path, const log::VerifyReport& report) {
  Json json;
  set_text(json, "log", path);
  json["whole"] = report.is_whole();
  json["nr_entries_counted"] = report.super_block.nr_entries;
  json["readable_entries"] = report.readable_entries;
  json["entries_past_count"] = report.entries_past_count;
  json["log_file_bytes"] = report.file_size_bytes;
  json["log_used_bytes"] = report.end_offset;
  json["ending"] = ending_name(report.ending.kind);
  json["end_mark"] = report.has_end_mark;
  json["payloads_checked"] = report.payloads_checked;
  json["errors"] = report.errors;
  json["findings"] = Json::array();
  for (const Finding& finding : report.findings) {
    Json item = {{"kind", log::name_of(finding.kind)},
                 {"severity", severity_name(finding.severity)},
                 {"entry", finding.entry},
                 {"log_offset", finding.log_offset}};
    set_text(item, "message", finding.message);
    json["findings"].push_back(std::move(item));
  }
  Output::standard().print("{}\n", json.to_text());
}

void print_text(const std::string& path, const log::VerifyReport& report) {
  Output& out = Output::standard();
  out.print("{}: {}\n", printable(path),
            report.is_whole() ? coloured("whole", Colour::kGreen, stdout)
                              : coloured("NOT WHOLE", Colour::kRed, stdout));
  out.print("  {}, {}",
            counted(report.readable_entries + report.entries_past_count, "entry", "entries"),
            human_bytes(report.end_offset));
  if (report.payloads_checked > 0)
    out.print("; {} compared with what was recorded", counted(report.payloads_checked, "payload"));
  out.print("\n");
  std::uint64_t errors_shown = 0;
  for (const Finding& finding : report.findings) {
    const bool is_error = finding.severity == Finding::Severity::kError;
    if (is_error) ++errors_shown;
    // Padded first: the colour's bytes take no columns.
    const std::string severity = fmt::format("{:<6}", severity_name(finding.severity));
    out.print("  {} {:<18} {}\n", is_error ? coloured(severity, Colour::kRed, stdout) : severity,
              log::name_of(finding.kind), printable(finding.message));
  }
  if (errors_shown < report.errors) {
    out.print("  and {} more errors; --max-findings shows more of them\n",
              with_commas(report.errors - errors_shown));
  }
}

Result<int> run_verify(const Arguments& arguments) {
  const std::string& path = arguments.text("LOG");
  const auto file = POWERCUT_TRY(PosixFile::open(path, {}));
  Progress progress("verifying", 0, Progress::Unit::kBytes);
  log::VerifyOptions options;
  options.device_size_bytes = arguments.optional_integer("device-size");
  options.payloads = !arguments.is_set("headers-only");
  options.max_findings_per_kind = arguments.integer("max-findings");
  options.progress = [&](ByteOffset done, ByteCount total) {
    progress.set_total(total);
    progress.update(done);
  };
  const auto report = POWERCUT_TRY(log::verify(*file, options));
  progress.clear();
  if (arguments.is_set("json")) {
    print_json(path, report);
  } else {
    print_text(path, report);
  }
  return report.is_whole() ? 0 : 1;
}

}  // namespace

const flags::Command& verify_command() {
  static const flags::Command command = {
      .name = "verify",
      .summary = "check that a log is whole",
      .description = {"Reads all of LOG and says what is wrong with it: a super block that counts "
                      "too many entries or too "
                      "few, a torn tail, headers that cannot be, sectors past the device's end, "
                      "entries that belong "
                      "elsewhere, payloads and headers that do not have the hash that was recorded "
                      "with them (powercut's own "
                      "logs only), a log that had filled up.",
                      "A note is something worth knowing, such as the absence of the mark with "
                      "which the kernel's target "
                      "ends its logs; it does not make a log bad."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."}},
      .flags = {{.name = "device-size",
                 .value_name = "SIZE",
                 .help = "The size of the recorded device.",
                 .kind = Kind::kSize,
                 .default_text = "what the log states, if it does"},
                {.name = "headers-only", .help = "Leave the payloads unread.", .kind = Kind::kBool},
                {.name = "max-findings",
                 .value_name = "N",
                 .help = "Of each kind of finding, list so many. All are counted.",
                 .kind = Kind::kInteger,
                 .default_value = "20"},
                {.name = "json", .help = "The report as one JSON object.", .kind = Kind::kBool}},
      .examples = {{"Before a log is trusted:", "powercut verify run.log"}},
      .exit_statuses = {{"0", "The log is whole."},
                        {"1", "It is not; what was found is listed."},
                        {"2", "The command line is wrong."},
                        {"3", "This is no log."},
                        {"4", "The environment failed: an I/O error, no permission."}},
      .see_also = {"powercut-repair(1)", "powercut-info(1)"},
      .run = run_verify,
  };
  return command;
}

}  // namespace powercut::apps
