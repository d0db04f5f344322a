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
  kExitStatus,       // ended with a status other than 0
  kSignal,           // was killed by a signal
  kTimeout,          // did not end in time
  kMount,            // the file system could not be mounted, or not be unmounted
  kAcknowledgement,  // files are not as they had been acknowledged
};

[[nodiscard]] const char* to_string(Outcome outcome);

// How the verdict on a state is known.
enum class Source {
  kRun,    // the checker was run on it
  kReads,  // a checker read only what was the same in another state (same_as)
  kCache,  // as kReads, by a run that a cache file remembers
};

[[nodiscard]] const char* to_string(Source source);

// One crash state and its verdict.
struct StateResult {
  std::string state;                // its StateId, which every command takes in place of an instant
  EntryIndex entries = 0;           // of the log, in front of the cut
  std::optional<std::string> mark;  // the last in front of the cut
  Source source = Source::kRun;
  std::string same_as;  // of kReads: the state that was run
  Outcome outcome = Outcome::kPassed;
  int code = 0;  // exit status, signal number, errno or number of files, as the outcome has it
  double seconds = 0;  // that the checker took; 0 where it was not run

  // Of a failure only.
  std::string step;         // the part of the checker that failed: "e2fsck -fn"
  std::string output;       // an excerpt of what that part wrote
  std::string reproduce;    // the one command that shows this failure again
  std::string kept_image;   // path of the state's image, if it was kept
  std::string kept_output;  // path of the checker's output, if it was kept

  [[nodiscard]] bool passed() const { return outcome == Outcome::kPassed; }
  friend bool operator==(const StateResult&, const StateResult&) = default;
};

// A write of the log, as an explanation names it.
struct Write {
  EntryIndex entry = 0;
  std::string kind;  // "write", "zeroes", "discard"
  bool is_fua = false;
  ByteOffset begin = 0;  // on the device
  ByteOffset end = 0;
  std::uint64_t units = 0;              // of a torn one: how many atomic units it has
  std::vector<std::uint64_t> survived;  // of a torn one: which of them survived
  std::string content;                  // "zeroes", "text", "data", or what it is known to be
  std::string place;                // what of the file system stands there: "journal", "/app.db"
  std::optional<std::string> mark;  // the last in front of it
  // Where the log has them, else 0.
  Tick submitted = 0;
  Tick completed = 0;
  std::uint64_t wall_time_ns = 0;  // since 1970, at the completion

  friend bool operator==(const Write&, const Write&) = default;
};

// Where a flush (or FUA on the last lost write) would have ruled a failure out: behind the entry
// `after`, and in front of `before`.
struct Barrier {
  EntryIndex after = 0;
  EntryIndex before = 0;
  std::string because;  // what stands at `before`: a write that survived, or an acknowledgement

  friend bool operator==(const Barrier&, const Barrier&) = default;
};

// Why states fail: one for each distinct failure, whatever the number of its states.
struct Cause {
  std::uint64_t number = 0;  // from 1
  Outcome outcome = Outcome::kExitStatus;
  int code = 0;
  std::string step;
  std::string message;           // the line of the checker's output that tells most
  std::uint64_t states = 0;      // that fail like this
  std::string first;             // the one with the earliest cut
  std::string minimal;           // the smallest set of lost writes that still fails; "": not made
  std::vector<Write> lost;       // in it
  std::vector<Write> torn;       // in it
  std::vector<Write> survivors;  // later writes, without whose survival it would not fail
  std::optional<Barrier> barrier;
  std::uint64_t checks = 0;  // that were made to find this out
  std::string reproduce;
  // What the reader has to know: it did not fail again, the search was given up, a tool is missing.
  std::vector<std::string> notes;

  friend bool operator==(const Cause&, const Cause&) = default;
};

// Whether a flush, or the FUA of a write, made a difference in this workload.
struct FlushVerdict {
  EntryIndex entry = 0;
  std::string kind;                 // "flush", "fua"
  std::optional<std::string> mark;  // the last in front of it
  bool is_needed = false;
  // Of a needed one: a state that fails where this one is taken away, and how.
  std::string state;
  Outcome outcome = Outcome::kPassed;
  int code = 0;
  std::string step;
  std::string reproduce;
  std::uint64_t states = 0;  // that were looked at for it

  friend bool operator==(const FlushVerdict&, const FlushVerdict&) = default;
};

// An audit found that a state which had been passed over for another one's verdict has a verdict of
// its own: the checker is not deterministic, or reads what is not observed.
struct Disagreement {
  std::string state;
  std::string same_as;
  std::string expected;  // verdicts as text
  std::string found;

  friend bool operator==(const Disagreement&, const Disagreement&) = default;
};

// What is explored: known before the first state is checked.
struct Exploration {
  std::string log;
  std::string log_id;  // tells logs apart: the UUID, else a hash of what it begins with
  std::uint64_t log_entries = 0;
  ByteCount device_size_bytes = 0;
  std::string model;     // "prefix", "epoch", "exact"
  std::string strategy;  // "auto", "pairwise,one"
  std::string torn;      // "off", or the bytes of an atomic unit
  std::string discard;   // "zeroes", "stale", "random:SEED"
  std::uint64_t seed = 0;
  std::string at;           // the selection of cuts as it was given: "flush,mark"
  EntryIndex from = 0;      // the first cut that is looked at: so many entries in front of it
  std::string from_reason;  // "mark mkfs"; empty: the log's beginning
  EntryIndex to = 0;
  std::uint64_t cuts = 0;  // that the selection gives
  // Of all states this run takes those of one part of `shards`; from 1. Parts do not overlap.
  std::uint32_t shard = 1;
  std::uint32_t shards = 1;
  std::string checker;  // "ext4", "./check.sh {}"
  std::uint32_t jobs = 1;
  // What the reader of the report has to know: an inferred size, a torn tail.
  std::vector<std::string> notes;

  friend bool operator==(const Exploration&, const Exploration&) = default;
};

// Whether both ask the same of the same log, but for shard and jobs: only such may be gone on with or
// merged.
[[nodiscard]] bool asks_the_same(const Exploration& a, const Exploration& b);
// The first thing that the two do not ask the same of, for people; empty if they ask the same.
[[nodiscard]] std::string what_differs(const Exploration& a, const Exploration& b);
// Everything that the two do not ask the same of, and the shard: "seed: 5 there, 0 now; ...".
[[nodiscard]] std::string all_differences(const Exploration& there, const Exploration& now);

// What came of it.
struct Summary {
  std::uint64_t cuts = 0;       // of the selection that were reached
  std::uint64_t possible = 0;   // states of these cuts; beyond 2^63 of no meaning
  double possible_log2 = 0;     // its logarithm to base 2, which is always right
  std::uint64_t looked_at = 0;  // states that the strategies gave
  std::uint64_t distinct = 0;   // contents among these, of this shard
  std::uint64_t checked = 0;    // states with a verdict: passed + failed
  std::uint64_t run = 0;        // of them by a run of the checker
  std::uint64_t by_reads = 0;   // of them pruned, as what was read elsewhere is the same
  std::uint64_t by_cache = 0;   // of them by a cache file
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  std::uint64_t audited = 0;        // pruned states that were run all the same
  std::uint64_t disagreements = 0;  // of them with another verdict
  std::uint64_t pairs = 0;          // of writes that may be lost, in the groups that were reached
  std::uint64_t pairs_covered = 0;  // of them seen in all four combinations of lost and survived
  std::uint64_t causes = 0;
  double seconds = 0;
  std::string first_failure;     // the failing state with the earliest cut; empty if none failed
  bool interrupted = false;      // by a signal: not all states were reached
  std::string stopped_at_limit;  // "--max-failures", "--max-states", "--time": not all were reached

  [[nodiscard]] double states_per_second() const {
    return seconds > 0 ? static_cast<double>(checked) / seconds : 0;
  }
  [[nodiscard]] std::uint64_t by_content() const { return looked_at - distinct; }
  // States were checked, and each of them passed. A budget that was reached is no failure.
  [[nodiscard]] bool succeeded() const {
    return checked > 0 && failed == 0 && disagreements == 0 && !interrupted &&
           stopped_at_limit != "--max-failures";
  }
  friend bool operator==(const Summary&, const Summary&) = default;
};

using Record = std::variant<Exploration, StateResult, Cause, FlushVerdict, Disagreement, Summary>;

// One line of JSON, without the newline. Bytes that are not UTF-8 are replaced by U+FFFD.
[[nodiscard]] std::string to_json(const Record& record);
// Errors (kBadInput) say what is missing or wrong. Unknown members are passed over.
[[nodiscard]] Result<Record> from_json(std::string_view line);

}  // namespace powercut::findings
