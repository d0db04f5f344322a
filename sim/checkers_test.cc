// SPDX-License-Identifier: Apache-2.0
// The canaries: each checker finds what is planted, in histories and in recorders.
#include "sim/checkers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/seed.h"
#include "sim/stress.h"

namespace powercut::sim {
namespace {

using testing::IsEmpty;
using testing::Not;

// By hand: one client after another, each request done before the next; the checkers must find what
// is planted into the history of a recorder that did all right.
class Canary : public testing::Test {
 protected:
  void SetUp() override {
    StressOptions options;
    options.seed = 7;
    options.threads = 3;
    history_ = run_stress(options);
    match_ = match(history_);
    ASSERT_THAT(check(history_), IsEmpty());
  }

  // The first entry from `from` on for which `condition` holds.
  template <typename Condition>
  [[nodiscard]] std::size_t find_entry(std::size_t from, Condition condition) const {
    for (std::size_t e = from; e < history_.entries.size(); ++e)
      if (condition(history_.entries[e])) return e;
    ADD_FAILURE() << "the history has no such entry";
    return 0;
  }
  [[nodiscard]] const SimRequest& request_of(std::size_t entry) const {
    return history_.requests[match_.request_of[entry]];
  }

  History history_;
  Match match_;
};

bool is_data(const SimEntry& entry) {
  return !entry.is(log::kFlagFlush) && !entry.is(log::kFlagMark);
}

TEST_F(Canary, EntriesThatChangePlaces) {
  int planted = 0;
  for (std::size_t e = 0; e + 1 < history_.entries.size(); ++e) {
    const std::size_t a = match_.request_of[e];
    const std::size_t b = match_.request_of[e + 1];
    if (a == b || history_.requests[a].complete.order > history_.requests[b].submit.order) continue;
    History wrong = history_;
    std::swap(wrong.entries[e], wrong.entries[e + 1]);
    ++planted;
    Violations found = check_order(wrong, match(wrong));
    const Violations unmatched = match(wrong).violations;
    found.insert(found.end(), unmatched.begin(), unmatched.end());
    EXPECT_THAT(found, Not(IsEmpty())) << "entries " << e << " and " << e + 1;
  }
  EXPECT_GT(planted, 10);
}

TEST_F(Canary, FlushesThatMove) {
  int planted = 0;
  for (std::size_t e = 0; e + 1 < history_.entries.size(); ++e) {
    // Over a write that it would claim as durable although it was in flight, with the ticks that a
    // recorder of that sort would give.
    if (!history_.entries[e].is(log::kFlagFlush) || !is_data(history_.entries[e + 1])) continue;
    const auto flush = request_of(e).device_call({}).begin.order;
    const auto write = request_of(e + 1).device_call(history_.entries[e + 1].range).end.order;
    if (write < flush) continue;
    History wrong = history_;
    std::swap(wrong.entries[e], wrong.entries[e + 1]);
    EXPECT_THAT(match(wrong).violations, Not(IsEmpty()));
    EXPECT_THAT(check_ticks(wrong, match_), Not(IsEmpty()));
    for (SimEntry& entry : wrong.entries) entry.has_ticks = false;
    Match as_before = match_;
    std::swap(as_before.request_of[e], as_before.request_of[e + 1]);
    EXPECT_THAT(check_flushes(wrong, as_before), Not(IsEmpty()));
    ++planted;
  }
  EXPECT_GT(planted, 2);
}

TEST_F(Canary, FlagsThatAreWrong) {
  const auto fua = find_entry(0, [](const SimEntry& entry) { return entry.is(log::kFlagFua); });
  History wrong = history_;
  wrong.entries[fua].flags &= ~std::uint64_t{log::kFlagFua};
  EXPECT_THAT(check_fua(wrong, match(wrong)), Not(IsEmpty()));
  const auto plain = find_entry(
      0, [](const SimEntry& entry) { return is_data(entry) && !entry.is(log::kFlagFua); });
  wrong = history_;
  wrong.entries[plain].flags |= log::kFlagFua;
  EXPECT_THAT(check_fua(wrong, match(wrong)), Not(IsEmpty()));
}

TEST_F(Canary, EntriesThatAreMissing) {
  for (std::size_t e = 0; e < history_.entries.size(); e += 7) {
    History wrong = history_;
    wrong.entries.erase(wrong.entries.begin() + static_cast<std::ptrdiff_t>(e));
    EXPECT_THAT(match(wrong).violations, Not(IsEmpty())) << describe(history_.entries[e], e);
    EXPECT_THAT(check_count(wrong), Not(IsEmpty()));
  }
}

TEST_F(Canary, WhatWasNeverAnsweredMayBeThereOrNot) {
  for (std::size_t e = 0; e < history_.entries.size(); e += 5) {
    const std::size_t r = match_.request_of[e];
    if (match_.spans[r].first != match_.spans[r].last) continue;
    History unknown = history_;
    unknown.requests[r].ok = false;
    unknown.requests[r].is_unknown = true;
    EXPECT_THAT(match(unknown).violations, IsEmpty()) << describe(history_.entries[e], e);
    unknown.entries.erase(unknown.entries.begin() + static_cast<std::ptrdiff_t>(e));
    EXPECT_THAT(match(unknown).violations, IsEmpty()) << describe(history_.entries[e], e);
  }
}

TEST_F(Canary, EntriesThatNobodyAskedFor) {
  History wrong = history_;
  wrong.entries.push_back(wrong.entries.back());
  EXPECT_THAT(match(wrong).violations, Not(IsEmpty()));
  // The request that failed is one.
  wrong = history_;
  for (SimRequest& request : wrong.requests) {
    if (request.kind != Kind::kWrite) continue;
    request.ok = false;
    break;
  }
  EXPECT_THAT(match(wrong).violations, Not(IsEmpty()));
}

TEST_F(Canary, PayloadsThatAreWrong) {
  const auto last = history_.entries.size() - 1;
  for (std::size_t e = last; e > 0; --e) {
    if (history_.entries[e].payload.empty()) continue;
    History wrong = history_;
    wrong.entries[e].payload[3] ^= std::byte{1};
    EXPECT_THAT(check_content(wrong), Not(IsEmpty()));
    break;
  }
  History wrong = history_;
  wrong.final[wrong.final.size() / 2] ^= std::byte{1};
  EXPECT_THAT(check_content(wrong), Not(IsEmpty()));
}

TEST_F(Canary, ReadsThatAreWrong) {
  int tried = 0;
  for (std::size_t r = 0; r < history_.requests.size(); ++r) {
    // Of a short read each byte may by chance be what a write in flight was about to leave there.
    if (history_.requests[r].kind != Kind::kRead || history_.requests[r].data.size() < 64) continue;
    History wrong = history_;
    for (std::byte& byte : wrong.requests[r].data) byte ^= std::byte{1};
    EXPECT_THAT(check_reads(wrong, match_), Not(IsEmpty()));
    ++tried;
  }
  EXPECT_GT(tried, 0);
}

TEST_F(Canary, ReadsThatComeTooLate) {
  // A read that returns what had been overwritten before it was submitted.
  History history;
  const auto write = [&](char c, std::uint64_t from) {
    SimRequest request;
    request.kind = Kind::kWrite;
    request.range = {0, 512};
    request.data.assign(512, static_cast<std::byte>(c));
    request.submit.order = from;
    request.device_calls = {{request.range, {from + 1, 0}, {from + 2, 0}}};
    request.complete.order = from + 3;
    request.ok = true;
    history.requests.push_back(request);
    SimEntry& entry = history.entries.emplace_back();
    entry.range = request.range;
    entry.payload = request.data;
  };
  write('A', 1);
  write('B', 11);
  history.initial.resize(512);
  history.final.assign(512, std::byte{'B'});
  history.counted_entries = 2;
  SimRequest read;
  read.kind = Kind::kRead;
  read.range = {0, 512};
  read.ok = true;
  const auto violations = [&](char got, std::uint64_t submit, std::uint64_t complete) {
    read.data.assign(512, static_cast<std::byte>(got));
    read.submit.order = submit;
    read.complete.order = complete;
    History with_read = history;
    with_read.requests.push_back(read);
    return check_reads(with_read, match(with_read));
  };
  EXPECT_THAT(violations('B', 20, 21), IsEmpty());
  EXPECT_THAT(violations('A', 20, 21), Not(IsEmpty()));
  EXPECT_THAT(violations('A', 12, 21), IsEmpty());
  EXPECT_THAT(violations('B', 12, 21), IsEmpty());
  EXPECT_THAT(violations('\0', 12, 21), Not(IsEmpty()));
  EXPECT_THAT(violations('B', 5, 6), Not(IsEmpty()));
  EXPECT_THAT(violations('\0', 2, 6), IsEmpty());
}

TEST_F(Canary, TicksThatAreWrong) {
  History wrong = history_;
  wrong.entries[5].complete_tick = wrong.entries[4].complete_tick;
  EXPECT_THAT(check_ticks(wrong, match_), Not(IsEmpty()));
  wrong = history_;
  std::swap(wrong.entries[5].submit_tick, wrong.entries[5].complete_tick);
  EXPECT_THAT(check_ticks(wrong, match_), Not(IsEmpty()));
  wrong = history_;
  for (SimRequest& request : wrong.requests) request.submit.tick = 17;
  EXPECT_THAT(check_ticks(wrong, match_), Not(IsEmpty()));
}

// Recorders.

Violations run_flawed(Flaw flaw, bool extensions, std::uint64_t case_seed) {
  StressOptions options;
  options.seed = case_seed;
  options.extensions = extensions;
  options.whole_sectors_only = true;
  options.requests_per_thread = 80;
  options.make_subject = make_flawed(flaw);
  options.one_in_fails = flaw == Flaw::kRecordsFailures ? 20 : 0;
  return check(run_stress(options));
}

TEST(FlawedRecorder, TheSimplestOneIsRight) {
  for (const bool extensions : {false, true}) {
    EXPECT_THAT(run_flawed(Flaw::kNone, extensions, seed()), IsEmpty());
  }
}

TEST(FlawedRecorder, EachFlawIsFound) {
  for (const Flaw flaw :
       {Flaw::kFlushAtCompletion, Flaw::kForgetsFua, Flaw::kNoRangeLock, Flaw::kAnswersTooEarly,
        Flaw::kLogsBeforeDevice, Flaw::kRecordsFailures, Flaw::kDropsAnEntry}) {
    for (const bool extensions : {false, true}) {
      // How the threads run decides whether a flaw shows: nearly always within the first run.
      std::uint64_t runs = 0;
      while (runs < 30 && run_flawed(flaw, extensions, seed() + runs).empty()) ++runs;
      EXPECT_LT(runs, 30u) << "flaw " << static_cast<int>(flaw) << " extensions " << extensions;
    }
  }
}

}  // namespace
}  // namespace powercut::sim
