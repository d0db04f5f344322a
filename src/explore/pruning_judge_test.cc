// SPDX-License-Identifier: Apache-2.0
#include "explore/pruning_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/prng.h"
#include "block/file_device.h"
#include "block/memory_device.h"
#include "block/overlay_device.h"
#include "check/disk_copy.h"
#include "check/observed_device.h"
#include "state/state_list.h"
#include "support/crash_states.h"
#include "support/function_checker.h"
#include "support/log_builder.h"
#include "support/rounds.h"
#include "support/temporary_directory.h"

namespace powercut::explore {
namespace {

using test::FunctionChecker;
using test::LogBuilder;
using test::variable;

constexpr ByteCount kSector = 512;
constexpr ByteCount kDeviceBytes = 40 * kSector;

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string read_all(BlockDevice& device) {
  std::string text(device.size_bytes(), '\0');
  EXPECT_TRUE(device.read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

std::unique_ptr<state::Timeline> timeline_of(const LogBuilder& log) {
  auto timeline =
      state::Timeline::open(log.file(), {.sidecar_path = "", .size_bytes = kDeviceBytes});
  EXPECT_TRUE(timeline) << timeline.error().message;
  return *std::move(timeline);
}

state::StateList all_states(const state::Timeline& timeline, state::Model model,
                            ByteCount unit_bytes = 0, std::uint64_t max_states = 0) {
  state::StateListOptions options;
  options.choices.unit_bytes = unit_bytes;
  options.max_states = max_states;
  options.model = model;
  options.at.all = true;
  options.to = timeline.index().nr_entries();
  options.strategies = {{state::Strategy::Kind::kExhaustive}};
  auto list = state::StateList::make(timeline, options);
  EXPECT_TRUE(list) << list.error().message;
  return *std::move(list);
}

LogBuilder example(ByteCount device_bytes = kDeviceBytes) {
  LogBuilder log(512, test::test_extension(device_bytes));
  for (int i = 0; i < 3; ++i) {
    log.write(static_cast<Sector>(i * 5), std::string(8, static_cast<char>('a' + i)));
    log.mark("round " + std::to_string(i));
    log.discard(static_cast<Sector>(i * 3), 2);
    log.flush();
  }
  return log;
}

class FuseJudgeTest : public testing::Test {
 protected:
  FuseJudgeTest() : interrupt_(std::move(*check::Interrupt::make())) {}
  void SetUp() override {
    if (::access("/dev/fuse", R_OK | W_OK) == 0) return;
    if (std::getenv("CI") != nullptr) FAIL() << "no /dev/fuse";
    GTEST_SKIP() << "no /dev/fuse";
  }
  check::Interrupt interrupt_;
};

TEST_F(FuseJudgeTest, EachStateIsOfferedAsItIs) {
  for (const state::Model model : state::kModels) {
    const auto timeline = timeline_of(example());
    std::string disk;
    std::string marks;
    std::string mark;
    FunctionChecker checker([&](const check::Offer& offer) {
      disk = read_text(offer.disk_path);
      marks = read_text(variable(offer, "POWERCUT_MARKS"));
      mark = variable(offer, "POWERCUT_MARK");
      // Is gone for the next one.
      std::ofstream(offer.disk_path, std::ios::in | std::ios::out) << "written";
      std::ofstream(variable(offer, "POWERCUT_MARKS")) << "nonsense";
      return check::Verdict{};
    });
    auto judge = PruningJudge::make(*timeline, checker,
                                    {.jobs = 2, .prune = false, .interrupt = &interrupt_});
    ASSERT_TRUE(judge) << judge.error().message;
    auto list = all_states(*timeline, model);
    std::uint64_t states = 0;
    while (const auto state = *list.next()) {
      const auto judgement = (*judge)->judge(state->state);
      ASSERT_TRUE(judgement && *judgement);
      EXPECT_EQ((*judgement)->source, findings::Source::kRun);
      EXPECT_EQ(disk, read_all(*list.view())) << to_string(state->id);
      // Ticks follow entries here: each has the next two.
      const EntryIndex cut = model == state::Model::kExact ? state->id.cut / 2 : state->id.cut;
      std::string expected;
      std::string last;
      for (int i = 0; i < 3; ++i) {
        const auto entry = static_cast<EntryIndex>(4 * i + 1);
        if (entry >= cut) continue;
        last = "round " + std::to_string(i);
        expected += mark_line(entry, last);
      }
      EXPECT_EQ(marks, expected) << to_string(state->id);
      EXPECT_EQ(mark, last);
      ++states;
    }
    EXPECT_GT(states, 6U);
    EXPECT_EQ((*judge)->counts().run, states);
    ASSERT_TRUE((*judge)->close());
  }
}

// Where nobody wants to know what is read, a shortcut gets a copy in memory if there is not much to copy.
TEST_F(FuseJudgeTest, AShortcutsCopyIsTheStateAndNothingOfItIsLeft) {
  for (const bool is_much : {false, true}) {
    const ByteCount size = is_much ? check::DiskCopy::kMaxBytes + kSector : kDeviceBytes;
    const auto base = std::make_shared<MemoryDevice>(size);
    const std::vector<std::byte> initial(size, std::byte{'b'});
    ASSERT_TRUE(base->write(0, initial, Fua::kNo));
    const auto timeline = state::Timeline::open(
        example(size).file(), {.sidecar_path = "", .base = base, .size_bytes = size});
    ASSERT_TRUE(timeline) << timeline.error().message;
    std::vector<std::string> disks;
    std::uint64_t states = 0;
    std::uint64_t in_memory = 0;
    const auto look = [&](const check::Offer& offer) {
      disks.push_back(read_text(offer.disk_path));
      const std::string noise(3000, 'n');
      std::fstream file(offer.disk_path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(states * 1000 % (kDeviceBytes - noise.size())));
      EXPECT_TRUE(file << noise << std::flush);
    };
    FunctionChecker checker(
        [&](const check::Offer& offer) {
          look(offer);
          return check::Verdict{};
        },
        [&](const check::Offer& offer) -> std::optional<check::Verdict> {
          if (offer.disk_path.starts_with("/proc/")) ++in_memory;
          look(offer);
          if (states % 2 == 0) return std::nullopt;
          return check::Verdict{};
        });
    const auto judge =
        PruningJudge::make(**timeline, checker, {.prune = false, .interrupt = &interrupt_});
    ASSERT_TRUE(judge) << judge.error().message;
    auto list = all_states(**timeline, state::Model::kEpoch);
    std::uint64_t by_check = 0;
    while (const auto state = *list.next()) {
      disks.clear();
      ASSERT_TRUE((*judge)->judge(state->state));
      const std::string expected = read_all(*list.view());
      for (const std::string& disk : disks) EXPECT_TRUE(disk == expected) << to_string(state->id);
      by_check += disks.size() - 1;
      ++states;
    }
    EXPECT_EQ(in_memory, is_much ? 0 : states);
    EXPECT_EQ(by_check, (states + 1) / 2);
    ASSERT_TRUE((*judge)->close());
  }
}

// Checkers as functions of a device and of the lines on the marks, run without FUSE.
using Function = std::function<check::Verdict(BlockDevice& device, const std::string& marks)>;

class FunctionRunner final : public Runner {
 public:
  FunctionRunner(const state::Timeline& timeline, Function function)
      : devices_(timeline), marks_(*MarkTable::make(timeline)), function_(std::move(function)) {}

  Result<std::optional<Run>> run(const state::CrashState& state) override {
    check::ObservedDevice device(OverlayDevice::make_lazily(devices_.view(state)));
    Run run;
    run.verdict = function_(device, marks_.lines(marks_.sure(state)));
    run.observed = device.observed();
    if (forgets_a_block && !run.observed.empty()) run.observed.pop_back();
    return run;
  }
  Result<std::optional<Run>> run_on(std::shared_ptr<BlockDevice> device, const std::string&,
                                    const state::CrashState& state) override {
    return Run{.verdict = function_(*device, marks_.lines(marks_.sure(state)))};
  }
  Status close() override { return {}; }

  bool forgets_a_block = false;

 private:
  StateDevices devices_;
  const MarkTable marks_;
  const Function function_;
};

// Goes through the device, where to being decided by what it finds, and may write here and there.
std::uint64_t walk(BlockDevice& device, std::uint64_t seed, bool writes) {
  Prng prng(seed);
  std::array<std::byte, 2 * kSector> buffer{};
  std::uint64_t seen = seed;
  const std::uint64_t steps = prng.between(1, 5);
  for (std::uint64_t i = 0; i < steps; ++i) {
    const Prng place(seen);
    const ByteOffset offset = Prng(place)() % (kDeviceBytes / kSector - 1) * kSector;
    const MutableBytes piece = MutableBytes(buffer).first(prng.between(1, 2) * kSector);
    if (writes && prng.one_in(4)) {
      EXPECT_TRUE(device.write(offset, piece, Fua::kNo));
    }
    EXPECT_TRUE(device.read(offset, piece));
    seen = seen * 31 + hash128(piece).low;
  }
  return seen;
}

check::Verdict verdict_of(std::uint64_t seen) {
  seen = Prng(seen)();
  if (seen % 2 == 0) return {};
  return {check::Outcome::kExitStatus, static_cast<int>(seen / 2 % 100), "step", "output",
          "output"};
}

check::Verdict verdict_if(bool is_good) {
  if (is_good) return {};
  return {check::Outcome::kExitStatus, 1, "step", "output", "output"};
}

Function random_checker(Prng& prng, bool sees_marks) {
  const std::uint64_t seed = prng();
  const bool is_parallel = prng.one_in(8);
  return [seed, sees_marks, is_parallel](BlockDevice& device, const std::string& marks) {
    std::uint64_t seen = sees_marks ? hash128(marks).low : 0;
    if (is_parallel) {
      std::uint64_t other = 0;
      std::thread thread([&] { other = walk(device, seed + 1, false); });
      seen += walk(device, seed, false);
      thread.join();
      return verdict_of(seen * 31 + other);
    }
    return verdict_of(walk(device, seed + seen, true));
  };
}

// Few letters, so that the same content comes again.
LogBuilder random_log(Prng& prng) {
  LogBuilder log(512, test::test_extension(kDeviceBytes));
  const std::uint64_t nr_entries = prng.between(4, 14);
  for (std::uint64_t i = 0; i < nr_entries; ++i) {
    const Sector sector = prng.below(kDeviceBytes / kSector - 3);
    const std::string text(prng.between(1, 3), prng.one_in(2) ? 'A' : 'B');
    switch (prng.below(8)) {
      case 0:
        log.flush();
        break;
      case 1:
        log.mark(text);
        break;
      case 2:
        log.discard(sector, text.size());
        break;
      case 3:
        log.fua(sector, text);
        break;
      default:
        log.write(sector, text);
    }
  }
  return log;
}

// One log, and one checker.
struct Example {
  Example(std::uint64_t seed, bool marks) : prng(seed), sees_marks(marks) {
    const bool is_odd = prng.one_in(4);  // its entries do not stand in the order of their ticks
    const auto log =
        is_odd ? test::CrashLog::random(prng, kDeviceBytes / kSector, test::CrashLog::Ticks::kAny)
                     .build()
               : random_log(prng);
    timeline = timeline_of(log);
    function = random_checker(prng, sees_marks);
    unit_bytes = prng.one_in(3) ? kSector : 0;
  }

  // With each state that epoch and exact have: the same content comes twice, and more than that.
  void for_each_state(const std::function<void(const state::CrashState&)>& sink) {
    for (const auto model : {state::Model::kEpoch, state::Model::kExact}) {
      auto list = all_states(*timeline, model, unit_bytes, 60);
      while (const auto state = *list.next()) sink(state->state);
    }
  }

  std::unique_ptr<Runner> make_runner(bool forgets = false) {
    auto runner = std::make_unique<FunctionRunner>(*timeline, function);
    runner->forgets_a_block = forgets;
    if (depth == 0) return runner;
    if (devices == nullptr) devices = std::make_unique<StateDevices>(*timeline);
    return make_nested_runner(*devices, std::move(runner), kSector,
                              {.depth = depth, .max_states = 8});
  }

  std::unique_ptr<PruningJudge> judge(JudgeOptions options = {}) {
    auto runner = make_runner(forgets_a_block);
    if (first_base != 0) options.first_base = first_base;
    auto made = PruningJudge::make(*timeline, std::move(runner),
                                   {sees_marks && !forgets_marks, identity}, std::move(options));
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }

  // How many of its verdicts are not those of the checker.
  std::uint64_t wrong_verdicts(PruningJudge& judge) {
    const auto runner = make_runner();
    std::uint64_t wrong = 0;
    for_each_state([&](const state::CrashState& state) {
      const auto judgement = judge.judge(state);
      ASSERT_TRUE(judgement && *judgement);
      const auto run = runner->run(state);
      const check::Verdict& expected = (*run)->verdict;
      const check::Verdict& found = (*judgement)->verdict;
      if (found.outcome != expected.outcome || found.code != expected.code) ++wrong;
    });
    return wrong;
  }

  Prng prng;
  bool sees_marks = false;
  std::unique_ptr<state::Timeline> timeline;
  Function function;
  ByteCount unit_bytes = 0;
  bool forgets_a_block = false;
  bool forgets_marks = false;
  unsigned depth = 0;  // of cuts inside recoveries
  std::unique_ptr<StateDevices> devices;
  EntryIndex first_base = 0;
  std::string identity = "function";
};

TEST(PruningJudgeTest, VerdictsAreThoseOfTheChecker) {
  std::uint64_t run = 0;
  std::uint64_t by_reads = 0;
  for (std::uint64_t seed = 0; seed < test::rounds(320); ++seed) {
    Example example(seed, seed % 3 == 0);
    const auto judge = example.judge();
    ASSERT_EQ(example.wrong_verdicts(*judge), 0U) << "seed " << seed;
    run += judge->counts().run;
    by_reads += judge->counts().by_reads;
  }
  EXPECT_GT(by_reads, run);
}

TEST(PruningJudgeTest, VerdictsOnCutsInsideRecoveriesAreThoseOfTheChecker) {
  std::uint64_t by_reads = 0;
  for (std::uint64_t seed = 0; seed < test::rounds(60); ++seed) {
    Example example(seed, seed % 3 == 0);
    example.depth = 1 + static_cast<unsigned>(seed % 2);
    const auto judge = example.judge();
    ASSERT_EQ(example.wrong_verdicts(*judge), 0U) << "seed " << seed;
    by_reads += judge->counts().by_reads;
  }
  EXPECT_GT(by_reads, 0U);
}

// What the key must not lack, and that the test before would see it.
TEST(PruningJudgeTest, AKeyWithoutABlockIsWrong) {
  std::uint64_t wrong = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Example example(seed, false);
    example.forgets_a_block = true;
    wrong += example.wrong_verdicts(*example.judge());
  }
  EXPECT_GT(wrong, 0U);
}

TEST(PruningJudgeTest, AKeyWithoutMarksIsWrong) {
  std::uint64_t wrong = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Example example(seed, true);
    example.forgets_marks = true;
    wrong += example.wrong_verdicts(*example.judge());
  }
  EXPECT_GT(wrong, 0U);
}

TEST(PruningJudgeTest, AnAuditFindsWhatIsNotObserved) {
  std::uint64_t told = 0;
  std::uint64_t counted = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Example example(seed, false);
    example.forgets_a_block = true;
    const auto judge = example.judge({.audit = 1, .on_disagreement = [&](const auto& disagreement) {
                                        ++told;
                                        EXPECT_NE(disagreement.expected, disagreement.found);
                                        EXPECT_NE(disagreement.state, disagreement.same_as);
                                      }});
    EXPECT_EQ(example.wrong_verdicts(*judge), 0U);
    const auto counts = judge->counts();
    EXPECT_EQ(counts.by_reads, 0U);
    EXPECT_LE(counts.disagreements, counts.audited);
    EXPECT_LE(counts.audited, counts.run);
    counted += counts.disagreements;
  }
  EXPECT_GT(told, 0U);
  EXPECT_EQ(told, counted);
}

TEST(PruningJudgeTest, AnAuditTakesTheSameShareEachTime) {
  std::uint64_t audited = 0;
  std::uint64_t pruned = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::optional<std::uint64_t> before;
    for (int i = 0; i < 2; ++i) {
      Example example(seed, false);
      const auto judge = example.judge({.audit = 0.25, .seed = 7});
      EXPECT_EQ(example.wrong_verdicts(*judge), 0U);
      const auto counts = judge->counts();
      EXPECT_EQ(counts.disagreements, 0U);
      EXPECT_EQ(before.value_or(counts.audited), counts.audited);
      before = counts.audited;
      audited += counts.audited;
      pruned += counts.by_reads;
    }
  }
  EXPECT_GT(audited, (audited + pruned) / 5);
  EXPECT_LT(audited, (audited + pruned) * 3 / 10);
}

TEST(PruningJudgeTest, WithoutPruningAllAreRun) {
  Example example(1, false);
  const auto judge = example.judge({.prune = false});
  std::uint64_t states = 0;
  example.for_each_state([&](const state::CrashState&) { ++states; });
  EXPECT_EQ(example.wrong_verdicts(*judge), 0U);
  EXPECT_EQ(judge->counts().run, states);
}

TEST(PruningJudgeTest, StatesOfEarlierGroupsAreRun) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Example example(seed, false);
    const EntryIndex first_base = example.timeline->index().nr_entries() / 2;
    std::uint64_t earlier = 0;
    example.for_each_state(
        [&](const state::CrashState& state) { earlier += state.group->base < first_base ? 1 : 0; });
    const auto judge = example.judge({.first_base = first_base});
    EXPECT_EQ(example.wrong_verdicts(*judge), 0U) << "seed " << seed;
    EXPECT_GE(judge->counts().run, earlier);
  }
}

TEST(PruningJudgeTest, WhatCannotBeKeptIsRun) {
  std::uint64_t not_learnt = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Example example(seed, false);
    const auto judge = example.judge({.max_memory_bytes = 1});
    EXPECT_EQ(example.wrong_verdicts(*judge), 0U) << "seed " << seed;
    const auto counts = judge->counts();
    EXPECT_EQ(counts.not_learnt + 1, counts.run) << "seed " << seed;
    not_learnt += counts.not_learnt;
  }
  EXPECT_GT(not_learnt, 0U);
}

TEST(PruningJudgeTest, RunningOutOfTimeIsNotLearnt) {
  Example example(3, false);
  example.function = [](BlockDevice&, const std::string&) {
    return check::Verdict{.outcome = check::Outcome::kTimeout};
  };
  const auto judge = example.judge();
  EXPECT_EQ(example.wrong_verdicts(*judge), 0U);
  EXPECT_EQ(judge->counts().by_reads, 0U);
}

TEST(PruningJudgeTest, ManyMayAskAtOnce) {
  Example example(4, true);
  std::vector<state::CrashState> states;
  example.for_each_state([&](const state::CrashState& state) { states.push_back(state); });
  const auto judge = example.judge({.jobs = 4});
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < states.size(); at = next++) {
        EXPECT_TRUE(judge->judge(states[at]));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(example.wrong_verdicts(*judge), 0U);
}

// Runs are remembered, and a log that has grown, or lies a little differently, gains from them.
class CacheTest : public testing::Test {
 protected:
  PruningJudge::Counts counts_of(Example& example) {
    const auto judge = example.judge({.cache_path = directory_ / "cache",
                                      .notice = [](const auto& text) { ADD_FAILURE() << text; }});
    EXPECT_EQ(example.wrong_verdicts(*judge), 0U);
    return judge->counts();
  }
  test::TemporaryDirectory directory_;
};

TEST_F(CacheTest, TheSameLogNeedsNoRun) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Example example(seed, seed % 2 == 0);
    example.identity = std::to_string(seed);
    const auto first = counts_of(example);
    const auto second = counts_of(example);
    EXPECT_GT(first.run, 0U);
    EXPECT_EQ(second.run, 0U) << "seed " << seed;
    EXPECT_EQ(second.by_cache, first.run + first.by_reads + first.by_cache);
  }
}

// Other logs share the cache, with contents that are partly the same: of what it remembers nothing may
// be taken that does not fit.
TEST_F(CacheTest, VerdictsOfOtherLogsAreTakenWhereTheyFit) {
  std::uint64_t by_cache = 0;
  std::uint64_t run = 0;
  const Function function = Example(7, false).function;
  for (std::uint64_t seed = 100; seed < 100 + test::rounds(60); ++seed) {
    Example example(seed, false);
    example.function = function;
    // So that blocks that are the same in all states of a log are not the same in all logs.
    example.first_base = example.timeline->index().nr_entries() / 3;
    const auto counts = counts_of(example);
    by_cache += counts.by_cache;
    run += counts.run;
  }
  EXPECT_GT(by_cache, 0U);
  EXPECT_GT(run, 0U);
}

TEST_F(CacheTest, AnotherCheckerIsAnotherKey) {
  Example example(1, false);
  counts_of(example);
  Example other(1, false);
  other.function = Example(2, false).function;
  other.identity = "another function";
  EXPECT_EQ(counts_of(other).by_cache, 0U);
}

// How many of the example's states were judged by what runs before had read; all verdicts have to be right.
std::uint64_t right_verdicts_by_reads(Example& example, check::Checker& checker) {
  const auto interrupt = std::move(*check::Interrupt::make());
  const auto judge = PruningJudge::make(*example.timeline, checker, {.interrupt = &interrupt});
  EXPECT_TRUE(judge);
  if (!judge) return 0;
  EXPECT_EQ(example.wrong_verdicts(**judge), 0U);
  const std::uint64_t by_reads = (*judge)->counts().by_reads;
  EXPECT_TRUE((*judge)->close());
  return by_reads;
}

// The same over FUSE, with what the kernel reads ahead and keeps.
TEST_F(FuseJudgeTest, VerdictsAreThoseOfTheChecker) {
  std::uint64_t by_reads = 0;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    Example example(seed, true);
    FunctionChecker checker([&](const check::Offer& offer) {
      auto file = PosixFile::open(offer.disk_path, {.writable = true});
      auto device = FileDevice::make(*std::move(file));
      EXPECT_TRUE(device);
      return example.function(**device, read_text(variable(offer, "POWERCUT_MARKS")));
    });
    by_reads += right_verdicts_by_reads(example, checker);
  }
  EXPECT_GT(by_reads, 0U);
}

// What the shortcut has read decides as well, and what it has written is gone when the checker has its turn.
TEST_F(FuseJudgeTest, WhereAShortcutDoesNotTellTheCheckerDoes) {
  std::uint64_t by_reads = 0;
  std::uint64_t by_shortcut = 0;
  std::uint64_t by_checker = 0;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    Example example(seed, true);
    const auto ask = [&](const check::Offer& offer,
                         bool is_shortcut) -> std::optional<check::Verdict> {
      const auto device = *FileDevice::make(*PosixFile::open(offer.disk_path, {.writable = true}));
      const auto verdict = example.function(*device, read_text(variable(offer, "POWERCUT_MARKS")));
      if (!is_shortcut) {
        ++by_checker;
        return verdict;
      }
      const std::vector<std::byte> noise(kDeviceBytes, std::byte{'n'});
      EXPECT_TRUE(device->write(0, noise, Fua::kNo) && device->flush());
      if (!verdict.passed()) return std::nullopt;
      ++by_shortcut;
      return verdict;
    };
    FunctionChecker checker([&](const check::Offer& offer) { return ask(offer, false); },
                            [&](const check::Offer& offer) { return ask(offer, true); });
    by_reads += right_verdicts_by_reads(example, checker);
  }
  EXPECT_GT(by_reads, 0U);
  EXPECT_GT(by_shortcut, 0U);
  EXPECT_GT(by_checker, 0U);
}

// A counter is raised by one as long as the journal says so. The checker's writes go through the kernel.
TEST_F(FuseJudgeTest, ARecoveryThatMayNotBeginAgainIsFound) {
  LogBuilder log(512, test::test_extension(kDeviceBytes));
  log.write(0, "\5").flush().write(16, "\1").flush();
  const auto timeline = timeline_of(log);
  FunctionChecker checker([](const check::Offer& offer) {
    const auto device = *FileDevice::make(*PosixFile::open(offer.disk_path, {.writable = true}));
    std::array<std::byte, kSector> counter{};
    std::array<std::byte, kSector> journal{};
    EXPECT_TRUE(device->read(0, counter));
    EXPECT_TRUE(device->read(16 * kSector, journal));
    if (journal[0] != std::byte{0}) {
      counter.fill(static_cast<std::byte>(std::to_integer<int>(counter[0]) + 1));
      journal.fill(std::byte{0});
      EXPECT_TRUE(device->write(0, counter, Fua::kNo) && device->flush());
      EXPECT_TRUE(device->write(16 * kSector, journal, Fua::kNo) && device->flush());
    }
    return verdict_if(std::to_integer<int>(counter[0]) <= 6);
  });
  const auto state = timeline->crash_state(*state::parse_state_id("epoch:4"));
  for (const bool is_nested : {false, true}) {
    JudgeOptions options{.interrupt = &interrupt_};
    if (is_nested) options.nested = NestedOptions{};
    const auto judge = PruningJudge::make(*timeline, checker, options);
    ASSERT_TRUE(judge) << judge.error().message;
    const auto judgement = (*judge)->judge(*state);
    ASSERT_TRUE(judgement && *judgement);
    EXPECT_EQ((*judgement)->verdict.passed(), !is_nested);
    EXPECT_TRUE((*judge)->close());
  }
}

}  // namespace
}  // namespace powercut::explore
