// SPDX-License-Identifier: Apache-2.0
#include "explore/nested.h"

#include <fmt/format.h>

#include "block/overlay_device.h"
#include "check/observed_device.h"
#include "io/memory_file.h"
#include "record/recording_device.h"
#include "state/state_list.h"

namespace powercut::explore {
namespace {

// A recorder over a device, with its log in memory.
struct Recording {
  std::shared_ptr<record::RecordingDevice> device;
  MemoryFile* log = nullptr;  // the device's
};

Result<Recording> record_over(std::shared_ptr<BlockDevice> device, std::uint32_t sector_size) {
  auto file = std::make_unique<MemoryFile>("the log of a recovery");
  Recording recording;
  recording.log = file.get();
  log::WriterOptions options;
  options.sector_size = sector_size;
  options.device_size_bytes = device->size_bytes();
  auto writer = POWERCUT_TRY(log::Writer::create(std::move(file), options));
  recording.device = POWERCUT_TRY(record::RecordingDevice::make(
      OverlayDevice::make_lazily(std::move(device)), std::move(writer), "the log of a recovery",
      record::OnLogError::kFail, [](const std::string&) {}));
  return recording;
}

// Nobody would look for a failure inside of the state's recovery.
void say_where(check::Verdict& verdict, const std::string& id) {
  const std::string line = fmt::format("The power was cut again during the recovery: {}\n", id);
  verdict.output = line + verdict.output;
  verdict.step_output = line + verdict.step_output;
  verdict.step += " after a cut during recovery";
}

class NestedRunner final : public Runner {
 public:
  NestedRunner(StateDevices& devices, std::unique_ptr<Runner> runner, std::uint32_t sector_size,
               NestedOptions options)
      : devices_(devices),
        runner_(std::move(runner)),
        sector_size_(sector_size),
        options_(std::move(options)) {}

  Result<std::optional<Run>> run(const state::CrashState& state) override {
    const auto device = std::make_shared<check::ObservedDevice>(devices_.view(state));
    auto run = run_inside({to_string(id_of(state, sector_size_)), device, state}, options_.depth);
    if (run && *run) (*run)->observed = device->observed();
    return run;
  }

  Result<std::optional<Run>> run_on(std::shared_ptr<BlockDevice> device, const std::string& id,
                                    const state::CrashState& state) override {
    return runner_->run_on(std::move(device), id, state);
  }

  Status close() override { return runner_->close(); }

 private:
  // A state, or one inside of its recovery, or ...
  struct Place {
    std::string id;
    std::shared_ptr<BlockDevice> device;
    const state::CrashState& outermost;  // whose marks are told
  };

  // Nothing if it was interrupted.
  [[nodiscard]] Result<std::optional<Run>> run_inside(const Place& place, unsigned depth) {
    const Recording recording = POWERCUT_TRY(record_over(place.device, sector_size_));
    auto run = POWERCUT_TRY(runner_->run_on(recording.device, place.id, place.outermost));
    const bool is_inside = depth < options_.depth;
    if (run && is_inside && !run->verdict.passed()) say_where(run->verdict, place.id);
    if (!run || !run->verdict.passed() || depth == 0) return run;
    POWERCUT_TRY_STATUS(recording.device->close());
    state::TimelineOptions options;
    options.sidecar_path = "";
    options.base = place.device;
    const auto writes = POWERCUT_TRY(state::Timeline::open(
        std::make_shared<MemoryFile>("recovery of " + place.id, recording.log->content()),
        std::move(options)));
    const bool is_empty = writes->index().least_device_size_bytes() == 0;
    if (is_empty) return run;
    return run_states_of(place, *writes, *std::move(run), depth);
  }

  // `run` is that of the recovery, which has passed.
  [[nodiscard]] Result<std::optional<Run>> run_states_of(const Place& place,
                                                         const state::Timeline& recovery, Run run,
                                                         unsigned depth) {
    state::StateListOptions options;
    options.model = state::Model::kExact;
    options.at.flushes = options.at.fua = true;
    options.to = recovery.index().nr_entries();
    options.strategies = options_.strategies;
    options.choices = options_.choices;
    options.max_states = options_.max_states;
    auto list = POWERCUT_TRY(state::StateList::make(recovery, options));
    while (const auto listed = POWERCUT_TRY(list.next())) {
      const std::string id = place.id + "~" + to_string(listed->id);
      auto inside = POWERCUT_TRY(run_inside({id, list.view(), place.outermost}, depth - 1));
      if (!inside) return std::optional<Run>();
      run.seconds += inside->seconds;
      if (inside->verdict.passed()) continue;
      run.verdict = std::move(inside->verdict);
      return run;
    }
    return run;
  }

  StateDevices& devices_;
  const std::unique_ptr<Runner> runner_;
  const std::uint32_t sector_size_;
  const NestedOptions options_;
};

}  // namespace

std::unique_ptr<Runner> make_nested_runner(StateDevices& devices, std::unique_ptr<Runner> runner,
                                           std::uint32_t sector_size, NestedOptions options) {
  return std::make_unique<NestedRunner>(devices, std::move(runner), sector_size,
                                        std::move(options));
}

}  // namespace powercut::explore
