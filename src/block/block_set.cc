// SPDX-License-Identifier: Apache-2.0
#include "block/block_set.h"

#include <algorithm>

namespace powercut {

bool BlockSet::contains(std::uint64_t block) const {
  const auto group = groups_.find(block / kGroupSize);
  if (group == groups_.end()) return false;
  return group->second == nullptr || group->second->test(block % kGroupSize);
}

std::uint64_t BlockSet::run_end(std::uint64_t block, std::uint64_t end) const {
  const bool kind = contains(block);
  while (block < end) {
    const auto group = groups_.find(block / kGroupSize);
    const std::uint64_t group_end = (block / kGroupSize + 1) * kGroupSize;
    if (group == groups_.end() || group->second == nullptr) {
      if ((group != groups_.end()) != kind) return block;
      block = group_end;
      continue;
    }
    for (; block < std::min(group_end, end); ++block) {
      if (group->second->test(block % kGroupSize) != kind) return block;
    }
  }
  return end;
}

std::uint64_t BlockSet::size() const {
  std::uint64_t count = 0;
  for (const auto& [number, bits] : groups_) count += bits == nullptr ? kGroupSize : bits->count();
  return count;
}

void BlockSet::insert(std::uint64_t begin, std::uint64_t end) {
  while (begin < end) {
    const std::uint64_t number = begin / kGroupSize;
    const std::uint64_t stop = std::min(end, (number + 1) * kGroupSize);
    if (stop - begin == kGroupSize) {
      groups_.insert_or_assign(number, nullptr);
    } else if (const auto [group, is_new] = groups_.try_emplace(number);
               is_new || group->second != nullptr) {
      if (is_new) group->second = std::make_unique<Bits>();
      for (; begin < stop; ++begin) group->second->set(begin % kGroupSize);
      if (group->second->all()) group->second.reset();
    }
    begin = stop;
  }
}

}  // namespace powercut
