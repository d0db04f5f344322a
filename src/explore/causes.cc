// SPDX-License-Identifier: Apache-2.0
#include "explore/causes.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace powercut::explore {
namespace {

using findings::Cause;

// The earliest cut; the name decides between two of the same, so that it does not matter which came
// first.
bool is_earlier(const findings::StateResult& a, const findings::StateResult& b) {
  return std::tie(a.entries, a.state) < std::tie(b.entries, b.state);
}

// What a write is in the life of a program, not which one: the same in its next round.
std::string role_of(const findings::Write& write) {
  const std::string place =
      write.place.empty() ? fmt::format("bytes {}-{}", write.begin, write.end) : write.place;
  return fmt::format("{} of {}", write.kind, normalised(place));
}

// What is lost, and what shows that it is: two causes that agree in this are the same.
std::string explanation_key(const Cause& cause) {
  std::vector<std::string> roles;
  for (const auto& write : cause.lost) roles.push_back("lost " + role_of(write));
  for (const auto& write : cause.torn) roles.push_back("torn " + role_of(write));
  std::sort(roles.begin(), roles.end());
  roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
  roles.push_back(cause.barrier ? normalised(cause.barrier->because) : "no barrier");
  for (const auto& write : cause.survivors) roles.push_back("survived " + role_of(write));
  return fmt::format("{}", fmt::join(roles, "\n"));
}

bool is_same_cause(const Cause& a, const Cause& b) {
  if (a.minimal.empty() || b.minimal.empty()) return false;
  // Where nothing was lost, only what the checker says tells them apart.
  if (a.lost.empty() && a.torn.empty()) return false;
  return explanation_key(a) == explanation_key(b);
}

Cause unexplained(const findings::StateResult& first) {
  Cause cause;
  cause.outcome = first.outcome;
  cause.code = first.code;
  cause.step = first.step;
  cause.message = without_paths(telling_line(first.output));
  cause.reproduce = first.reproduce;
  return cause;
}

Cause explained(Cause cause, Explanation explanation) {
  if (explanation.minimal.failed_again) return std::move(explanation.cause);
  cause.notes = std::move(explanation.cause.notes);
  cause.checks = explanation.cause.checks;
  return cause;
}

void add(std::vector<Cause>& causes, Cause cause) {
  const auto same = std::find_if(causes.begin(), causes.end(),
                                 [&](const Cause& known) { return is_same_cause(known, cause); });
  if (same != causes.end()) {
    same->states += cause.states;
    same->checks += cause.checks;
    return;
  }
  cause.number = causes.size() + 1;
  causes.push_back(std::move(cause));
}

}  // namespace

void CauseCollector::on_result(const findings::StateResult& result,
                               const state::CrashState& state) {
  if (result.passed()) return;
  Signature signature = signature_of(result);
  const MutexLock lock(mutex_);
  auto bucket = std::find_if(buckets_.begin(), buckets_.end(),
                             [&](const Bucket& known) { return known.signature == signature; });
  if (bucket == buckets_.end()) {
    if (buckets_.size() < kMostSignatures) {
      buckets_.push_back({std::move(signature), 1, result, state});
      return;
    }
    // The last one takes the others in.
    bucket = std::prev(buckets_.end());
  }
  ++bucket->states;
  if (!is_earlier(result, bucket->first)) return;
  bucket->first = result;
  bucket->state = state;
}

std::vector<CauseCollector::Bucket> CauseCollector::buckets_in_order() {
  const MutexLock lock(mutex_);
  std::vector<Bucket> buckets = buckets_;
  std::sort(buckets.begin(), buckets.end(),
            [](const Bucket& a, const Bucket& b) { return is_earlier(a.first, b.first); });
  return buckets;
}

Result<std::vector<Cause>> CauseCollector::finish(Judge* judge, const ExplainOptions& options) {
  std::vector<Cause> causes;
  std::uint64_t checks_left = kMostChecks;
  bool is_interrupted = false;
  for (const Bucket& bucket : buckets_in_order()) {
    Cause cause = unexplained(bucket.first);
    if (judge != nullptr && !is_interrupted && checks_left > 0) {
      ExplainOptions limited = options;
      limited.minimise.max_checks = std::min(options.minimise.max_checks, checks_left);
      auto explanation = POWERCUT_TRY(explain(timeline_, bucket.state, *judge, limited));
      is_interrupted = !explanation;
      if (explanation) cause = explained(std::move(cause), *std::move(explanation));
      checks_left -= std::min(checks_left, cause.checks);
    }
    cause.states = bucket.states;
    cause.first = bucket.first.state;
    add(causes, std::move(cause));
  }
  return causes;
}

}  // namespace powercut::explore
