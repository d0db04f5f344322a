// SPDX-License-Identifier: Apache-2.0
// G1 to G4 for two and three requests in every order in which their submissions, and what the device
// below does, can fall.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "base/check.h"
#include "base/mutex.h"
#include "block/faulty_device.h"
#include "block/memory_device.h"
#include "io/memory_file.h"
#include "log/reader.h"
#include "sim/checkers.h"
#include "sim/client.h"
#include "support/rounds.h"
#include "support/shared_file.h"

namespace powercut::sim {
namespace {

constexpr ByteCount kDeviceSize = 4096;
constexpr std::size_t kStepsPerRequest = 3;  // submit; let it reach the device; let the device end

// Leads the requests, each in its own thread, from gate to gate. Of more than two that overlap it
// could not tell which of those that wait comes next.
class Director {
 public:
  explicit Director(const std::vector<SimRequest>& requests) : actors_(requests.size()) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const ByteRange range = requests[i].range;
      // As the range lock sees it.
      if (requests[i].kind != Kind::kRead && range.size() > 0)
        actors_[i].claim = {align_down(range.begin, 512), align_up(range.end, 512)};
    }
  }

  // An actor's thread: waits for the next step that is given to it.
  void gate(std::size_t actor) {
    MutexLock lock(mutex_);
    Actor& self = actors_[actor];
    self.is_waiting = true;
    changed_.notify_all();
    while (self.steps == 0) changed_.wait(lock);
    --self.steps;
    self.is_waiting = false;
    if (self.started == 0) self.started = ++started_;
    changed_.notify_all();
  }
  void done(std::size_t actor) {
    const MutexLock lock(mutex_);
    actors_[actor].is_done = true;
    changed_.notify_all();
  }

  // Gives an actor a step, and waits until all have got as far as they can. False if one has not,
  // although nothing that it overlaps is in its way.
  bool step(std::size_t actor) {
    MutexLock lock(mutex_);
    ++actors_[actor].steps;
    changed_.notify_all();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!std::all_of(actors_.begin(), actors_.end(),
                        [&](const Actor& each)
                            POWERCUT_REQUIRES(mutex_) { return is_quiet(each); })) {
      (void)changed_.wait_for(lock, std::chrono::milliseconds(1000));
      if (std::chrono::steady_clock::now() > end) return false;
    }
    return true;
  }

  // Lets all run to their ends.
  void release() {
    const MutexLock lock(mutex_);
    for (Actor& actor : actors_) actor.steps += 100;
    changed_.notify_all();
  }

 private:
  struct Actor {
    std::optional<ByteRange> claim;
    std::size_t steps = 0;
    bool is_waiting = false;
    bool is_done = false;
    std::size_t started = 0;  // in this order; 0: not yet
  };

  bool is_quiet(const Actor& actor) const POWERCUT_REQUIRES(mutex_) {
    return actor.is_done || (actor.is_waiting && actor.steps == 0) || is_blocked(actor);
  }
  // By one that overlaps it and came first.
  bool is_blocked(const Actor& actor) const POWERCUT_REQUIRES(mutex_) {
    return actor.claim && actor.started != 0 &&
           std::any_of(actors_.begin(), actors_.end(), [&](const Actor& other) {
             return other.claim && other.started != 0 && other.started < actor.started &&
                    !other.is_done && other.claim->begin < actor.claim->end &&
                    actor.claim->begin < other.claim->end;
           });
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<Actor> actors_ POWERCUT_GUARDED_BY(mutex_);
  std::size_t started_ POWERCUT_GUARDED_BY(mutex_) = 0;
};

thread_local SimRequest* current_request = nullptr;
thread_local std::size_t current_actor = 0;

std::shared_ptr<BlockDevice> make_gated(std::shared_ptr<BlockDevice> device, Director& director,
                                        Clocks& clocks) {
  const auto is_gated = [](Request::Kind kind) {
    return kind != Request::Kind::kRead || current_request->kind == Kind::kRead;
  };
  return std::make_shared<FaultyDevice>(
      std::move(device),
      [&clocks, &director, is_gated](Request::Kind kind, ByteRange range, std::uint64_t) -> Status {
        if (!is_gated(kind)) return {};
        current_request->device_calls.push_back({range, clocks.begin(), {}});
        director.gate(current_actor);
        return {};
      },
      [&clocks, &director, is_gated](Request::Kind kind, ByteRange, std::uint64_t) -> Status {
        if (!is_gated(kind)) return {};
        director.gate(current_actor);
        current_request->device_calls.back().end = clocks.end();
        return {};
      });
}

// Runs the requests, one step of the named actor after the other. Nothing if it got stuck.
std::optional<History> run(std::vector<SimRequest> requests,
                           const std::vector<std::size_t>& steps) {
  const auto memory = std::make_shared<MemoryDevice>(kDeviceSize);
  const auto log_file = std::make_shared<MemoryFile>();
  log::WriterOptions options;
  options.device_size_bytes = kDeviceSize;
  auto writer = *log::Writer::create(std::make_unique<test::SharedFile>(log_file), options);
  Clocks clocks(*writer);
  Director director(requests);
  const auto subject =
      make_recording_device(make_gated(memory, director, clocks), std::move(writer));

  History history;
  history.initial = memory->content();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    threads.emplace_back([&, i] {
      current_request = &requests[i];
      current_actor = i;
      director.gate(i);
      requests[i].submit = clocks.begin();
      requests[i].ok = carry_out(*subject, requests[i]).has_value();
      requests[i].complete = clocks.end();
      director.done(i);
    });
  }
  const bool went_on = std::all_of(steps.begin(), steps.end(),
                                   [&](std::size_t actor) { return director.step(actor); });
  director.release();
  for (std::thread& thread : threads) thread.join();
  POWERCUT_CHECK(subject->close());
  if (!went_on) return std::nullopt;
  history.requests = std::move(requests);
  history.final = memory->content();
  history.entries = *load_entries(*log_file);
  history.counted_entries = log::Reader::open(*log_file)->super_block().nr_entries;
  return history;
}

// 'A' and 'B' overlap, 'D' is unaligned and overlaps 'A', 'C' is FUA and by itself.
SimRequest request_named(char name) {
  SimRequest request;
  const auto write = [&](ByteOffset begin, ByteOffset end) {
    request.kind = Kind::kWrite;
    request.range = {begin, end};
    request.data.assign(end - begin, static_cast<std::byte>(name));
  };
  switch (name) {
    case 'A':
      write(0, 1024);
      break;
    case 'B':
      write(512, 1536);
      break;
    case 'C':
      write(2048, 2560);
      request.fua = true;
      break;
    case 'D':
      write(100, 300);
      break;
    case 'Z':
      request.kind = Kind::kZeroes;
      request.range = {512, 1024};
      break;
    case 'X':
      request.kind = Kind::kDiscard;
      request.range = {0, 512};
      break;
    case 'F':
      request.kind = Kind::kFlush;
      break;
    case 'M':
      request.kind = Kind::kMark;
      request.mark = "mark";
      break;
    default:
      request.kind = Kind::kRead;
      request.range = {0, 1536};
  }
  return request;
}

// All orders of the steps of these requests, or every so many-th.
void run_all(std::string_view names, std::uint64_t one_in) {
  std::vector<SimRequest> requests;
  std::vector<std::size_t> steps;
  for (std::size_t i = 0; i < names.size(); ++i) {
    requests.push_back(request_named(names[i]));
    steps.insert(steps.end(), kStepsPerRequest, i);
  }
  std::uint64_t nr = 0;
  do {
    if (nr++ % one_in != 0) continue;
    const auto history = run(requests, steps);
    const auto order = fmt::format("requests {} steps {}", names, fmt::join(steps, ""));
    ASSERT_TRUE(history) << order << ": stuck";
    ASSERT_THAT(check(*history), testing::IsEmpty()) << order;
  } while (std::next_permutation(steps.begin(), steps.end()));
}

TEST(Interleaving, TwoRequests) {
  constexpr std::string_view kAll = "ABCDZXFMR";
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    for (std::size_t j = i; j < kAll.size(); ++j) {
      // The same twice could not be told apart in the log.
      if (i == j && kAll[i] != 'F') continue;
      run_all({std::initializer_list<char>{kAll[i], kAll[j]}.begin(), 2}, 1);
      if (HasFatalFailure()) return;
    }
  }
}

class ThreeRequests : public testing::TestWithParam<const char*> {};

TEST_P(ThreeRequests, InEveryOrder) {
  run_all(GetParam(), test::kOneIn);
}

INSTANTIATE_TEST_SUITE_P(Interleaving, ThreeRequests,
                         testing::Values("ABF", "ACF", "AFF", "DBF", "ZAF", "XFM", "AFR"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace powercut::sim
