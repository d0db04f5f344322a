// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/mutex.h"
#include "explore/block_hashes.h"
#include "explore/judge.h"
#include "explore/nested.h"
#include "explore/read_tree.h"
#include "explore/runner.h"
#include "explore/verdict_cache.h"
#include "state/timeline.h"

namespace powercut::explore {

struct JudgeOptions {
  unsigned jobs = 1;  // checks that go on at once, at most what the checker bears
  check::Limits limits;
  bool prune = true;  // by what checkers read
  double audit = 0;   // of the states that need no run, this share is run all the same
  std::uint64_t seed = 0;
  std::string cache_path;               // "": runs are not remembered
  EntryIndex first_base = 0;            // of the first group; states of earlier ones are always run
  std::optional<NestedOptions> nested;  // nothing: recoveries are not cut
  // For what is kept of runs to prune by. When it is full, no more is learnt.
  std::size_t max_memory_bytes = std::size_t{1} << 30;
  // As RunnerOptions has it.
  std::shared_ptr<const check::AcknowledgementHistory> acknowledgements;
  const check::Interrupt* interrupt = nullptr;
  std::function<void(const findings::Disagreement&)> on_disagreement;  // from any thread
  std::function<void(const std::string&)> notice;  // on what is wrong with the cache
};

// Of a checker, what is asked of it once.
struct CheckerTraits {
  bool sees_marks = true;
  std::string identity;
};

// Runs a checker only on states of which the verdict does not follow from the runs before: a run that
// read a state's blocks would have gone the same way on every state that has the same in these
// blocks, and tells the same of marks. docs/pruning.md has what that relies upon.
class PruningJudge final : public Judge {
 public:
  // The checker has been prepared; it and the timeline outlive the judge, and the timeline is not
  // refreshed meanwhile.
  [[nodiscard]] static Result<std::unique_ptr<PruningJudge>> make(const state::Timeline& timeline,
                                                                  check::Checker& checker,
                                                                  JudgeOptions options);
  // Runs the checker in a way of the caller's.
  [[nodiscard]] static Result<std::unique_ptr<PruningJudge>> make(const state::Timeline& timeline,
                                                                  std::unique_ptr<Runner> runner,
                                                                  const CheckerTraits& traits,
                                                                  JudgeOptions options);

  [[nodiscard]] Result<std::optional<Judgement>> judge(const state::CrashState& state) override;

  struct Counts {
    std::uint64_t run = 0;
    std::uint64_t by_reads = 0;
    std::uint64_t by_cache = 0;
    std::uint64_t audited = 0;  // of those that were run
    std::uint64_t disagreements = 0;
    std::uint64_t not_learnt = 0;  // runs for which there was no memory left
  };
  [[nodiscard]] Counts counts() const POWERCUT_EXCLUDES(mutex_);

  [[nodiscard]] const MarkTable& marks() const { return marks_; }

  // Cleans up; nothing is judged any more.
  [[nodiscard]] Status close() { return runner_->close(); }

 private:
  // What all runs have brought to light.
  struct Knowledge {
    // For states that tell a checker the same apart from their blocks.
    std::unordered_map<Hash128, ReadTree, HashOfHash128> trees;
    std::deque<Judgement> runs;  // as they are told of other states
    // From the cache, by what their checkers were told of marks; and the contexts in whose trees they
    // already are.
    std::unordered_map<Hash128, std::vector<RememberedRun>, HashOfHash128> remembered;
    std::unordered_set<Hash128, HashOfHash128> recalled;
    std::size_t memory_bytes = 0;
    void add(const Hash128& context, const std::vector<ReadBlock>& reads, Judgement judgement);
  };

  PruningJudge(const state::Timeline& timeline, MarkTable marks,
               std::unique_ptr<BlockHashes> hashes, bool sees_marks, JudgeOptions options);
  [[nodiscard]] static Result<std::unique_ptr<PruningJudge>> make_without_runner(
      const state::Timeline& timeline, const CheckerTraits& traits, JudgeOptions options);
  [[nodiscard]] Status open_cache(const state::Timeline& timeline, const std::string& identity);

  // All of the marks that can make a difference to the checker.
  [[nodiscard]] Hash128 told_of_marks(const state::CrashState& state) const;
  // That, and what decides on blocks that are the same in all states.
  [[nodiscard]] Hash128 context_of(const state::CrashState& state) const;
  // Runs of the cache that this log can have had become a tree.
  [[nodiscard]] Status recall(const state::CrashState& state) POWERCUT_EXCLUDES(knowledge_mutex_);
  [[nodiscard]] Result<bool> is_of_this_log(const RememberedRun& run,
                                            const state::DiscardPolicy& discard);
  [[nodiscard]] Result<std::optional<Judgement>> look_up(const state::CrashState& state)
      POWERCUT_EXCLUDES(knowledge_mutex_);
  [[nodiscard]] Status learn(const state::CrashState& state, const Run& run)
      POWERCUT_EXCLUDES(knowledge_mutex_);
  [[nodiscard]] bool is_audited(const std::string& id) const;
  void compare(const std::string& id, const Judgement& known, const check::Verdict& found);
  void count(const Judgement& judgement) POWERCUT_EXCLUDES(mutex_);

  const JudgeOptions options_;
  const bool sees_marks_;
  const std::uint32_t sector_size_;
  const MarkTable marks_;
  const std::unique_ptr<BlockHashes> hashes_;
  StateDevices devices_;
  std::unique_ptr<Runner> runner_;
  std::unique_ptr<VerdictCache> cache_;  // null: none is wanted
  Hash128 cache_key_;

  SharedMutex knowledge_mutex_;
  Knowledge knowledge_ POWERCUT_GUARDED_BY(knowledge_mutex_);

  mutable Mutex mutex_;
  Counts counts_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::explore
