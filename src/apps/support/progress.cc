// SPDX-License-Identifier: Apache-2.0
#include "apps/support/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "apps/support/output.h"

namespace powercut::apps {

namespace {

constexpr auto kInterval = std::chrono::milliseconds(100);

std::string human_seconds(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02} h", whole / 3600, whole / 60 % 60);
}

void write_to_terminal(std::string_view text) {
  // A progress line that cannot be shown is no reason to stop the work.
  [[maybe_unused]] const ssize_t done = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress(std::string what, std::uint64_t total, Unit unit)
    : what_(std::move(what)),
      unit_(unit),
      enabled_(is_terminal(stderr)),
      start_(Clock::now()),
      total_(total),
      // Short work shows nothing.
      next_(start_ + 3 * kInterval) {}

Progress::~Progress() {
  clear();
}

void Progress::update(std::uint64_t done, std::string_view note) {
  if (!enabled_) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + kInterval;
  std::string text = line(done, note, std::chrono::duration<double>(now - start_).count());
  const std::size_t width = terminal_width(stderr, 40, 200);
  if (text.size() >= width) text.resize(width - 1);
  write_to_terminal("\r" + text + "\x1b[K");
  shown_ = true;
}

void Progress::clear() {
  if (shown_) write_to_terminal("\r\x1b[K");
  shown_ = false;
}

std::string Progress::line(std::uint64_t done, std::string_view note, double seconds) const {
  const auto amount = [this](std::uint64_t value) {
    return unit_ == Unit::kBytes ? human_bytes(value) : with_commas(value);
  };
  std::string text = fmt::format("{}: {}", what_, amount(done));
  if (total_ > 0) {
    text += fmt::format(
        " of {} ({:.0f} %)", amount(total_),
        100.0 * static_cast<double>(std::min(done, total_)) / static_cast<double>(total_));
  }
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  if (rate >= 1) text += fmt::format(", {}/s", amount(static_cast<std::uint64_t>(rate)));
  if (rate > 0 && total_ > done)
    text += fmt::format(", {} left", human_seconds(static_cast<double>(total_ - done) / rate));
  if (!note.empty()) text += fmt::format(", {}", note);
  return text;
}

}  // namespace powercut::apps
