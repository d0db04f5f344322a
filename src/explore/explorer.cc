// SPDX-License-Identifier: Apache-2.0
#include "explore/explorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/mutex.h"
#include "explore/worker.h"

namespace powercut::explore {
namespace {

// Hands out the cuts in order, and gathers what comes of them. Thread-safe.
class Session {
 public:
  Session(const Plan& plan, const ExploreOptions& options, Listener& listener,
          const check::Interrupt& interrupt, state::CutStream cuts)
      : max_failures_(options.max_failures),
        interrupt_(interrupt),
        listener_(listener),
        cuts_(std::move(cuts)) {
    summary_.cuts = plan.facts.cuts;
  }

  // Nothing when there is nothing left to do, for whatever reason.
  [[nodiscard]] std::optional<state::StateId> next() {
    const MutexLock lock(mutex_);
    if (error_ || interrupt_.is_raised() || is_at_limit()) return std::nullopt;
    const auto cut = cuts_.next();
    if (!cut) return std::nullopt;
    return state::StateId::of_prefix(*cut);
  }

  void add(const findings::StateResult& result) {
    const MutexLock lock(mutex_);
    ++summary_.checked;
    ++(result.passed() ? summary_.passed : summary_.failed);
    if (!result.passed() &&
        (summary_.first_failure.empty() || result.entries < first_failing_cut_)) {
      summary_.first_failure = result.state;
      first_failing_cut_ = result.entries;
    }
    listener_.on_result(result);
  }

  void fail(const Error& error) {
    const MutexLock lock(mutex_);
    if (!error_) error_ = error;
    interrupt_.raise();
  }

  [[nodiscard]] Result<findings::Summary> end() {
    const MutexLock lock(mutex_);
    if (error_) return tl::unexpected(*error_);
    summary_.interrupted = interrupt_.is_raised() && summary_.checked < summary_.cuts;
    if (is_at_limit() && summary_.checked < summary_.cuts)
      summary_.stopped_at_limit = "--max-failures";
    return summary_;
  }

 private:
  [[nodiscard]] bool is_at_limit() const POWERCUT_REQUIRES(mutex_) {
    return max_failures_ > 0 && summary_.failed >= max_failures_;
  }

  const std::uint64_t max_failures_;
  const check::Interrupt& interrupt_;
  Mutex mutex_;
  Listener& listener_ POWERCUT_GUARDED_BY(mutex_);
  state::CutStream cuts_ POWERCUT_GUARDED_BY(mutex_);
  findings::Summary summary_ POWERCUT_GUARDED_BY(mutex_);
  EntryIndex first_failing_cut_ POWERCUT_GUARDED_BY(mutex_) = 0;
  std::optional<Error> error_ POWERCUT_GUARDED_BY(mutex_);
};

// False if there is no next state, or no going on.
bool check_next(Worker& worker, Session& session, bool is_first) {
  const auto id = session.next();
  if (!id) return false;
  const auto result = worker.check(*id);
  if (!result) {
    session.fail(
        with_context(result.error(), fmt::format("state {}", state::to_string(*id))).value());
    return false;
  }
  if (!*result) return false;
  if (is_first && worker.was_not_run()) {
    std::string_view output = (*result)->output;
    while (output.ends_with('\n')) output.remove_suffix(1);
    session.fail(
        usage_error(fmt::format("the checker could not be run: it exited with status {}: {}",
                                (*result)->code, output))
            .value());
    return false;
  }
  session.add(**result);
  return true;
}

void run_workers(std::vector<std::unique_ptr<Worker>>& workers, Session& session) {
  // The first state alone: what is wrong with the checker itself shows here, once.
  if (!check_next(*workers[0], session, true)) return;
  std::vector<std::thread> threads;
  for (auto& worker : workers) {
    threads.emplace_back([&worker, &session] {
      while (check_next(*worker, session, false)) {
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace

unsigned effective_jobs(const Plan& plan, const check::Checker& checker, unsigned jobs) {
  const auto useful = static_cast<unsigned>(
      std::min<std::uint64_t>(plan.facts.cuts, std::numeric_limits<unsigned>::max()));
  return std::max(1U, std::min({jobs, checker.max_jobs(), useful}));
}

Result<findings::Summary> explore(const Plan& plan, check::Checker& checker,
                                  const ExploreOptions& options, Listener& listener,
                                  const check::Interrupt& interrupt) {
  const auto start = std::chrono::steady_clock::now();
  const auto disks = POWERCUT_TRY(check::DiskFolder::make());
  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < effective_jobs(plan, checker, options.jobs); ++i) {
    workers.push_back(POWERCUT_TRY(Worker::make(i, plan, options, checker, *disks, interrupt)));
  }
  Session session(plan, options, listener, interrupt,
                  state::CutStream(POWERCUT_TRY(log::Reader::open(*plan.log)), plan.filter));
  run_workers(workers, session);
  auto summary = session.end();
  workers.clear();
  const Status closed = disks->close();
  if (!summary) return summary;
  POWERCUT_TRY_STATUS(closed);
  summary->seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return summary;
}

}  // namespace powercut::explore
