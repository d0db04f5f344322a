// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/commands.h"
#include "apps/cli/control_path.h"
#include "apps/support/output.h"
#include "record/control.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;

void print(const record::RecorderStatus& status) {
  Output& out = Output::standard();
  out.print("recording   {}\n", status.recording ? "yes" : "NO");
  if (!status.log_error.empty()) out.print("log error   {}\n", status.log_error);
  out.print("file        {} ({})\n", status.file, human_bytes(status.device_size_bytes));
  out.print("log         {} ({}, sectors of {} bytes, extensions {})\n", status.log,
            human_bytes(status.log_counters.end_offset), status.sector_size,
            status.extensions ? "on" : "off");
  out.print("entries     {}, of which {} are durable\n", with_commas(status.log_counters.entries),
            with_commas(status.log_counters.durable_entries));
  out.print("requests    {} writes, {} zeroes, {} discards, {} flushes, {} marks, {} failed\n",
            with_commas(status.writes), with_commas(status.zeroes), with_commas(status.discards),
            with_commas(status.flushes), with_commas(status.marks),
            with_commas(status.failed_requests));
}

Result<int> run_status(const Arguments& arguments) {
  const std::string control = POWERCUT_TRY(control_path(arguments));
  if (arguments.is_set("json")) {
    // As it came: a recorder of another version may tell more.
    const std::string answer = POWERCUT_TRY(record::control_request(control, "status"));
    Output::standard().print("{}\n", answer);
  } else {
    print(POWERCUT_TRY(record::request_status(control)));
  }
  return 0;
}

}  // namespace

const flags::Command& status_command() {
  static const flags::Command command = {
      .name = "status",
      .summary = "ask a running recorder what it has recorded",
      .description = {"Prints the recorded file, the log, and how many requests of each kind have "
                      "been recorded; if recording has ended because of an error, which."},
      .flags = {control_flag(),
                {.name = "json",
                 .help = "Print one line of JSON with everything the recorder tells.",
                 .kind = Kind::kBool}},
      .see_also = {"powercut-record(1)", "powercut-mark(1)"},
      .run = run_status};
  return command;
}

}  // namespace powercut::apps
