// SPDX-License-Identifier: Apache-2.0
// G6: what a log holds when the recorder is killed, and when its host loses power, at any moment
// of a run.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "base/mutex.h"
#include "base/prng.h"
#include "io/memory_file.h"
#include "log/reader.h"
#include "log/repair.h"
#include "log/verify.h"
#include "sim/checkers.h"
#include "sim/seed.h"
#include "sim/stress.h"
#include "support/shared_file.h"
#include "support/volatile_file.h"

namespace powercut::sim {
namespace {

using test::VolatileFile;

struct Snapshot {
  std::uint64_t order = 0;  // what was answered by then is older
  bool is_power_cut = false;
  std::vector<std::byte> log;
};

// Takes a snapshot now and then, when a client has been answered.
class Photographer {
 public:
  Photographer(std::shared_ptr<VolatileFile> file, std::uint64_t seed)
      : file_(std::move(file)), prng_(seed) {}

  void operator()(const SimRequest& request, std::uint64_t order) {
    const MutexLock lock(mutex_);
    const bool is_durable = request.fua || request.kind == Kind::kFlush;
    if (!prng_.one_in(is_durable ? 4 : 20)) return;
    const bool is_power_cut = !prng_.one_in(4);
    snapshots_.push_back(
        {order, is_power_cut, is_power_cut ? file_->after_power_cut(prng_) : file_->content()});
  }
  [[nodiscard]] std::vector<Snapshot> take() {
    const MutexLock lock(mutex_);
    return std::move(snapshots_);
  }

 private:
  const std::shared_ptr<VolatileFile> file_;
  Mutex mutex_;
  Prng prng_ POWERCUT_GUARDED_BY(mutex_);
  std::vector<Snapshot> snapshots_ POWERCUT_GUARDED_BY(mutex_);
};

// The same entry at two moments: a flush may still have been a mark that holds its place.
bool is_same(const SimEntry& early, const SimEntry& late) {
  if (early.is(log::kFlagMark) && late.is(log::kFlagFlush))
    return early.mark == "powercut: flush pending";
  return early.flags == late.flags && early.range == late.range && early.payload == late.payload &&
         early.mark == late.mark && early.submit_tick == late.submit_tick;
}

// Which requests must be in a log that was left at this moment.
std::vector<std::size_t> owed(const History& history, const Snapshot& snapshot) {
  std::uint64_t last_flush = 0;  // submitted, of those that were answered
  for (const SimRequest& request : history.requests) {
    if (request.kind == Kind::kFlush && request.ok && request.complete.order <= snapshot.order)
      last_flush = std::max(last_flush, request.submit.order);
  }
  std::vector<std::size_t> result;
  for (std::size_t r = 0; r < history.requests.size(); ++r) {
    const SimRequest& request = history.requests[r];
    if (!request.ok || request.complete.order > snapshot.order) continue;
    const bool is_durable = request.fua || request.kind == Kind::kFlush ||
                            request.kind == Kind::kMark || request.complete.order < last_flush;
    if (is_durable || !snapshot.is_power_cut) result.push_back(r);
  }
  return result;
}

void expect_prefix(const std::vector<SimEntry>& entries, const History& history) {
  ASSERT_LE(entries.size(), history.entries.size());
  for (std::size_t e = 0; e < entries.size(); ++e) {
    ASSERT_TRUE(is_same(entries[e], history.entries[e]))
        << describe(entries[e], e) << " became " << describe(history.entries[e], e);
  }
}

// The first request that is owed and is not there; empty if all are.
std::string what_is_missing(const std::vector<SimEntry>& entries, const History& history,
                            const Match& match, const Snapshot& snapshot) {
  const bool has_ticks = !history.entries.empty() && history.entries.front().has_ticks;
  std::ptrdiff_t flushes = 0;
  for (const std::size_t r : owed(history, snapshot)) {
    const Match::Span span = match.spans[r];
    if (span.is_empty()) continue;  // a discard of less than a sector
    if (history.requests[r].kind == Kind::kFlush) ++flushes;
    // Without ticks flushes in flight together cannot be told apart, but counted.
    if (history.requests[r].kind == Kind::kFlush && !has_ticks) continue;
    if (span.last >= entries.size()) return describe(history.requests[r]) + " is lost";
    if (history.requests[r].kind == Kind::kFlush && !entries[span.last].is(log::kFlagFlush))
      return describe(history.requests[r]) + " does not stand as one";
  }
  const auto standing = std::count_if(entries.begin(), entries.end(), [](const SimEntry& entry) {
    return entry.is(log::kFlagFlush);
  });
  if (standing < flushes) return fmt::format("of {} flushes stand {}", flushes, standing);
  return {};
}

void check_snapshot(const History& history, const Match& match, const Snapshot& snapshot,
                    bool has_extensions) {
  SCOPED_TRACE(
      fmt::format("{} at {}", snapshot.is_power_cut ? "power cut" : "kill", snapshot.order));
  const auto file = std::make_shared<MemoryFile>("left", snapshot.log);
  const auto reader = log::Reader::open(*file);
  ASSERT_TRUE(reader) << reader.error().message;
  auto entries = load_entries(*file);
  ASSERT_TRUE(entries) << entries.error().message;
  const std::size_t counted = reader->super_block().nr_entries;
  ASSERT_LE(counted, entries->size()) << "counted, and not there";
  auto counted_entries = *entries;
  counted_entries.resize(counted);
  expect_prefix(counted_entries, history);
  ASSERT_EQ(
      what_is_missing(snapshot.is_power_cut ? counted_entries : *entries, history, match, snapshot),
      "");
  // Behind the count, what a power cut left can be told from rubbish only by hashes.
  if (snapshot.is_power_cut && !has_extensions) return;
  expect_prefix(*entries, history);

  const auto repaired = log::repair(*file);
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_EQ(repaired->nr_entries, entries->size());
  const auto verified = log::verify(*file, {});
  ASSERT_TRUE(verified);
  EXPECT_TRUE(verified->is_whole()) << verified->findings.front().message;

  const auto again = std::make_shared<MemoryFile>("left", snapshot.log);
  auto writer = log::Writer::append_to(std::make_unique<test::SharedFile>(again), {});
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE((*writer)->append({.operation = log::Operation::kZeroes, .nr_sectors = 1}));
  ASSERT_TRUE((*writer)->close());
  EXPECT_EQ(load_entries(*again)->size(), entries->size() + 1);
  EXPECT_TRUE(log::verify(*again, {})->is_whole());
}

TEST(PowerCut, NothingThatWasPromisedIsLost) {
  std::uint64_t snapshots = 0;
  Cases cases;
  while (!cases.is_over() && !HasFailure()) {
    const std::uint64_t seed = cases.next();
    Prng prng(seed);
    const auto file = std::make_shared<VolatileFile>();
    const auto photographer = std::make_shared<Photographer>(file, seed);
    StressOptions options;
    options.seed = seed;
    options.extensions = !prng.one_in(4);
    options.threads = prng.between(1, 5);
    options.requests_per_thread = 60;
    options.super_update_interval = prng.between(1, 50);
    options.log_file = file;
    options.on_answer = [photographer](const SimRequest& request, std::uint64_t order) {
      (*photographer)(request, order);
    };
    const History history = run_stress(options);
    SCOPED_TRACE(fmt::format("to repeat the requests: POWERCUT_SEED={}, extensions {}", seed,
                             options.extensions));
    const Match matched = match(history);
    ASSERT_THAT(matched.violations, testing::IsEmpty());
    for (const Snapshot& snapshot : photographer->take()) {
      check_snapshot(history, matched, snapshot, options.extensions);
      ++snapshots;
      if (HasFailure()) break;
    }
  }
  fmt::print("{} runs, {} snapshots\n", cases.count(), snapshots);
}

// The canaries.
TEST(PowerCut, WhatIsMissingIsFound) {
  StressOptions options;
  options.seed = 3;
  const History history = run_stress(options);
  const Match matched = match(history);
  Snapshot snapshot;
  for (const SimRequest& request : history.requests)
    snapshot.order = std::max(snapshot.order, request.complete.order);
  for (const bool is_power_cut : {false, true}) {
    snapshot.is_power_cut = is_power_cut;
    const auto requests = owed(history, snapshot);
    ASSERT_GT(requests.size(), 50u);
    EXPECT_EQ(what_is_missing(history.entries, history, matched, snapshot), "");
    std::size_t last = 0;
    for (const std::size_t r : requests) last = std::max(last, matched.spans[r].last);
    auto entries = history.entries;
    entries.resize(last);
    EXPECT_NE(what_is_missing(entries, history, matched, snapshot), "");
    entries = history.entries;
    for (SimEntry& entry : entries) entry.flags &= ~std::uint64_t{log::kFlagFlush};
    EXPECT_NE(what_is_missing(entries, history, matched, snapshot), "");
  }
}

// A recorder that acknowledges a flush before its log is durable is found by the next power cut.
TEST(PowerCut, ALogThatIsNeverSyncedIsFound) {
  const auto file = std::make_shared<VolatileFile>();
  class NeverSynced final : public test::SharedFile {
   public:
    using SharedFile::SharedFile;
    [[nodiscard]] Status sync() override { return ++syncs_ <= 1 ? SharedFile::sync() : Status{}; }

   private:
    std::atomic<int> syncs_ = 0;  // create()'s own is let through, so that there is a log
  };
  StressOptions options;
  options.seed = 5;
  options.log_file = std::make_shared<NeverSynced>(file);
  const History history = run_stress(options);
  const Match matched = match(history);
  Snapshot snapshot;
  snapshot.is_power_cut = true;
  for (const SimRequest& request : history.requests)
    snapshot.order = std::max(snapshot.order, request.complete.order);
  Prng prng(1);
  int found = 0;
  for (int i = 0; i < 20; ++i) {
    const MemoryFile left("left", file->after_power_cut(prng));
    const auto entries = load_entries(left);
    found += !entries || !what_is_missing(*entries, history, matched, snapshot).empty() ? 1 : 0;
  }
  EXPECT_GT(found, 10);
}

}  // namespace
}  // namespace powercut::sim
