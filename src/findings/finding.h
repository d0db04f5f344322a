// SPDX-License-Identifier: Apache-2.0
// What an exploration found, as plain data: the one shape from which text, JSON and every other
// report are made. docs/findings.md describes the JSON.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace powercut::findings {

// How a checker judged a state. Everything but kPassed is a failure.
enum class Outcome {
  kPassed,
  kExitStatus,  // ended with a status other than 0
  kSignal,      // was killed by a signal
  kTimeout,     // did not end in time
  kMount,       // the file system could not be mounted, or not be unmounted
};

[[nodiscard]] const char* to_string(Outcome outcome);

// One crash state and its verdict.
struct StateResult {
  std::string state;                // its StateId, which every command takes in place of an instant
  EntryIndex entries = 0;           // of the log, in front of the cut
  std::optional<std::string> mark;  // the last in front of the cut
  Outcome outcome = Outcome::kPassed;
  int code = 0;        // exit status, signal number or errno, as the outcome has it
  double seconds = 0;  // that the checker took

  // Of a failure only.
  std::string step;         // the part of the checker that failed: "e2fsck -fn"
  std::string output;       // an excerpt of what that part wrote
  std::string reproduce;    // the one command that shows this failure again
  std::string kept_image;   // path of the state's image, if it was kept
  std::string kept_output;  // path of the checker's output, if it was kept

  [[nodiscard]] bool passed() const { return outcome == Outcome::kPassed; }
  friend bool operator==(const StateResult&, const StateResult&) = default;
};

// What is explored: known before the first state is checked.
struct Exploration {
  std::string log;
  std::uint64_t log_entries = 0;
  ByteCount device_size_bytes = 0;
  std::string model;        // "prefix"
  std::string at;           // the selection of cuts as it was given: "flush,mark"
  EntryIndex from = 0;      // the first cut that is looked at: so many entries in front of it
  std::string from_reason;  // "mark mkfs"; empty: the log's beginning
  std::uint64_t cuts = 0;   // that the selection gives
  std::string checker;      // "ext4", "./check.sh {}"
  std::uint32_t jobs = 1;
  // What the reader of the report has to know: an inferred size, a torn tail.
  std::vector<std::string> notes;

  friend bool operator==(const Exploration&, const Exploration&) = default;
};

// What came of it.
struct Summary {
  std::uint64_t cuts = 0;
  std::uint64_t checked = 0;  // passed + failed
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  double seconds = 0;
  std::string first_failure;      // the failing state with the earliest cut; empty if none failed
  bool interrupted = false;       // by a signal: not all cuts were reached
  bool stopped_at_limit = false;  // by --max-failures

  [[nodiscard]] double states_per_second() const {
    return seconds > 0 ? static_cast<double>(checked) / seconds : 0;
  }
  // States were checked, all that there were, and each of them passed.
  [[nodiscard]] bool succeeded() const {
    return checked > 0 && failed == 0 && !interrupted && !stopped_at_limit;
  }
  friend bool operator==(const Summary&, const Summary&) = default;
};

using Record = std::variant<Exploration, StateResult, Summary>;

// One line of JSON, without the newline. Bytes that are not UTF-8 are replaced by U+FFFD.
[[nodiscard]] std::string to_json(const Record& record);
// Errors (kBadInput) say what is missing or wrong. Unknown members are passed over.
[[nodiscard]] Result<Record> from_json(std::string_view line);

}  // namespace powercut::findings
