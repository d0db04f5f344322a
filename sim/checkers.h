// SPDX-License-Identifier: Apache-2.0
// The recorder's promises (G1 to G5 of docs/crash-model.md) as functions over a History. Each gives
// what it found wrong, nothing if all is well; checkers_test.cc shows that each finds what is
// planted.
#pragma once

#include "sim/history.h"

namespace powercut::sim {

using Violations = std::vector<std::string>;

// Which entries a request has in the log.
struct Match {
  // Of each request: its first and last entry; of one that has none, first > last.
  struct Span {
    std::size_t first = 1;
    std::size_t last = 0;
    [[nodiscard]] bool is_empty() const { return first > last; }
  };
  static constexpr std::size_t kNobody = ~std::size_t{0};
  std::vector<Span> spans;
  std::vector<std::size_t> request_of;  // of each entry; kNobody
  Violations violations;
};

// Finds for each entry the request that it records. What cannot be told by content (flushes) is
// assigned so that G2 holds if it can hold at all. Violations: an entry that records no request, a
// request that succeeded and has no entry (or not all of its entries), one that failed and has some.
[[nodiscard]] Match match(const History& history);

// Who was submitted after another had completed stands behind it.
[[nodiscard]] Violations check_order(const History& history, const Match& match);
// A flush stands where it was submitted.
[[nodiscard]] Violations check_flushes(const History& history, const Match& match);
// FUA stands on the entries of the requests that bear it, and on no others.
[[nodiscard]] Violations check_fua(const History& history, const Match& match);
// Replayed, the log gives what is on the device.
[[nodiscard]] Violations check_content(const History& history);
// A read returned what stood there before, or what was being written meanwhile.
[[nodiscard]] Violations check_reads(const History& history, const Match& match);
// Ticks are unique, agree with the log's order, and lie within their request.
[[nodiscard]] Violations check_ticks(const History& history, const Match& match);
// A closed log counts all its entries.
[[nodiscard]] Violations check_count(const History& history);

// All of them.
[[nodiscard]] Violations check(const History& history);

}  // namespace powercut::sim
