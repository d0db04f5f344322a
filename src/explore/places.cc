// SPDX-License-Identifier: Apache-2.0
#include "explore/places.h"

#include <algorithm>

#include "block/overlay_device.h"
#include "check/places.h"

namespace powercut::explore {
namespace {

constexpr const char* kDiskName = "places.img";

std::vector<findings::Write*> without_place(const std::vector<findings::Write*>& writes) {
  std::vector<findings::Write*> rest;
  std::copy_if(writes.begin(), writes.end(), std::back_inserter(rest),
               [](const findings::Write* write) { return write->place.empty(); });
  return rest;
}

}  // namespace

Result<std::string> DevicePlaces::find(const state::CrashState& state,
                                       const std::vector<findings::Write*>& writes) {
  const EntryIndex nr_entries = timeline_.index().nr_entries();
  const auto& entries = state.group->entries;
  const EntryIndex end_of_group =
      entries.empty() ? state.group->base : std::min(entries.back().entry + 1, nr_entries);
  std::string note;
  for (const EntryIndex end : {end_of_group, nr_entries}) {
    const auto rest = without_place(writes);
    if (rest.empty()) return std::string();
    note = POWERCUT_TRY(find_at(end, rest));
  }
  return without_place(writes).empty() ? std::string() : note;
}

Result<std::string> DevicePlaces::find_at(EntryIndex entries,
                                          const std::vector<findings::Write*>& writes) {
  if (disks_ == nullptr) disks_ = POWERCUT_TRY(check::DiskFolder::make());
  std::shared_ptr<OverlayDevice> overlay =
      POWERCUT_TRY(OverlayDevice::make(timeline_.view(entries)));
  const std::string path = POWERCUT_TRY(disks_->publish(kDiskName, std::move(overlay)));
  std::vector<ByteRange> ranges;
  ranges.reserve(writes.size());
  for (const findings::Write* write : writes) ranges.push_back({write->begin, write->end});
  auto places = check::find_places(path, disks_->check_directory(), ranges);
  disks_->withdraw(kDiskName);
  if (!places) return tl::unexpected(places.error());
  for (std::size_t i = 0; i < writes.size(); ++i) writes[i]->place = std::move(places->names[i]);
  return std::move(places->note);
}

}  // namespace powercut::explore
