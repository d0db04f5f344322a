// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "apps/cli/commands.h"
#include "apps/cli/control_path.h"
#include "apps/support/output.h"
#include "record/control.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;
using Json = nlohmann::json;

// What is missing or of another type is taken as 0, "" or false: another version may have answered.
std::uint64_t number(const Json& status, const char* key) {
  const auto found = status.find(key);
  return found != status.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}
std::string text(const Json& status, const char* key) {
  const auto found = status.find(key);
  return found != status.end() && found->is_string() ? found->get<std::string>() : "";
}
bool is_true(const Json& status, const char* key) {
  const auto found = status.find(key);
  return found != status.end() && found->is_boolean() && found->get<bool>();
}

void print(const Json& status) {
  Output& out = Output::standard();
  const auto count = [&](const char* key) { return with_commas(number(status, key)); };
  out.print("recording   {}\n", is_true(status, "recording") ? "yes" : "NO");
  if (const auto error = text(status, "log_error"); !error.empty()) {
    out.print("log error   {}\n", error);
  }
  out.print("file        {} ({})\n", text(status, "file"),
            human_bytes(number(status, "device_size_bytes")));
  out.print("log         {} ({}, sectors of {} bytes, extensions {})\n", text(status, "log"),
            human_bytes(number(status, "log_end_offset")), number(status, "sector_size"),
            is_true(status, "extensions") ? "on" : "off");
  out.print("entries     {}, of which {} are durable\n", count("entries"),
            count("durable_entries"));
  out.print("requests    {} writes, {} zeroes, {} discards, {} flushes, {} marks, {} failed\n",
            count("writes"), count("zeroes"), count("discards"), count("flushes"), count("marks"),
            count("failed_requests"));
}

Result<int> run_status(const Arguments& arguments) {
  const std::string control = POWERCUT_TRY(control_path(arguments));
  const std::string answer = POWERCUT_TRY(record::control_request(control, "status"));
  if (arguments.is_set("json")) {
    Output::standard().print("{}\n", answer);
  } else {
    print(Json::parse(answer, nullptr, false));
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
