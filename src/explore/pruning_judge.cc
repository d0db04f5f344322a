// SPDX-License-Identifier: Apache-2.0
#include "explore/pruning_judge.h"

#include <fmt/format.h>

#include "base/subprocess.h"

namespace powercut::explore {
namespace {

// Of a failing run's output this is kept for the states that fail alike.
constexpr ByteCount kOutputBytes = 8 * kKiB;

std::string text_of(const check::Verdict& verdict) {
  const auto with = [&](std::string_view what) {
    return fmt::format("{}: {}", verdict.step, what);
  };
  switch (verdict.outcome) {
    case check::Outcome::kPassed:
      return "passed";
    case check::Outcome::kExitStatus:
      return with(fmt::format("exit status {}", verdict.code));
    case check::Outcome::kSignal:
      return with(fmt::format("killed by signal {}", verdict.code));
    case check::Outcome::kTimeout:
      return with("did not end in time");
    case check::Outcome::kMount:
      return with(fmt::format("not mounted or unmounted, errno {}", verdict.code));
    case check::Outcome::kAcknowledgement:
      return with(fmt::format("{} files not as acknowledged", verdict.code));
  }
  return "unknown";
}

// All of it decides on verdicts.
std::string text_of(const NestedOptions& options) {
  std::string text =
      fmt::format("cuts inside recoveries: {} deep, {} states, units of {}, seed {}", options.depth,
                  options.max_states, options.choices.unit_bytes, options.choices.seed);
  for (const auto& [kind, number] : options.strategies)
    text += fmt::format(", strategy {}:{}", static_cast<int>(kind), number);
  return text;
}

bool is_same(const check::Verdict& a, const check::Verdict& b) {
  return a.outcome == b.outcome && a.code == b.code && a.step == b.step;
}

std::string cut(const std::string& output) {
  BoundedText text(kOutputBytes);
  text.append(output);
  return text.text();
}

// As it is kept for others. Nobody asks what a checker writes that is content.
check::Verdict without_most_output(check::Verdict verdict) {
  verdict.output = verdict.passed() ? std::string() : cut(verdict.output);
  verdict.step_output = verdict.passed() ? std::string() : cut(verdict.step_output);
  return verdict;
}

}  // namespace

Result<std::unique_ptr<PruningJudge>> PruningJudge::make_without_runner(
    const state::Timeline& timeline, const CheckerTraits& traits, JudgeOptions options) {
  MarkTable marks = POWERCUT_TRY(MarkTable::make(timeline));
  auto hashes = POWERCUT_TRY(BlockHashes::make(timeline, options.first_base));
  std::unique_ptr<PruningJudge> judge(new PruningJudge(
      timeline, std::move(marks), std::move(hashes), traits.sees_marks, std::move(options)));
  POWERCUT_TRY_STATUS(judge->open_cache(timeline, traits.identity));
  return judge;
}

Status PruningJudge::open_cache(const state::Timeline& timeline, const std::string& identity) {
  if (options_.cache_path.empty()) return {};
  cache_key_ =
      hash128(fmt::format("{}\n{}\n{}", identity, sector_size_, timeline.device_size_bytes()));
  cache_ = POWERCUT_TRY(VerdictCache::open(options_.cache_path, cache_key_, options_.notice));
  const SharedMutexLock lock(knowledge_mutex_);
  for (auto& run : cache_->take_runs()) knowledge_.remembered[run.marks].push_back(std::move(run));
  return {};
}

Result<std::unique_ptr<PruningJudge>> PruningJudge::make(const state::Timeline& timeline,
                                                         std::unique_ptr<Runner> runner,
                                                         const CheckerTraits& traits,
                                                         JudgeOptions options) {
  auto judge = POWERCUT_TRY(make_without_runner(timeline, traits, std::move(options)));
  judge->runner_ = std::move(runner);
  return judge;
}

Result<std::unique_ptr<PruningJudge>> PruningJudge::make(const state::Timeline& timeline,
                                                         check::Checker& checker,
                                                         JudgeOptions options) {
  CheckerTraits traits{checker.sees_marks(), checker.identity()};
  if (options.nested) traits.identity += "\n" + text_of(*options.nested);
  if (const auto bytes = options.limits.memory_bytes)
    traits.identity += fmt::format("\nmemory limit {}", *bytes);
  if (const auto bytes = options.limits.file_bytes)
    traits.identity += fmt::format("\nfile limit {}", *bytes);
  auto judge = POWERCUT_TRY(make_without_runner(timeline, traits, std::move(options)));
  const JudgeOptions& known = judge->options_;
  judge->runner_ =
      POWERCUT_TRY(make_disk_runner(timeline, judge->devices_, judge->marks_, checker,
                                    {.jobs = known.jobs,
                                     .limits = known.limits,
                                     .acknowledgements = known.acknowledgements,
                                     .interrupt = known.interrupt,
                                     .use = {.reads = known.prune,
                                             .flushes = known.nested.has_value(),
                                             .loop_devices = !checker.touches_only_the_disk()}}));
  if (known.nested) {
    judge->runner_ = make_nested_runner(judge->devices_, std::move(judge->runner_),
                                        judge->sector_size_, *known.nested);
  }
  return judge;
}

PruningJudge::PruningJudge(const state::Timeline& timeline, MarkTable marks,
                           std::unique_ptr<BlockHashes> hashes, bool sees_marks,
                           JudgeOptions options)
    : options_(std::move(options)),
      sees_marks_(sees_marks),
      sector_size_(timeline.index().sector_size()),
      marks_(std::move(marks)),
      hashes_(std::move(hashes)),
      devices_(timeline) {}

void PruningJudge::Knowledge::add(const Hash128& context, const std::vector<ReadBlock>& reads,
                                  Judgement judgement) {
  ReadTree& tree = trees[context];
  const std::size_t before = tree.memory_bytes();
  tree.insert(reads, runs.size());
  const check::Verdict& verdict = judgement.verdict;
  memory_bytes += tree.memory_bytes() - before + sizeof(judgement) + verdict.output.size() +
                  verdict.step_output.size() + judgement.same_as.size();
  runs.push_back(std::move(judgement));
}

// With acknowledgements a later mark can make a difference as well: it tells what a file was going to be.
Hash128 PruningJudge::told_of_marks(const state::CrashState& state) const {
  std::vector<std::uint64_t> words;
  if (sees_marks_) {
    const Hash128 sure = marks_.hash(marks_.sure(state));
    words.insert(words.end(), {sure.low, sure.high});
  }
  if (options_.acknowledgements != nullptr) {
    const MarkTable::Places places = marks_.places(state);
    const Hash128 all = marks_.hash_of_all();
    words.insert(words.end(), {places.in_front, places.reached, all.low, all.high});
  }
  return hash128(std::as_bytes(std::span(words)));
}

Hash128 PruningJudge::context_of(const state::CrashState& state) const {
  const Hash128 marks = told_of_marks(state);
  const std::uint64_t words[] = {
      marks.low, marks.high, static_cast<std::uint64_t>(state.discard.kind), state.discard.seed};
  return hash128(std::as_bytes(std::span(words)));
}

Result<bool> PruningJudge::is_of_this_log(const RememberedRun& run,
                                          const state::DiscardPolicy& discard) {
  for (const auto& [block, content] : run.reads) {
    if (hashes_->can_differ(block)) continue;
    if (!hashes_->is_in_device(block)) return false;
    const Hash128 here = POWERCUT_TRY(hashes_->first_hash(discard, block));
    if (here != content) return false;
  }
  return true;
}

Status PruningJudge::recall(const state::CrashState& state) {
  const Hash128 context = context_of(state);
  {
    const SharedMutexReadLock lock(knowledge_mutex_);
    if (knowledge_.recalled.contains(context)) return {};
  }
  const SharedMutexLock lock(knowledge_mutex_);
  if (!knowledge_.recalled.insert(context).second) return {};
  const auto remembered = knowledge_.remembered.find(told_of_marks(state));
  if (remembered == knowledge_.remembered.end()) return {};
  for (const RememberedRun& run : remembered->second) {
    const bool is_ours = POWERCUT_TRY(is_of_this_log(run, state.discard));
    if (!is_ours || knowledge_.memory_bytes >= options_.max_memory_bytes) continue;
    std::vector<ReadBlock> reads;
    for (const auto& read : run.reads) {
      if (hashes_->can_differ(read.block)) reads.push_back(read);
    }
    knowledge_.add(context, reads, {.verdict = run.verdict, .source = findings::Source::kCache});
  }
  return {};
}

Result<std::optional<Judgement>> PruningJudge::look_up(const state::CrashState& state) {
  if (cache_ != nullptr) POWERCUT_TRY_STATUS(recall(state));
  const Hash128 context = context_of(state);
  const auto view = devices_.view(state);
  const SharedMutexReadLock lock(knowledge_mutex_);
  const auto tree = knowledge_.trees.find(context);
  if (tree == knowledge_.trees.end()) return std::optional<Judgement>();
  const auto run = POWERCUT_TRY(
      tree->second.find([&](std::uint64_t block) { return hashes_->hash(state, *view, block); }));
  if (!run) return std::optional<Judgement>();
  return knowledge_.runs[*run];
}

Status PruningJudge::learn(const state::CrashState& state, const Run& run) {
  // How long a check takes, and whether its programs are there, is not a matter of blocks.
  if (run.verdict.outcome == check::Outcome::kTimeout || run.verdict.was_not_run) return {};
  const auto view = devices_.view(state);
  RememberedRun remembered{.key = cache_key_,
                           .marks = told_of_marks(state),
                           .verdict = without_most_output(run.verdict)};
  std::vector<ReadBlock> reads;
  for (const std::uint64_t block : run.observed) {
    if (cache_ == nullptr && !hashes_->can_differ(block)) continue;
    const ReadBlock read{block, POWERCUT_TRY(hashes_->hash(state, *view, block))};
    if (hashes_->can_differ(block)) reads.push_back(read);
    remembered.reads.push_back(read);
  }
  if (cache_ != nullptr) POWERCUT_TRY_STATUS(cache_->add(remembered));
  Judgement judgement{.verdict = std::move(remembered.verdict),
                      .source = findings::Source::kReads,
                      .same_as = to_string(id_of(state, sector_size_))};
  {
    const SharedMutexLock lock(knowledge_mutex_);
    if (knowledge_.memory_bytes < options_.max_memory_bytes) {
      knowledge_.add(context_of(state), reads, std::move(judgement));
      return {};
    }
  }
  const MutexLock lock(mutex_);
  ++counts_.not_learnt;
  return {};
}

bool PruningJudge::is_audited(const std::string& id) const {
  if (options_.audit <= 0) return false;
  const Hash128 hash = hash128(fmt::format("{} {}", options_.seed, id));
  return static_cast<double>(hash.low >> 11) * 0x1p-53 < options_.audit;
}

void PruningJudge::compare(const std::string& id, const Judgement& known,
                           const check::Verdict& found) {
  const bool agrees = is_same(known.verdict, found);
  {
    const MutexLock lock(mutex_);
    ++counts_.audited;
    if (!agrees) ++counts_.disagreements;
  }
  if (agrees || !options_.on_disagreement) return;
  options_.on_disagreement({.state = id,
                            .same_as = known.same_as,
                            .expected = text_of(known.verdict),
                            .found = text_of(found)});
}

void PruningJudge::count(const Judgement& judgement) {
  const MutexLock lock(mutex_);
  switch (judgement.source) {
    case findings::Source::kRun:
      ++counts_.run;
      break;
    case findings::Source::kReads:
      ++counts_.by_reads;
      break;
    case findings::Source::kCache:
      ++counts_.by_cache;
      break;
  }
}

Result<std::optional<Judgement>> PruningJudge::judge(const state::CrashState& state) {
  const bool prunes = options_.prune && hashes_->is_for(state);
  std::optional<Judgement> known;
  if (prunes) known = POWERCUT_TRY(look_up(state));
  const std::string id = known ? to_string(id_of(state, sector_size_)) : std::string();
  if (known && !is_audited(id)) {
    count(*known);
    return known;
  }
  auto run = POWERCUT_TRY(runner_->run(state));
  if (!run) return std::optional<Judgement>();
  if (known) compare(id, *known, run->verdict);
  if (prunes) POWERCUT_TRY_STATUS(learn(state, *run));
  Judgement judgement{.verdict = std::move(run->verdict), .seconds = run->seconds};
  count(judgement);
  return judgement;
}

PruningJudge::Counts PruningJudge::counts() const {
  const MutexLock lock(mutex_);
  return counts_;
}

}  // namespace powercut::explore
