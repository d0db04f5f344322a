// SPDX-License-Identifier: Apache-2.0
#include "explore/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/mutex.h"
#include "block/overlay_device.h"
#include "check/disk_folder.h"
#include "check/observed_device.h"
#include "explore/keep.h"
#include "explore/marks_file.h"

namespace powercut::explore {
namespace {

// A file's name has at most 255 bytes, and it is part of paths that checkers print.
constexpr std::size_t kLongestNameBytes = 100;

// What one check at a time has for its own.
struct Slot {
  unsigned number = 0;
  std::string directory;
  MarksFile marks;
};

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
             check::Checker& checker, const RunnerOptions& options,
             std::unique_ptr<check::DiskFolder> disks, std::vector<Slot> slots)
      : sector_size_(timeline.index().sector_size()),
        devices_(devices),
        marks_(marks),
        checker_(checker),
        limits_(options.limits),
        acknowledgements_(options.acknowledgements),
        interrupt_(*options.interrupt),
        disks_(std::move(disks)),
        slots_(std::move(slots)) {
    for (Slot& slot : slots_) free_.push_back(&slot);
  }

  Result<std::optional<Run>> run(const state::CrashState& state) override {
    const auto device =
        std::make_shared<check::ObservedDevice>(OverlayDevice::make_lazily(devices_.view(state)));
    auto run = run_on(device, to_string(id_of(state, sector_size_)), state);
    if (run && *run) (*run)->observed = device->observed();
    return run;
  }

  Result<std::optional<Run>> run_on(std::shared_ptr<BlockDevice> device, const std::string& id,
                                    const state::CrashState& state) override {
    Slot& slot = take();
    auto result = run_in(slot, std::move(device), id, state);
    give_back(slot);
    return result;
  }

  Status close() override { return disks_->close(); }

 private:
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
    offer.directory = slot.directory;
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

  // Of two slots that have the same state each one has a file of its own.
  [[nodiscard]] static std::string file_name(const Slot& slot, const std::string& id) {
    return fmt::format("{}.{}.img", file_name_of(id).substr(0, kLongestNameBytes), slot.number);
  }

  [[nodiscard]] Result<std::optional<Run>> run_in(Slot& slot, std::shared_ptr<BlockDevice> device,
                                                  const std::string& id,
                                                  const state::CrashState& state) {
    POWERCUT_TRY_STATUS(slot.marks.update(marks_.lines(marks_.sure(state))));
    const std::string name = file_name(slot, id);
    const std::string path = POWERCUT_TRY(disks_->publish(name, std::move(device)));
    const Published published(*disks_, name);
    const auto start = std::chrono::steady_clock::now();
    auto verdict =
        POWERCUT_TRY(checker_.check(offer_of(slot, state, id, path), limits_, interrupt_));
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
  const std::unique_ptr<check::DiskFolder> disks_;
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
  auto disks = POWERCUT_TRY(check::DiskFolder::make());
  std::vector<Slot> slots;
  for (unsigned i = 0; i < std::max(1U, std::min(options.jobs, checker.max_jobs())); ++i) {
    std::string directory = POWERCUT_TRY(disks->worker_directory(i));
    MarksFile file = POWERCUT_TRY(MarksFile::make(directory + "/marks.jsonl"));
    slots.push_back({i, std::move(directory), std::move(file)});
  }
  return std::make_unique<DiskRunner>(timeline, devices, marks, checker, options, std::move(disks),
                                      std::move(slots));
}

}  // namespace powercut::explore
