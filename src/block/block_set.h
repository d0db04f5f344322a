// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>

namespace powercut {

// A set of block numbers, for devices of any size: memory is 4 KiB for each group of 32,768 blocks
// of which some but not all are in the set, and a little for each of which all are. Not thread-safe.
class BlockSet {
 public:
  [[nodiscard]] bool contains(std::uint64_t block) const;
  // The end of the run of blocks from `block` on that are all in the set or all not, at most `end`,
  // which is greater than `block`.
  [[nodiscard]] std::uint64_t run_end(std::uint64_t block, std::uint64_t end) const;
  [[nodiscard]] std::uint64_t size() const;

  // [begin, end)
  void insert(std::uint64_t begin, std::uint64_t end);
  void clear() { groups_.clear(); }

 private:
  static constexpr std::uint64_t kGroupSize = 32'768;
  using Bits = std::bitset<kGroupSize>;
  // Absent: no block of it is in the set; null: all are.
  std::map<std::uint64_t, std::unique_ptr<Bits>> groups_;
};

}  // namespace powercut
