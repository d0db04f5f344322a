// SPDX-License-Identifier: Apache-2.0
// What findings say, of one run or of the shards of one, in a bounded amount of memory: the records
// go past one at a time, and what a report shows of them is kept.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "findings/finding.h"

namespace powercut::findings {

// The states with a cut in one stretch of the log.
struct Stretch {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;

  friend bool operator==(const Stretch&, const Stretch&) = default;
};

struct Digest {
  // Of all shards together: `shard` and `shards` are 1. The notes say, too, what is missing.
  Exploration run;
  // Sums of what shards share out among them; of what each of them goes through, the most that one
  // did. `interrupted` also where a run was killed or a shard is missing.
  Summary summary;
  // In the order in which they were found. Where a run did not get to explain its failures, one for
  // each outcome, code and step, with their number and what is known of the first of them.
  std::vector<Cause> causes;
  std::uint64_t causes_left_out = 0;
  std::vector<FlushVerdict> flushes;  // in the order of the log
  std::vector<Disagreement> disagreements;
  std::vector<StateResult> failures;  // the first ones, in the order of the log
  std::vector<Stretch> stretches;     // equal parts of the log, from its beginning to its end

  // In the order of time, a digest that was written as records can be read as findings again.
  template <typename Function>
  void for_each_record(Function function) const {
    function(Record(run));
    for (const auto& failure : failures) function(Record(failure));
    for (const auto& cause : causes) function(Record(cause));
    for (const auto& flush : flushes) function(Record(flush));
    for (const auto& disagreement : disagreements) function(Record(disagreement));
    function(Record(summary));
  }
};

// Takes the lines of findings files, one file after the other. Not thread-safe.
class Digester {
 public:
  static constexpr std::size_t kMostFailures = 500;
  static constexpr std::size_t kMostCauses = 200;
  static constexpr std::size_t kMostDisagreements = 100;
  static constexpr std::size_t kStretches = 240;

  // `name` is for messages.
  void begin_file(std::string name);
  // Errors (kBadInput) say which file and line, and what is wrong: a line that is none of findings, a run that
  // asks something else than the ones before, a shard that is there twice.
  [[nodiscard]] Status add_line(std::string_view line);
  // `rest` is what stands behind the last newline: a line that a run which was killed could not end.
  [[nodiscard]] Status end_file(std::string_view rest);

  // kBadInput if there was no run.
  [[nodiscard]] Result<Digest> finish();

 private:
  // The earliest first. Of shards, and of jobs, the order of arrival means nothing.
  struct Earlier {
    bool operator()(const StateResult& a, const StateResult& b) const {
      return a.entries != b.entries ? a.entries < b.entries : a.state < b.state;
    }
  };
  // Failures of the same outcome, code and step.
  struct Unexplained {
    std::uint64_t states = 0;
    StateResult first;
  };
  // What is told of one run or shard, until its end.
  struct Part {
    std::string file;
    std::uint32_t shard = 1;
    Summary counted;  // from the lines of states
    bool has_summary = false;
    bool has_causes = false;
    std::map<std::string, Unexplained> unexplained;
  };

  [[nodiscard]] Unexpected wrong(std::string_view what) const;
  [[nodiscard]] Status begin_part(const Exploration& run);
  void end_part();
  void add(const StateResult& result);
  void add_failure(const StateResult& result);
  void add(Cause cause);
  void add(const FlushVerdict& flush);
  void add(const Disagreement& disagreement);
  void add(const Summary& summary);
  void add_note(std::string note);
  void note_what_is_missing();

  std::string file_;
  std::uint64_t line_ = 0;
  bool has_part_ = false;
  Part part_;
  std::set<std::uint32_t> shards_;
  Digest digest_;
  std::set<StateResult, Earlier> failures_;
  std::map<std::string, std::size_t> cause_by_signature_;
  std::map<EntryIndex, FlushVerdict> flushes_;
};

}  // namespace powercut::findings
