// SPDX-License-Identifier: Apache-2.0
#include "apps/support/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace powercut::apps {

Output& Output::standard() {
  static Output output;
  return output;
}

void Output::write(std::string_view text) {
  buffer_.append(text);
  if (buffer_.size() >= kFlushBytes) flush();
}

void Output::flush() {
  std::string_view rest(buffer_.data(), buffer_.size());
  while (!rest.empty() && os_errno_ == 0) {
    const ssize_t done = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (done >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(done));
    } else if (errno != EINTR) {
      os_errno_ = errno;
    }
  }
  buffer_.clear();
}

Status Output::status() const {
  if (os_errno_ == 0 || os_errno_ == EPIPE) return {};
  return os_error("cannot write to standard output", os_errno_);
}

bool is_terminal(std::FILE* stream) {
  return ::isatty(::fileno(stream)) == 1;
}

bool wants_colour(std::FILE* stream) {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return is_terminal(stream);
}

std::size_t terminal_width(std::FILE* stream, std::size_t least, std::size_t greatest) {
  winsize size = {};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) != 0) return least;
  return std::clamp<std::size_t>(size.ws_col, least, greatest);
}

std::string coloured(std::string_view text, Colour colour, std::FILE* stream) {
  static constexpr std::array<const char*, 5> kCodes = {"31", "32", "33", "1", "2"};
  if (!wants_colour(stream)) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(colour)], text);
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 would be shown as "1024.0".
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string with_commas(std::uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view several) {
  if (number == 1) return fmt::format("1 {}", one);
  return several.empty() ? fmt::format("{} {}s", with_commas(number), one)
                         : fmt::format("{} {}", with_commas(number), several);
}

}  // namespace powercut::apps
