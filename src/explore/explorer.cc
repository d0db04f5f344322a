// SPDX-License-Identifier: Apache-2.0
#include "explore/explorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/mutex.h"
#include "explore/results.h"
#include "explore/state_source.h"

namespace powercut::explore {
namespace {

using Clock = std::chrono::steady_clock;

// Hands out the states in order, and gathers what comes of them. Thread-safe.
class Session {
 public:
  Session(const Plan& plan, const ExploreOptions& options, Listener& listener,
          const check::Interrupt& interrupt, StateSource source)
      : max_failures_(options.max_failures),
        max_states_(plan.list.max_states),
        time_limit_(options.time_limit),
        earlier_(options.earlier),
        start_(Clock::now()),
        interrupt_(interrupt),
        listener_(listener),
        source_(std::move(source)),
        tally_(options.earlier.summary, options.earlier.first_failing_cut) {}

  // Nothing when there is nothing left to do, for whatever reason.
  [[nodiscard]] std::optional<state::StateList::State> next() {
    const MutexLock lock(mutex_);
    while (!error_ && !is_at_end_ && !interrupt_.is_raised()) {
      stopped_at_ = reached_limit();
      if (!stopped_at_.empty()) return std::nullopt;
      auto listed = source_.next();
      if (!listed) {
        set_error(listed.error());
      } else if (!*listed) {
        is_at_end_ = true;
      } else if (!earlier_.states.contains(to_string((*listed)->id))) {
        return *std::move(listed);
      }
    }
    return std::nullopt;
  }

  void add(const findings::StateResult& result, const state::CrashState& state) {
    const MutexLock lock(mutex_);
    tally_.add(result);
    listener_.on_result(result, state,
                        {tally_.summary().checked, tally_.summary().failed, share()});
  }

  void fail(const Error& error) {
    const MutexLock lock(mutex_);
    set_error(error);
  }

  [[nodiscard]] Result<findings::Summary> end() {
    const MutexLock lock(mutex_);
    if (error_) return tl::unexpected(*error_);
    findings::Summary summary = tally_.summary();
    source_.add_counts(summary);
    summary.interrupted = interrupt_.is_raised() && !is_at_end_;
    summary.stopped_at_limit = source_.is_limited() ? "--max-states" : stopped_at_;
    summary.seconds += seconds();
    return summary;
  }

 private:
  void set_error(const Error& error) POWERCUT_REQUIRES(mutex_) {
    if (!error_) error_ = error;
    interrupt_.raise();
  }
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }
  [[nodiscard]] std::string reached_limit() const POWERCUT_REQUIRES(mutex_) {
    if (max_failures_ > 0 && tally_.summary().failed >= max_failures_) return "--max-failures";
    if (time_limit_ && Clock::now() - start_ >= *time_limit_) return "--time";
    return {};
  }
  [[nodiscard]] double share() const POWERCUT_REQUIRES(mutex_) {
    double share = source_.share_done();
    const auto consider = [&share](double done, double all) {
      share = std::max(share, done / all);
    };
    if (time_limit_) consider(seconds(), std::chrono::duration<double>(*time_limit_).count());
    if (max_states_ > 0) {
      consider(static_cast<double>(tally_.summary().checked), static_cast<double>(max_states_));
    }
    if (max_failures_ > 0) {
      consider(static_cast<double>(tally_.summary().failed), static_cast<double>(max_failures_));
    }
    return std::min(share, 1.0);
  }

  const std::uint64_t max_failures_;
  const std::uint64_t max_states_;
  const std::optional<std::chrono::seconds> time_limit_;
  const EarlierResults& earlier_;
  const Clock::time_point start_;
  const check::Interrupt& interrupt_;
  Mutex mutex_;
  Listener& listener_ POWERCUT_GUARDED_BY(mutex_);
  StateSource source_ POWERCUT_GUARDED_BY(mutex_);
  bool is_at_end_ POWERCUT_GUARDED_BY(mutex_) = false;
  std::string stopped_at_ POWERCUT_GUARDED_BY(mutex_);
  Tally tally_ POWERCUT_GUARDED_BY(mutex_);
  std::optional<Error> error_ POWERCUT_GUARDED_BY(mutex_);
};

// False if there is no next state, or no going on.
bool judge_next(Judge& judge, const Results& results, Session& session, bool is_first) {
  const auto listed = session.next();
  if (!listed) return false;
  const auto fail = [&](const Error& error) {
    session.fail(with_context(error, fmt::format("state {}", to_string(listed->id))).value());
    return false;
  };
  const auto judgement = judge.judge(listed->state);
  if (!judgement) return fail(judgement.error());
  if (!*judgement) return false;
  const check::Verdict& verdict = (*judgement)->verdict;
  if (is_first && verdict.was_not_run) {
    std::string_view output = verdict.step_output;
    while (output.ends_with('\n')) output.remove_suffix(1);
    session.fail(
        usage_error(fmt::format("the checker could not be run: it exited with status {}: {}",
                                verdict.code, output))
            .value());
    return false;
  }
  const auto result = results.make(*listed, **judgement);
  if (!result) return fail(result.error());
  session.add(*result, listed->state);
  return true;
}

void judge_all(Judge& judge, const Results& results, Session& session, unsigned jobs) {
  // The first state alone: what is wrong with the checker itself shows here, once.
  if (!judge_next(judge, results, session, true)) return;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < jobs; ++i) {
    threads.emplace_back([&] {
      while (judge_next(judge, results, session, false)) {
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace

unsigned effective_jobs(const check::Checker& checker, unsigned jobs) {
  return std::max(1U, std::min(jobs, checker.max_jobs()));
}

Result<findings::Summary> explore(const Plan& plan, const MarkTable& marks, Judge& judge,
                                  const ExploreOptions& options, Listener& listener,
                                  const check::Interrupt& interrupt) {
  Session session(plan, options, listener, interrupt,
                  POWERCUT_TRY(StateSource::make(plan, marks, options.sees_marks)));
  const Results results(*plan.timeline, marks, options);
  judge_all(judge, results, session, std::max(1U, options.jobs));
  return session.end();
}

}  // namespace powercut::explore
