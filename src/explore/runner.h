// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/checker.h"
#include "check/disk_folder.h"
#include "explore/mark_table.h"
#include "explore/state_devices.h"
#include "state/crash_state.h"

namespace powercut::explore {

// What a checker made of one state.
struct Run {
  check::Verdict verdict;
  double seconds = 0;
  // The blocks of the state (check::kObservedBlockBytes) that it read, in the order in which it read
  // each first; perhaps more than it wanted (check::DiskUse).
  std::vector<std::uint64_t> observed;
};

// Runs a checker on crash states. Thread-safe.
class Runner {
 public:
  virtual ~Runner() = default;
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Nothing if it was interrupted. Errors are about log, environment or checker, not about the
  // state.
  [[nodiscard]] virtual Result<std::optional<Run>> run(const state::CrashState& state) = 0;
  // The same on a device of the caller's, which the checker may write: what the runner does not see of it
  // is left out of the run. It is told the marks of `state`.
  [[nodiscard]] virtual Result<std::optional<Run>> run_on(std::shared_ptr<BlockDevice> device,
                                                          const std::string& id,
                                                          const state::CrashState& state) = 0;
  // Cleans up; no run is under way, and none follows.
  [[nodiscard]] virtual Status close() = 0;
};

struct RunnerOptions {
  unsigned jobs = 1;  // checks that go on at once; more callers wait
  check::Limits limits;
  // Places of marks are their entries. Null: nobody wants files compared.
  std::shared_ptr<const check::AcknowledgementHistory> acknowledgements;
  const check::Interrupt* interrupt = nullptr;
  check::DiskUse use;  // reads: for Run::observed; flushes: of devices that run_on() is given
};

// Each state is a file for its checker, over which a copy-on-write layer takes what that writes. The
// checker has been prepared. All references outlive the runner.
[[nodiscard]] Result<std::unique_ptr<Runner>> make_disk_runner(const state::Timeline& timeline,
                                                               StateDevices& devices,
                                                               const MarkTable& marks,
                                                               check::Checker& checker,
                                                               const RunnerOptions& options);

}  // namespace powercut::explore
