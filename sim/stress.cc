// SPDX-License-Identifier: Apache-2.0
#include "sim/stress.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "base/check.h"
#include "base/prng.h"
#include "block/faulty_device.h"
#include "block/memory_device.h"
#include "log/reader.h"
#include "sim/client.h"
#include "support/shared_file.h"

namespace powercut::sim {
namespace {

// What the current thread is doing, for the device's hooks.
thread_local SimRequest* current_request = nullptr;
thread_local Prng* current_delays = nullptr;

void delay() {
  Prng& prng = *current_delays;
  switch (prng.below(10)) {
    case 0:
      std::this_thread::sleep_for(std::chrono::microseconds(prng.below(300)));
      break;
    case 1:
    case 2:
    case 3:
      for (std::uint64_t n = prng.below(8); n > 0; --n) std::this_thread::yield();
      break;
    default:
      break;
  }
}

// Makes the requests. No two of zeroes, nor two discards, cover the same sectors: they have no
// payload by which an entry could be told from another.
class Planner {
 public:
  explicit Planner(const StressOptions& options) : options_(options), prng_(options.seed) {}

  std::vector<SimRequest> requests_of_a_thread() {
    std::vector<SimRequest> requests(options_.requests_per_thread);
    for (SimRequest& request : requests) plan(request);
    return requests;
  }

 private:
  void plan(SimRequest& request) {
    const std::uint64_t dice = prng_.below(100);
    if (dice < 45) {
      request.kind = Kind::kWrite;
      // At least so many bytes that random ones are unique.
      request.range = range(8);
      request.data.resize(request.range.size());
      prng_.fill(request.data);
    } else if (dice < 67) {
      request.kind = Kind::kRead;
      request.range = range(1);
    } else if (dice < 85) {
      request.kind = dice < 77 ? Kind::kZeroes : Kind::kDiscard;
      request.unmap = prng_.one_in(2);
      do {
        request.range = range(1);
      } while (!is_unique(request));
    } else if (dice < 97) {
      request.kind = Kind::kFlush;
    } else {
      request.kind = Kind::kMark;
      request.mark = fmt::format("mark {}", ++marks_);
    }
    const bool may_have_fua =
        request.kind != Kind::kRead && request.kind != Kind::kFlush && request.kind != Kind::kMark;
    request.fua = may_have_fua && prng_.one_in(6);
  }

  bool is_unique(const SimRequest& request) {
    const ByteCount sector = options_.sector_size;
    const ByteRange range = request.range;
    ByteRange recorded = {align_down(range.begin, sector), align_up(range.end, sector)};
    if (request.kind == Kind::kDiscard) {
      recorded = {align_up(range.begin, sector), align_down(range.end, sector)};
      if (recorded.begin >= recorded.end) return true;
    } else if (!options_.extensions && recorded != range) {
      return false;  // without ticks the parts of one cannot be told from another's
    }
    return used_.emplace(request.kind, recorded.begin, recorded.end).second;
  }

  ByteRange range(ByteCount min_size) {
    const ByteCount sector = options_.sector_size;
    const ByteCount device = options_.device_size_bytes;
    // Often in the same place, so that requests overlap.
    const ByteCount room = prng_.one_in(2) ? std::min(device, 24 * sector) : device;
    const bool is_aligned = options_.whole_sectors_only || !prng_.one_in(3);
    const ByteCount unit = is_aligned ? sector : 1;
    const ByteCount max_size = std::min(room, (prng_.one_in(4) ? 20 : 4) * sector);
    const ByteCount size = std::max(
        align_up(min_size, unit), unit * prng_.between(1, std::max<ByteCount>(max_size / unit, 1)));
    const ByteOffset begin = unit * prng_.below((room - size) / unit + 1);
    return {begin, begin + size};
  }

  const StressOptions& options_;
  Prng prng_;
  std::uint64_t marks_ = 0;
  std::set<std::tuple<Kind, ByteOffset, ByteOffset>> used_;
};

// The device below the recorder: notes when it is called, and takes its time.
std::shared_ptr<BlockDevice> make_probe(std::shared_ptr<BlockDevice> device, Clocks& clocks,
                                        const StressOptions& options) {
  const auto is_noted = [](Request::Kind kind) {
    return kind != Request::Kind::kRead && current_request != nullptr;
  };
  const auto before = [&clocks, &options, is_noted](Request::Kind kind, ByteRange range,
                                                    std::uint64_t) -> Status {
    if (is_noted(kind)) current_request->device_calls.push_back({range, clocks.begin(), {}});
    delay();
    if (options.one_in_fails > 0 && kind != Request::Kind::kRead &&
        current_delays->one_in(options.one_in_fails)) {
      return os_error("injected fault", EIO);
    }
    return {};
  };
  const auto after = [&clocks, is_noted](Request::Kind kind, ByteRange, std::uint64_t) -> Status {
    delay();
    if (is_noted(kind)) current_request->device_calls.back().end = clocks.end();
    return {};
  };
  return std::make_shared<FaultyDevice>(std::move(device), before, after);
}

void run_client(Subject& subject, std::vector<SimRequest>& requests, Clocks& clocks,
                const StressOptions& options, std::uint64_t seed) {
  Prng delays(seed);
  current_delays = &delays;
  for (SimRequest& request : requests) {
    current_request = &request;
    request.submit = clocks.begin();
    request.ok = carry_out(subject, request).has_value();
    request.complete = clocks.end();
    if (options.on_answer) options.on_answer(request, request.complete.order);
  }
  current_request = nullptr;
}

}  // namespace

History run_stress(const StressOptions& options) {
  const auto memory =
      std::make_shared<MemoryDevice>(options.device_size_bytes, options.file_alignment);
  log::WriterOptions writer_options;
  writer_options.sector_size = options.sector_size;
  writer_options.extensions = options.extensions;
  writer_options.super_update_interval = options.super_update_interval;
  writer_options.device_size_bytes = options.device_size_bytes;
  auto writer =
      log::Writer::create(std::make_unique<test::SharedFile>(options.log_file), writer_options);
  POWERCUT_CHECK(writer);
  Clocks clocks(**writer);

  History history;
  history.sector_size = options.sector_size;
  history.initial = memory->content();
  const auto subject =
      options.make_subject(make_probe(memory, clocks, options), *std::move(writer));
  Planner planner(options);
  std::vector<std::vector<SimRequest>> plans;
  for (std::size_t i = 0; i < options.threads; ++i) plans.push_back(planner.requests_of_a_thread());
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < options.threads; ++i) {
    clients.emplace_back(
        [&, i] { run_client(*subject, plans[i], clocks, options, options.seed * 1000 + i); });
  }
  for (std::thread& client : clients) client.join();
  POWERCUT_CHECK(subject->close());

  for (auto& plan : plans)
    std::move(plan.begin(), plan.end(), std::back_inserter(history.requests));
  history.final = memory->content();
  auto entries = load_entries(*options.log_file);
  POWERCUT_CHECK(entries);
  history.entries = *std::move(entries);
  history.counted_entries = log::Reader::open(*options.log_file)->super_block().nr_entries;
  return history;
}

}  // namespace powercut::sim
