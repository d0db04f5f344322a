// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/memory_file.h"
#include "sim/history.h"
#include "sim/subject.h"

namespace powercut::sim {

struct StressOptions {
  std::uint64_t seed = 0;
  std::size_t threads = 4;
  std::size_t requests_per_thread = 120;
  ByteCount device_size_bytes = 64 * kKiB;
  std::uint32_t sector_size = 512;
  std::uint32_t file_alignment = 1;
  bool extensions = true;
  bool whole_sectors_only = false;
  std::uint64_t super_update_interval = 64;
  // One in so many requests fails on the device; 0: none.
  std::uint64_t one_in_fails = 0;
  MakeSubject make_subject = make_recording_device;
  std::shared_ptr<File> log_file = std::make_shared<MemoryFile>("sim.log");
  // Called by a client's thread when its request has been answered, and with the number of that
  // moment.
  std::function<void(const SimRequest&, std::uint64_t order)> on_answer;
};

// Several clients at once send random requests, overlapping and of any alignment, to a recorder over
// a device in memory that delays them at random and so finishes them in another order. The plan of
// requests and delays follows from the seed; how the threads run does not.
[[nodiscard]] History run_stress(const StressOptions& options);

}  // namespace powercut::sim
