// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "state/crash_state.h"

namespace powercut::state {

// Of which pairs of writes that may be lost all four combinations of lost and survived have been
// seen. A torn write is neither. Takes size * size / 2 bytes.
class PairCoverage {
 public:
  explicit PairCoverage(std::size_t size);

  void add(const Choice& choice);
  [[nodiscard]] std::uint64_t covered() const;
  // Of so many writes.
  [[nodiscard]] static std::uint64_t pairs(std::uint64_t size);

 private:
  enum Combination { kBothKept, kKeptLost, kLostKept, kBothLost, kCombinations };
  [[nodiscard]] std::uint64_t* row(Combination combination, std::size_t i);
  void mark(std::uint64_t* row, const std::vector<std::uint64_t>& columns) const;

  const std::size_t size_;
  const std::size_t words_;          // of a row
  std::vector<std::uint64_t> seen_;  // by combination, row and column
  std::vector<std::uint64_t> kept_;  // of the choice of the moment
  std::vector<std::uint64_t> lost_;
};

}  // namespace powercut::state
