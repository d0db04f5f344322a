// SPDX-License-Identifier: Apache-2.0
#include "findings/digest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace powercut::findings {
namespace {

// Two shards that find the same failure find it in different states.
std::string signature(const Cause& cause) {
  std::string text = fmt::format("{}\n{}\n{}\n{}", to_string(cause.outcome), cause.code, cause.step,
                                 cause.message);
  for (const auto* writes : {&cause.lost, &cause.torn}) {
    text += '\n';
    for (const auto& write : *writes) text += write.place + '\n';
  }
  return text;
}

// What a checker says last is mostly what it is about.
std::string last_line(std::string_view output) {
  output = output.substr(0, output.find_last_not_of("\r\n") + 1);
  return std::string(output.substr(output.find_last_of("\r\n") + 1));
}

Cause cause_without_explanation(std::uint64_t states, const StateResult& first) {
  return {.outcome = first.outcome,
          .code = first.code,
          .step = first.step,
          .message = last_line(first.output),
          .states = states,
          .first = first.state,
          .reproduce = first.reproduce};
}

std::size_t stretch_of(EntryIndex entries, std::uint64_t log_entries) {
  const double share =
      static_cast<double>(entries) / static_cast<double>(std::max<std::uint64_t>(log_entries, 1));
  return std::min(static_cast<std::size_t>(share * Digester::kStretches), Digester::kStretches - 1);
}

// What each shard goes through, whichever states it takes: the most that one did.
void merge_coverage(Summary& all, const Summary& shard) {
  for (const auto member :
       {&Summary::cuts, &Summary::possible, &Summary::pairs, &Summary::pairs_covered}) {
    all.*member = std::max(all.*member, shard.*member);
  }
  all.possible_log2 = std::max(all.possible_log2, shard.possible_log2);
}

void merge_counts(Summary& all, const Summary& shard) {
  for (const auto member : {&Summary::looked_at, &Summary::distinct, &Summary::checked,
                            &Summary::run, &Summary::by_reads, &Summary::by_cache, &Summary::passed,
                            &Summary::failed, &Summary::audited, &Summary::disagreements}) {
    all.*member += shard.*member;
  }
  all.seconds += shard.seconds;
}

void merge_ending(Summary& all, const Summary& shard) {
  all.interrupted = all.interrupted || shard.interrupted;
  // This one alone is a failure.
  if (all.stopped_at_limit.empty() || shard.stopped_at_limit == "--max-failures")
    all.stopped_at_limit = shard.stopped_at_limit;
}

}  // namespace

void Digester::begin_file(std::string name) {
  file_ = std::move(name);
  line_ = 0;
}

Status Digester::add_line(std::string_view line) {
  ++line_;
  auto record = from_json(line);
  if (!record) return wrong(record.error().message);
  if (const auto* run = std::get_if<Exploration>(&*record)) return begin_part(*run);
  if (!has_part_) return wrong("the line that says what was explored is missing in front of this");
  std::visit(
      [this](auto& value) {
        if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(value)>, Exploration>)
          add(std::move(value));
      },
      *record);
  return {};
}

Status Digester::end_file(std::string_view rest) {
  if (!rest.empty()) {
    // It may be whole all the same.
    Status status = add_line(rest);
    if (!status && (!has_part_ || part_.has_summary)) return status;
    if (!status) add_note(fmt::format("the last line of '{}' is cut off", file_));
  }
  if (!has_part_) return bad_input(fmt::format("there are no findings in '{}'", file_));
  end_part();
  return {};
}

Result<Digest> Digester::finish() {
  if (shards_.empty()) return bad_input("there are no findings");
  note_what_is_missing();
  digest_.run.shard = digest_.run.shards = 1;
  digest_.failures.assign(failures_.begin(), failures_.end());
  for (auto& [entry, flush] : flushes_) digest_.flushes.push_back(std::move(flush));
  Summary& summary = digest_.summary;
  if (!failures_.empty()) summary.first_failure = failures_.begin()->state;
  summary.looked_at = std::max(summary.looked_at, summary.distinct);
  summary.causes = digest_.causes.size() + digest_.causes_left_out;
  if (summary.failed > digest_.failures.size()) {
    add_note(
        fmt::format("of {} failing states {} are listed", summary.failed, digest_.failures.size()));
  }
  return std::move(digest_);
}

Unexpected Digester::wrong(std::string_view what) const {
  return bad_input(fmt::format("'{}', line {}: {}", file_, line_, what));
}

Status Digester::begin_part(const Exploration& run) {
  if (has_part_) end_part();
  if (run.shard < 1 || run.shard > run.shards)
    return wrong(fmt::format("there is no shard {} of {}", run.shard, run.shards));
  if (shards_.empty()) {
    digest_.run = run;
    digest_.run.notes.clear();
    digest_.stretches.resize(kStretches);
  } else if (const std::string difference = what_differs(digest_.run, run); !difference.empty()) {
    return wrong(
        fmt::format("this is not of the same run as what comes before it: {}", difference));
  }
  if (!shards_.insert(run.shard).second) {
    return wrong(run.shards == 1
                     ? std::string("this is another run; only shards of one run can be merged")
                     : fmt::format("shard {} has been there already", run.shard));
  }
  for (const auto& note : run.notes) add_note(note);
  part_ = {.file = file_, .shard = run.shard};
  has_part_ = true;
  return {};
}

void Digester::end_part() {
  has_part_ = false;
  if (!part_.has_causes) {
    for (const auto& [key, failures] : part_.unexplained)
      add(cause_without_explanation(failures.states, failures.first));
  }
  if (part_.has_summary) return;
  add_note(fmt::format("'{}' has no summary: its run was killed, or goes on", part_.file));
  digest_.summary.interrupted = true;
  merge_counts(digest_.summary, part_.counted);
}

void Digester::add(const StateResult& result) {
  Summary& counted = part_.counted;
  ++counted.checked;
  ++counted.distinct;
  ++(result.source == Source::kRun     ? counted.run
     : result.source == Source::kReads ? counted.by_reads
                                       : counted.by_cache);
  Stretch& stretch = digest_.stretches[stretch_of(result.entries, digest_.run.log_entries)];
  if (result.passed()) {
    ++counted.passed;
    ++stretch.passed;
    return;
  }
  ++counted.failed;
  ++stretch.failed;
  add_failure(result);
}

void Digester::add_failure(const StateResult& result) {
  failures_.insert(result);
  if (failures_.size() > kMostFailures) failures_.erase(std::prev(failures_.end()));
  const std::string key =
      fmt::format("{}\n{}\n{}", to_string(result.outcome), result.code, result.step);
  if (part_.unexplained.size() >= kMostCauses && !part_.unexplained.contains(key)) return;
  Unexplained& like_this = part_.unexplained[key];
  if (like_this.states++ == 0 || Earlier()(result, like_this.first)) like_this.first = result;
}

void Digester::add(Cause cause) {
  part_.has_causes = true;
  const std::string key = signature(cause);
  if (const auto known = cause_by_signature_.find(key); known != cause_by_signature_.end()) {
    Cause& before = digest_.causes[known->second];
    const Cause sums = {.number = before.number,
                        .states = before.states + cause.states,
                        .checks = before.checks + cause.checks};
    if (cause.lost.size() + cause.torn.size() < before.lost.size() + before.torn.size())
      before = std::move(cause);
    before.number = sums.number;
    before.states = sums.states;
    before.checks = sums.checks;
    return;
  }
  if (digest_.causes.size() >= kMostCauses) {
    ++digest_.causes_left_out;
    return;
  }
  cause_by_signature_[key] = digest_.causes.size();
  cause.number = digest_.causes.size() + 1;
  digest_.causes.push_back(std::move(cause));
}

void Digester::add(const FlushVerdict& flush) {
  const auto [place, is_new] = flushes_.try_emplace(flush.entry, flush);
  if (is_new) return;
  FlushVerdict& known = place->second;
  const std::uint64_t states = known.states + flush.states;
  if (flush.is_needed && !known.is_needed) known = flush;
  known.states = states;
}

void Digester::add(const Disagreement& disagreement) {
  if (digest_.disagreements.size() < kMostDisagreements)
    digest_.disagreements.push_back(disagreement);
  ++part_.counted.disagreements;
}

void Digester::add(const Summary& summary) {
  part_.has_summary = true;
  merge_coverage(digest_.summary, summary);
  merge_counts(digest_.summary, summary);
  merge_ending(digest_.summary, summary);
}

void Digester::add_note(std::string note) {
  auto& notes = digest_.run.notes;
  if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(std::move(note));
}

void Digester::note_what_is_missing() {
  const std::uint32_t shards = digest_.run.shards;
  if (shards_.size() == shards) {
    if (shards > 1) add_note(fmt::format("merged from {} shards", shards));
    return;
  }
  digest_.summary.interrupted = true;
  std::vector<std::uint32_t> missing;
  constexpr std::size_t kMostNamed = 20;
  for (std::uint32_t shard = 1; shard <= shards && missing.size() <= kMostNamed; ++shard) {
    if (!shards_.contains(shard)) missing.push_back(shard);
  }
  const bool has_more = missing.size() > kMostNamed;
  if (has_more) missing.pop_back();
  add_note(fmt::format("{} of {} shards are missing: {}{}", shards - shards_.size(), shards,
                       fmt::join(missing, ", "), has_more ? " ..." : ""));
}

}  // namespace powercut::findings
