// SPDX-License-Identifier: Apache-2.0
#include "findings/finding.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>

namespace powercut::findings {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kOutcomes = {Outcome::kPassed, Outcome::kExitStatus, Outcome::kSignal,
                                  Outcome::kTimeout, Outcome::kMount};

Result<Outcome> outcome_from(std::string_view name) {
  for (const Outcome outcome : kOutcomes) {
    if (name == to_string(outcome)) return outcome;
  }
  return bad_input(fmt::format("unknown outcome '{}'", name));
}

void put_text(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

Json encode(const Exploration& run) {
  Json json;
  json["type"] = "run";
  json["log"] = run.log;
  json["log_entries"] = run.log_entries;
  json["device_size_bytes"] = run.device_size_bytes;
  json["model"] = run.model;
  json["at"] = run.at;
  json["from"] = run.from;
  put_text(json, "from_reason", run.from_reason);
  json["cuts"] = run.cuts;
  json["checker"] = run.checker;
  json["jobs"] = run.jobs;
  json["notes"] = run.notes;
  return json;
}

Json encode(const StateResult& result) {
  Json json;
  json["type"] = "state";
  json["state"] = result.state;
  json["entries"] = result.entries;
  if (result.mark) json["mark"] = *result.mark;
  json["outcome"] = to_string(result.outcome);
  if (!result.passed()) json["code"] = result.code;
  json["seconds"] = result.seconds;
  put_text(json, "step", result.step);
  put_text(json, "output", result.output);
  put_text(json, "reproduce", result.reproduce);
  put_text(json, "kept_image", result.kept_image);
  put_text(json, "kept_output", result.kept_output);
  return json;
}

Json encode(const Summary& summary) {
  Json json;
  json["type"] = "summary";
  json["cuts"] = summary.cuts;
  json["checked"] = summary.checked;
  json["passed"] = summary.passed;
  json["failed"] = summary.failed;
  json["seconds"] = summary.seconds;
  json["states_per_second"] = summary.states_per_second();
  put_text(json, "first_failure", summary.first_failure);
  json["interrupted"] = summary.interrupted;
  json["stopped_at_limit"] = summary.stopped_at_limit;
  return json;
}

// Missing members keep their defaults only where the encoder leaves them out; `at` throws
// otherwise.
Exploration decode_run(const Json& json) {
  Exploration run;
  json.at("log").get_to(run.log);
  json.at("log_entries").get_to(run.log_entries);
  json.at("device_size_bytes").get_to(run.device_size_bytes);
  json.at("model").get_to(run.model);
  json.at("at").get_to(run.at);
  json.at("from").get_to(run.from);
  run.from_reason = json.value("from_reason", "");
  json.at("cuts").get_to(run.cuts);
  json.at("checker").get_to(run.checker);
  json.at("jobs").get_to(run.jobs);
  json.at("notes").get_to(run.notes);
  return run;
}

Result<Record> decode_state(const Json& json) {
  StateResult result;
  json.at("state").get_to(result.state);
  json.at("entries").get_to(result.entries);
  if (json.contains("mark")) result.mark = json.at("mark").get<std::string>();
  result.outcome = POWERCUT_TRY(outcome_from(json.at("outcome").get<std::string>()));
  if (!result.passed()) json.at("code").get_to(result.code);
  json.at("seconds").get_to(result.seconds);
  result.step = json.value("step", "");
  result.output = json.value("output", "");
  result.reproduce = json.value("reproduce", "");
  result.kept_image = json.value("kept_image", "");
  result.kept_output = json.value("kept_output", "");
  return Record(std::move(result));
}

Summary decode_summary(const Json& json) {
  Summary summary;
  json.at("cuts").get_to(summary.cuts);
  json.at("checked").get_to(summary.checked);
  json.at("passed").get_to(summary.passed);
  json.at("failed").get_to(summary.failed);
  json.at("seconds").get_to(summary.seconds);
  summary.first_failure = json.value("first_failure", "");
  json.at("interrupted").get_to(summary.interrupted);
  json.at("stopped_at_limit").get_to(summary.stopped_at_limit);
  return summary;
}

Result<Record> decode(const Json& json) {
  const auto type = json.at("type").get<std::string>();
  if (type == "run") return Record(decode_run(json));
  if (type == "state") return decode_state(json);
  if (type == "summary") return Record(decode_summary(json));
  return bad_input(fmt::format("a finding of unknown type '{}'", type));
}

}  // namespace

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return "passed";
    case Outcome::kExitStatus:
      return "exit-status";
    case Outcome::kSignal:
      return "signal";
    case Outcome::kTimeout:
      return "timeout";
    case Outcome::kMount:
      return "mount";
  }
  return "unknown";
}

std::string to_json(const Record& record) {
  const Json json = std::visit([](const auto& value) { return encode(value); }, record);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Record> from_json(std::string_view line) {
  try {
    return decode(Json::parse(line));
  } catch (const nlohmann::json::exception& error) {
    return bad_input(fmt::format("not a line of findings: {}", error.what()));
  }
}

}  // namespace powercut::findings
