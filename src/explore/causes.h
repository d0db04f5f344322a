// SPDX-License-Identifier: Apache-2.0
// Failures by their causes: thousands of failing states are few findings.
#pragma once

#include <string>
#include <vector>

#include "base/mutex.h"
#include "explore/explain.h"

namespace powercut::explore {

// Of more signatures no more is kept than how many states failed with one of them.
inline constexpr std::size_t kMostSignatures = 64;
// For all causes of a run together.
inline constexpr std::uint64_t kMostChecks = 2000;

// Keeps of each signature how many states failed with it, and of these the one with the earliest cut;
// when all states have been checked, that one is explained, and what has the same explanation is made
// one cause. Memory does not grow with the number of failures. on_result() is thread-safe.
class CauseCollector {
 public:
  // The timeline outlives the collector.
  explicit CauseCollector(const state::Timeline& timeline) : timeline_(timeline) {}

  // Results that passed are none of its business.
  void on_result(const findings::StateResult& result, const state::CrashState& state)
      POWERCUT_EXCLUDES(mutex_);

  // The causes so far, by their first failing states. If there is no judge, it is interrupted, or all
  // checks have been used up, the (other) causes are not explained: `minimal` is empty. Errors are the
  // judge's, or about log or environment.
  [[nodiscard]] Result<std::vector<findings::Cause>> finish(Judge* judge,
                                                            const ExplainOptions& options)
      POWERCUT_EXCLUDES(mutex_);

 private:
  struct Bucket {
    Signature signature;
    std::uint64_t states = 0;
    findings::StateResult first;
    state::CrashState state;
  };

  [[nodiscard]] std::vector<Bucket> buckets_in_order() POWERCUT_EXCLUDES(mutex_);

  const state::Timeline& timeline_;
  Mutex mutex_;
  std::vector<Bucket> buckets_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::explore
