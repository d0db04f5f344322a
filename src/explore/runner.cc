// SPDX-License-Identifier: Apache-2.0
#include "explore/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/mutex.h"
#include "base/processor.h"
#include "block/overlay_device.h"
#include "check/disk_copy.h"
#include "check/observed_device.h"
#include "explore/keep.h"
#include "explore/marks_file.h"

namespace powercut::explore {
namespace {

// A file's name has at most 255 bytes, and it is part of paths that checkers print.
constexpr std::size_t kLongestNameBytes = 100;

// What one check at a time has for its own.
struct Slot {
  // The check runs there, and so do the threads that serve its disk, for which it waits at every turn. Nothing:
  // wherever there is room.
  std::optional<unsigned> processor;
  std::unique_ptr<check::DiskFolder> disks;
  std::unique_ptr<check::DiskCopy> copy;
  MarksFile marks;
};

Result<Slot> make_slot(std::optional<unsigned> processor, check::DiskUse use) {
  const OnProcessor on(processor);
  auto disks = POWERCUT_TRY(check::DiskFolder::make(use));
  MarksFile marks = POWERCUT_TRY(MarksFile::make(disks->check_directory() + "/marks.jsonl"));
  return Slot{processor, std::move(disks), std::make_unique<check::DiskCopy>(), std::move(marks)};
}

// A file in the folder exists as long as this does.
class Published {
 public:
  Published(check::DiskFolder& disks, std::string name) : disks_(disks), name_(std::move(name)) {}
  ~Published() { disks_.withdraw(name_); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

 private:
  check::DiskFolder& disks_;
  const std::string name_;
};

class DiskRunner final : public Runner {
 public:
  DiskRunner(const state::Timeline& timeline, StateDevices& devices, const MarkTable& marks,
             check::Checker& checker, const RunnerOptions& options, std::vector<Slot> slots)
      : sector_size_(timeline.index().sector_size()),
        devices_(devices),
        marks_(marks),
        checker_(checker),
        limits_(options.limits),
        acknowledgements_(options.acknowledgements),
        interrupt_(*options.interrupt),
        observes_(options.use.reads),
        slots_(std::move(slots)) {
    for (Slot& slot : slots_) free_.push_back(&slot);
  }

  Result<std::optional<Run>> run(const state::CrashState& state) override {
    const auto fresh = [&] { return OverlayDevice::make_lazily(devices_.view(state)); };
    const std::string id = to_string(id_of(state, sector_size_));
    std::optional<Run> run;
    if (!observes_) {
      if (checker_.has_shortcut()) run = POWERCUT_TRY(run_on(fresh(), Way::kShortcut, id, state));
      if (!run) run = POWERCUT_TRY(run_on(fresh(), Way::kCheck, id, state));
      return run;
    }
    const auto device = std::make_shared<check::ObservedDevice>(fresh());
    if (checker_.has_shortcut()) {
      run = POWERCUT_TRY(run_on(device, Way::kShortcut, id, state));
      if (!run) device->renew(fresh());
    }
    if (!run) run = POWERCUT_TRY(run_on(device, Way::kCheck, id, state));
    if (run) run->observed = device->observed();
    return run;
  }

  Result<std::optional<Run>> run_on(std::shared_ptr<BlockDevice> device, const std::string& id,
                                    const state::CrashState& state) override {
    return run_on(std::move(device), Way::kCheck, id, state);
  }

  Status close() override {
    Status status;
    for (Slot& slot : slots_) {
      if (Status closed = slot.disks->close(); !closed) status = std::move(closed);
    }
    return status;
  }

 private:
  // To a verdict.
  enum class Way { kShortcut, kCheck };

  [[nodiscard]] Result<std::optional<Run>> run_on(std::shared_ptr<BlockDevice> device, Way way,
                                                  const std::string& id,
                                                  const state::CrashState& state) {
    Slot& slot = take();
    auto result = [&] {
      const OnProcessor on(slot.processor);
      return run_in(slot, std::move(device), way, id, state);
    }();
    give_back(slot);
    return result;
  }

  [[nodiscard]] Slot& take() {
    MutexLock lock(mutex_);
    while (free_.empty()) given_back_.wait(lock);
    Slot& slot = *free_.back();
    free_.pop_back();
    return slot;
  }
  void give_back(Slot& slot) {
    const MutexLock lock(mutex_);
    free_.push_back(&slot);
    given_back_.notify_one();
  }

  [[nodiscard]] check::Offer offer_of(const Slot& slot, const state::CrashState& state,
                                      const std::string& id, std::string disk_path) const {
    check::Offer offer;
    offer.disk_path = std::move(disk_path);
    offer.sector_size = sector_size_;
    offer.directory = slot.disks->check_directory();
    offer.environment = {
        {"POWERCUT_STATE", id},
        {"POWERCUT_ENTRY", std::to_string(state.group->entries_in_front)},
        {"POWERCUT_MARK", marks_.last(marks_.sure(state)).value_or("")},
        {"POWERCUT_MARKS", slot.marks.path()},
    };
    offer.acknowledgements = acknowledgements_;
    if (acknowledgements_ != nullptr) {
      const MarkTable::Places places = marks_.places(state);
      offer.marks_in_front = places.in_front;
      offer.marks_reached = places.reached;
    }
    return offer;
  }

  [[nodiscard]] Result<std::optional<Run>> run_in(Slot& slot, std::shared_ptr<BlockDevice> device,
                                                  Way way, const std::string& id,
                                                  const state::CrashState& state) {
    POWERCUT_TRY_STATUS(slot.marks.update(marks_.lines(marks_.sure(state))));
    std::string path;
    std::optional<Published> published;
    // A shortcut only passes, so that nobody is told a path that means nothing to people.
    if (way == Way::kShortcut && !observes_ && POWERCUT_TRY(slot.copy->load(*device))) {
      path = slot.copy->path();
    } else {
      const std::string name = file_name_of(id).substr(0, kLongestNameBytes) + ".img";
      path = POWERCUT_TRY(slot.disks->publish(name, std::move(device)));
      published.emplace(*slot.disks, name);
    }
    const auto start = std::chrono::steady_clock::now();
    const check::Offer offer = offer_of(slot, state, id, std::move(path));
    auto verdict =
        POWERCUT_TRY(way == Way::kShortcut ? checker_.take_shortcut(offer, limits_, interrupt_)
                                           : checker_.check(offer, limits_, interrupt_));
    if (!verdict) return std::optional<Run>();
    Run run;
    run.verdict = *std::move(verdict);
    run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return run;
  }

  const std::uint32_t sector_size_;
  StateDevices& devices_;
  const MarkTable& marks_;
  check::Checker& checker_;
  const check::Limits limits_;
  const std::shared_ptr<const check::AcknowledgementHistory> acknowledgements_;
  const check::Interrupt& interrupt_;
  const bool observes_;
  std::vector<Slot> slots_;  // each belongs to whoever has taken it

  Mutex mutex_;
  CondVar given_back_;
  std::vector<Slot*> free_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<Runner>> make_disk_runner(const state::Timeline& timeline,
                                                 StateDevices& devices, const MarkTable& marks,
                                                 check::Checker& checker,
                                                 const RunnerOptions& options) {
  const unsigned nr_slots = std::max(1U, std::min(options.jobs, checker.max_jobs()));
  // Where there are more processors than checks, a check may want more than one.
  auto processors = usable_processors();
  if (processors.size() > nr_slots) processors.clear();
  std::vector<Slot> slots;
  for (unsigned i = 0; i < nr_slots; ++i) {
    std::optional<unsigned> processor;
    if (!processors.empty()) processor = processors[i % processors.size()];
    slots.push_back(POWERCUT_TRY(make_slot(processor, options.use)));
  }
  return std::make_unique<DiskRunner>(timeline, devices, marks, checker, options, std::move(slots));
}

}  // namespace powercut::explore
