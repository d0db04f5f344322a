// SPDX-License-Identifier: Apache-2.0
#include "explore/earlier.h"

#include <fmt/format.h>

#include <fstream>

#include "explore/results.h"

namespace powercut::explore {
namespace {

class EarlierReader {
 public:
  EarlierReader(const std::string& path, const findings::Exploration& asked,
                const EarlierSink& sink)
      : path_(path), asked_(asked), sink_(sink) {}

  // A line without its newline, and where the file's next one begins.
  Status add(std::string_view line, ByteOffset next) {
    // Only a last one may be damaged: it was written when the run was killed.
    if (!damage_) POWERCUT_TRY_STATUS(damage_);
    ++line_;
    auto record = findings::from_json(line);
    if (!record) {
      damage_ = with_context(record.error(), fmt::format("'{}', line {}", path_, line_));
      return {};
    }
    if (const auto* run = std::get_if<findings::Exploration>(&*record)) {
      POWERCUT_TRY_STATUS(compare(*run));
    } else if (line_ == 1) {
      return bad_input(fmt::format("'{}' does not begin with what was explored", path_));
    }
    if (const auto* summary = std::get_if<findings::Summary>(&*record)) {
      result_.summary.seconds = summary->seconds;
      result_.summary.audited = summary->audited;
    }
    if (const auto* state = std::get_if<findings::StateResult>(&*record)) result_.add(*state);
    if (std::holds_alternative<findings::Disagreement>(*record)) ++result_.summary.disagreements;
    const bool is_of_the_end = std::holds_alternative<findings::Cause>(*record) ||
                               std::holds_alternative<findings::FlushVerdict>(*record) ||
                               std::holds_alternative<findings::Summary>(*record);
    if (is_of_the_end) return {};
    result_.kept_bytes = next;
    return sink_(*record);
  }

  EarlierResults take() { return std::move(result_); }

 private:
  Status compare(const findings::Exploration& run) const {
    if (line_ != 1) return bad_input(fmt::format("'{}' has a second run in line {}", path_, line_));
    if (findings::asks_the_same(run, asked_) && run.shard == asked_.shard) return {};
    return usage_error(fmt::format("'{}' is of another question, and cannot be gone on with: {}",
                                   path_, findings::all_differences(run, asked_)));
  }

  const std::string path_;
  const findings::Exploration& asked_;
  const EarlierSink& sink_;
  std::uint64_t line_ = 0;
  Status damage_;
  EarlierResults result_;
};

}  // namespace

void EarlierResults::add(const findings::StateResult& result) {
  if (!states.insert(result.state).second) return;
  Tally tally(std::move(summary), first_failing_cut);
  tally.add(result);
  summary = tally.summary();
  first_failing_cut = tally.first_failing_cut();
}

Result<EarlierResults> read_earlier(const std::string& path, const findings::Exploration& asked,
                                    const EarlierSink& sink) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return os_error(fmt::format("cannot read findings from '{}'", path));
  EarlierReader reader(path, asked, sink);
  ByteOffset next = 0;
  for (std::string line; std::getline(file, line) && !file.eof();) {
    next += line.size() + 1;
    POWERCUT_TRY_STATUS(reader.add(line, next));
  }
  if (file.bad()) return os_error(fmt::format("cannot read findings from '{}'", path));
  return reader.take();
}

}  // namespace powercut::explore
