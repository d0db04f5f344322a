// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"

#include <algorithm>
#include <vector>

namespace powercut {
namespace {

// Insertions, deletions and replacements that lead from one to the other. One row of the table at a
// time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> names) {
  // Quadratic in the length; of longer words nothing is mistyped but much is generated.
  constexpr std::size_t kMaxLength = 256;
  if (word.empty() || word.size() > kMaxLength) return std::nullopt;
  const std::string* best = nullptr;
  std::size_t best_distance = std::clamp<std::size_t>(word.size() / 3, 1, 3) + 1;
  for (const std::string& name : names) {
    if (name.size() > word.size() + best_distance || word.size() > name.size() + best_distance)
      continue;
    const std::size_t distance = edit_distance(word, name);
    if (distance >= best_distance) continue;
    best = &name;
    best_distance = distance;
  }
  // Or a beginning or end of one.
  for (std::size_t i = 0; best == nullptr && word.size() >= 3 && i < names.size(); ++i) {
    if (names[i].starts_with(word) || names[i].ends_with(word)) best = &names[i];
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

}  // namespace powercut
