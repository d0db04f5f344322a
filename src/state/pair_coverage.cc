// SPDX-License-Identifier: Apache-2.0
#include "state/pair_coverage.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace powercut::state {

PairCoverage::PairCoverage(std::size_t size)
    : size_(size),
      words_((size + 63) / 64),
      seen_(kCombinations * size * words_),
      kept_(words_),
      lost_(words_) {}

std::uint64_t PairCoverage::pairs(std::uint64_t size) {
  return size < 2 ? 0 : size % 2 == 0 ? size / 2 * (size - 1) : (size - 1) / 2 * size;
}

std::uint64_t* PairCoverage::row(Combination combination, std::size_t i) {
  return seen_.data() + (combination * size_ + i) * words_;
}

void PairCoverage::mark(std::uint64_t* row, const std::vector<std::uint64_t>& columns) const {
  for (std::size_t i = 0; i < words_; ++i) row[i] |= columns[i];
}

void PairCoverage::add(const Choice& choice) {
  POWERCUT_CHECK(choice.kept.size() == size_);
  std::fill(kept_.begin(), kept_.end(), 0);
  std::fill(lost_.begin(), lost_.end(), 0);
  for (std::size_t i = 0; i < size_; ++i) {
    auto& columns = choice.kept[i] ? kept_ : lost_;
    columns[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  for (const auto& tear : choice.torn)
    lost_[tear.may / 64] &= ~(std::uint64_t{1} << (tear.may % 64));
  for (std::size_t i = 0; i < size_; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << (i % 64);
    if ((kept_[i / 64] & bit) != 0) {
      mark(row(kBothKept, i), kept_);
      mark(row(kKeptLost, i), lost_);
    } else if ((lost_[i / 64] & bit) != 0) {
      mark(row(kLostKept, i), kept_);
      mark(row(kBothLost, i), lost_);
    }
  }
}

// A write has never differed from itself, so that no pair with itself counts; each other one counts
// twice.
std::uint64_t PairCoverage::covered() const {
  const std::size_t plane = size_ * words_;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < plane; ++i) {
    const std::uint64_t all = seen_[kBothKept * plane + i] & seen_[kKeptLost * plane + i] &
                              seen_[kLostKept * plane + i] & seen_[kBothLost * plane + i];
    count += static_cast<std::uint64_t>(std::popcount(all));
  }
  return count / 2;
}

}  // namespace powercut::state
