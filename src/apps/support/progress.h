// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace powercut::apps {

// One line on the terminal (standard error) that is rewritten while long work goes on, with the
// share done, the rate and the time left. Where standard error is no terminal nothing is written.
// To be used by one thread; calls are cheap, so that work may report as often as it likes.
class Progress {
 public:
  enum class Unit { kCount, kBytes };

  // `total` 0: not known. `what` is "replaying", "checking".
  Progress(std::string what, std::uint64_t total, Unit unit = Unit::kCount);
  // Takes the line away, so that what is printed next stands in its place.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `note` stands at the end of the line: "2 failed".
  void update(std::uint64_t done, std::string_view note = {});
  // Removes the line until the next update, for a message that has to stand in between.
  void clear();
  // The totals may become known later.
  void set_total(std::uint64_t total) { total_ = total; }

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] std::string line(std::uint64_t done, std::string_view note, double seconds) const;

  const std::string what_;
  const Unit unit_;
  const bool enabled_;
  const Clock::time_point start_;
  std::uint64_t total_;
  Clock::time_point next_;
  bool shown_ = false;
};

}  // namespace powercut::apps
