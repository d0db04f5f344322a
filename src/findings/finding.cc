// SPDX-License-Identifier: Apache-2.0
// The members of each record stand once, in describe(): the encoder and the decoder both walk them.
#include "findings/finding.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <type_traits>
#include <utility>

namespace powercut::findings {
namespace {

using Json = nlohmann::ordered_json;

class Encoder {
 public:
  explicit Encoder(Json& json) : json_(json) {}

  template <typename T>
  void required(const char* name, const T& value) {
    json_[name] = value;
  }
  // Left out where it has its default.
  template <typename T>
  void optional(const char* name, const T& value) {
    if (value != T{}) json_[name] = value;
  }
  template <typename T>
  void optional(const char* name, const std::optional<T>& value) {
    if (value) json_[name] = *value;
  }

 private:
  Json& json_;
};

// Throws Json::exception where a required member is missing or one is of the wrong type.
class Decoder {
 public:
  explicit Decoder(const Json& json) : json_(json) {}

  template <typename T>
  void required(const char* name, T& value) {
    take(json_.at(name), value);
  }
  template <typename T>
  void optional(const char* name, T& value) {
    if (json_.contains(name)) take(json_.at(name), value);
  }
  template <typename T>
  void optional(const char* name, std::optional<T>& value) {
    if (json_.contains(name)) take(json_.at(name), value.emplace());
  }

 private:
  // Of a number that does not fit the library makes another one, and what it does with large ones that are not
  // integers is undefined.
  template <typename T>
  static void take(const Json& json, T& value) {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      const bool fits =
          json.is_number_unsigned()
              ? std::in_range<T>(json.template get<std::uint64_t>())
              : json.is_number_integer() && std::in_range<T>(json.template get<std::int64_t>());
      if (!fits) throw Json::other_error::create(0, "a number that does not fit", &json);
    }
    json.get_to(value);
  }
  template <typename T>
  static void take(const Json& json, std::vector<T>& values) {
    if (!json.is_array()) throw Json::other_error::create(0, "no list", &json);
    values.clear();
    for (const Json& item : json) take(item, values.emplace_back());
  }

  const Json& json_;
};

// `Record` is const for the encoder.
template <typename Archive, typename Record>
void describe_write(Archive& archive, Record& write) {
  archive.required("entry", write.entry);
  archive.required("kind", write.kind);
  archive.optional("fua", write.is_fua);
  archive.required("begin", write.begin);
  archive.required("end", write.end);
  archive.optional("units", write.units);
  archive.optional("survived", write.survived);
  archive.optional("content", write.content);
  archive.optional("place", write.place);
  archive.optional("mark", write.mark);
  archive.optional("submitted", write.submitted);
  archive.optional("completed", write.completed);
  archive.optional("wall_time_ns", write.wall_time_ns);
}

template <typename Archive, typename Record>
void describe_barrier(Archive& archive, Record& barrier) {
  archive.required("after", barrier.after);
  archive.required("before", barrier.before);
  archive.optional("because", barrier.because);
}

template <typename Archive, typename Record>
void describe_run(Archive& archive, Record& run) {
  archive.required("log", run.log);
  archive.optional("log_id", run.log_id);
  archive.required("log_entries", run.log_entries);
  archive.required("device_size_bytes", run.device_size_bytes);
  archive.required("model", run.model);
  archive.optional("strategy", run.strategy);
  archive.optional("torn", run.torn);
  archive.optional("discard", run.discard);
  archive.required("seed", run.seed);
  archive.required("at", run.at);
  archive.required("from", run.from);
  archive.optional("from_reason", run.from_reason);
  archive.required("to", run.to);
  archive.required("cuts", run.cuts);
  archive.required("shard", run.shard);
  archive.required("shards", run.shards);
  archive.required("checker", run.checker);
  archive.required("jobs", run.jobs);
  archive.required("notes", run.notes);
}

template <typename Archive, typename Record>
void describe_state(Archive& archive, Record& result) {
  archive.required("state", result.state);
  archive.required("entries", result.entries);
  archive.optional("mark", result.mark);
  archive.required("source", result.source);
  archive.optional("same_as", result.same_as);
  archive.required("outcome", result.outcome);
  archive.optional("code", result.code);
  archive.required("seconds", result.seconds);
  archive.optional("step", result.step);
  archive.optional("output", result.output);
  archive.optional("reproduce", result.reproduce);
  archive.optional("kept_image", result.kept_image);
  archive.optional("kept_output", result.kept_output);
}

template <typename Archive, typename Record>
void describe_cause(Archive& archive, Record& cause) {
  archive.required("number", cause.number);
  archive.required("outcome", cause.outcome);
  archive.optional("code", cause.code);
  archive.optional("step", cause.step);
  archive.optional("message", cause.message);
  archive.required("states", cause.states);
  archive.required("first", cause.first);
  archive.optional("minimal", cause.minimal);
  archive.required("lost", cause.lost);
  archive.required("torn", cause.torn);
  archive.required("survivors", cause.survivors);
  archive.optional("barrier", cause.barrier);
  archive.required("checks", cause.checks);
  archive.optional("reproduce", cause.reproduce);
  archive.optional("notes", cause.notes);
}

template <typename Archive, typename Record>
void describe_flush(Archive& archive, Record& flush) {
  archive.required("entry", flush.entry);
  archive.required("kind", flush.kind);
  archive.optional("mark", flush.mark);
  archive.required("needed", flush.is_needed);
  archive.optional("state", flush.state);
  archive.required("outcome", flush.outcome);
  archive.optional("code", flush.code);
  archive.optional("step", flush.step);
  archive.optional("reproduce", flush.reproduce);
  archive.required("states", flush.states);
}

template <typename Archive, typename Record>
void describe_disagreement(Archive& archive, Record& disagreement) {
  archive.required("state", disagreement.state);
  archive.optional("same_as", disagreement.same_as);
  archive.required("expected", disagreement.expected);
  archive.required("found", disagreement.found);
}

template <typename Archive, typename Record>
void describe_summary(Archive& archive, Record& summary) {
  archive.required("cuts", summary.cuts);
  archive.required("possible", summary.possible);
  archive.required("possible_log2", summary.possible_log2);
  archive.required("looked_at", summary.looked_at);
  archive.required("distinct", summary.distinct);
  archive.required("checked", summary.checked);
  archive.required("run", summary.run);
  archive.required("by_reads", summary.by_reads);
  archive.required("by_cache", summary.by_cache);
  archive.required("passed", summary.passed);
  archive.required("failed", summary.failed);
  archive.required("audited", summary.audited);
  archive.required("disagreements", summary.disagreements);
  archive.required("pairs", summary.pairs);
  archive.required("pairs_covered", summary.pairs_covered);
  archive.required("causes", summary.causes);
  archive.required("seconds", summary.seconds);
  archive.optional("first_failure", summary.first_failure);
  archive.required("interrupted", summary.interrupted);
  archive.optional("stopped_at_limit", summary.stopped_at_limit);
}

// Each kind of record: the word in "type", and its members.
template <typename Archive>
const char* describe(Archive& archive, auto& record) {
  using T = std::remove_cvref_t<decltype(record)>;
  if constexpr (std::is_same_v<T, Exploration>) {
    describe_run(archive, record);
    return "run";
  } else if constexpr (std::is_same_v<T, StateResult>) {
    describe_state(archive, record);
    return "state";
  } else if constexpr (std::is_same_v<T, Cause>) {
    describe_cause(archive, record);
    return "cause";
  } else if constexpr (std::is_same_v<T, FlushVerdict>) {
    describe_flush(archive, record);
    return "flush";
  } else if constexpr (std::is_same_v<T, Disagreement>) {
    describe_disagreement(archive, record);
    return "disagreement";
  } else {
    static_assert(std::is_same_v<T, Summary>);
    describe_summary(archive, record);
    return "summary";
  }
}

template <typename T>
Record decode(const Json& json) {
  T record;
  Decoder decoder(json);
  static_cast<void>(describe(decoder, record));
  return Record(std::move(record));
}

Result<Record> decode(const Json& json) {
  const auto type = json.at("type").get<std::string>();
  if (type == "run") return decode<Exploration>(json);
  if (type == "state") return decode<StateResult>(json);
  if (type == "cause") return decode<Cause>(json);
  if (type == "flush") return decode<FlushVerdict>(json);
  if (type == "disagreement") return decode<Disagreement>(json);
  if (type == "summary") return decode<Summary>(json);
  return bad_input(fmt::format("a finding of unknown type '{}'", type));
}

template <typename Enum, std::size_t kCount>
void decode_name(const Json& json, const std::array<Enum, kCount>& values, const char* what,
                 Enum& result) {
  const auto name = json.get<std::string>();
  for (const Enum value : values) {
    if (name == to_string(value)) {
      result = value;
      return;
    }
  }
  throw Json::other_error::create(0, fmt::format("unknown {} '{}'", what, name), &json);
}

struct Difference {
  std::string name;
  Json first;  // null where there is none
  Json second;
};

// In what the two ask.
std::vector<Difference> differences(const Exploration& a, const Exploration& b) {
  const auto question = [](Exploration run) {
    run.log.clear();
    run.jobs = 1;
    run.notes.clear();
    Json json;
    Encoder encoder(json);
    describe_run(encoder, run);
    // As it is in a file, where bytes that are not UTF-8 have been replaced.
    return Json::parse(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  const Json first = question(a);
  const Json second = question(b);
  Json names = first;
  names.update(second);
  std::vector<Difference> found;
  for (const auto& [name, value] : names.items()) {
    Difference difference{name, first.value(name, Json()), second.value(name, Json())};
    if (difference.first != difference.second) found.push_back(std::move(difference));
  }
  return found;
}

}  // namespace

// Found by the library where these types stand in a member.
static void to_json(Json& json, const Outcome& outcome) {
  json = to_string(outcome);
}
static void from_json(const Json& json, Outcome& outcome) {
  constexpr std::array kOutcomes = {Outcome::kPassed, Outcome::kExitStatus,
                                    Outcome::kSignal, Outcome::kTimeout,
                                    Outcome::kMount,  Outcome::kAcknowledgement};
  decode_name(json, kOutcomes, "outcome", outcome);
}
static void to_json(Json& json, const Source& source) {
  json = to_string(source);
}
static void from_json(const Json& json, Source& source) {
  constexpr std::array kSources = {Source::kRun, Source::kReads, Source::kCache};
  decode_name(json, kSources, "source", source);
}
static void to_json(Json& json, const Write& write) {
  Encoder encoder(json);
  describe_write(encoder, write);
}
static void from_json(const Json& json, Write& write) {
  Decoder decoder(json);
  describe_write(decoder, write);
}
static void to_json(Json& json, const Barrier& barrier) {
  Encoder encoder(json);
  describe_barrier(encoder, barrier);
}
static void from_json(const Json& json, Barrier& barrier) {
  Decoder decoder(json);
  describe_barrier(decoder, barrier);
}

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
    case Outcome::kAcknowledgement:
      return "acknowledgement";
  }
  return "unknown";
}

const char* to_string(Source source) {
  switch (source) {
    case Source::kRun:
      return "run";
    case Source::kReads:
      return "reads";
    case Source::kCache:
      return "cache";
  }
  return "unknown";
}

bool asks_the_same(const Exploration& a, const Exploration& b) {
  return what_differs(a, b).empty();
}

std::string what_differs(const Exploration& a, const Exploration& b) {
  Exploration other = b;
  other.shard = a.shard;
  const auto text = [](const Json& value) { return value.is_null() ? "nothing" : value.dump(); };
  const auto found = differences(a, other);
  if (found.empty()) return {};
  return fmt::format("{} is {}, not {}", found[0].name, text(found[0].second),
                     text(found[0].first));
}

std::string all_differences(const Exploration& there, const Exploration& now) {
  const auto text = [](const Json& value) {
    if (value.is_null()) return std::string("nothing");
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  std::string all;
  for (const auto& [name, first, second] : differences(there, now)) {
    all += fmt::format("{}{}: {} there, {} now", all.empty() ? "" : "; ", name, text(first),
                       text(second));
  }
  return all;
}

std::string to_json(const Record& record) {
  return std::visit(
      [](const auto& value) {
        Json json = {{"type", nullptr}};  // it is to stand first
        Encoder encoder(json);
        const char* const type = describe(encoder, value);
        json["type"] = type;
        return json.dump(-1, ' ', false, Json::error_handler_t::replace);
      },
      record);
}

Result<Record> from_json(std::string_view line) {
  try {
    return decode(Json::parse(line));
  } catch (const nlohmann::json::exception& error) {
    // Behind the name of the exception.
    const std::string_view what = error.what();
    return bad_input(fmt::format("not a line of findings: {}", what.substr(what.find(']') + 2)));
  }
}

}  // namespace powercut::findings
