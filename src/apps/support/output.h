// SPDX-License-Identifier: Apache-2.0
// Standard output and the terminal, for programs.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "base/result.h"

namespace powercut::apps {

// Standard output, buffered. That the reader has gone away (`powercut log x | head`) is no error:
// it is remembered, and long work may stop when closed() is true. Programs ignore SIGPIPE for this;
// whoever starts another program gives it back its default first.
class Output {
 public:
  [[nodiscard]] static Output& standard();

  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(buffer_), format, std::forward<Args>(args)...);
    if (buffer_.size() >= kFlushBytes) flush();
  }
  void write(std::string_view text);
  void flush();
  // Nobody reads any longer, or writing failed.
  [[nodiscard]] bool closed() const { return os_errno_ != 0; }
  // After a flush: an error if writing failed for another reason than a reader that went away.
  [[nodiscard]] Status status() const;

 private:
  static constexpr std::size_t kFlushBytes = 64 * 1024;
  fmt::memory_buffer buffer_;
  int os_errno_ = 0;
};

// Whether `stream` is a terminal, and whether colour is wanted there (NO_COLOR, TERM=dumb).
[[nodiscard]] bool is_terminal(std::FILE* stream);
[[nodiscard]] bool wants_colour(std::FILE* stream);
// Columns of the terminal, within [least, greatest]; `least` if it is none.
[[nodiscard]] std::size_t terminal_width(std::FILE* stream, std::size_t least,
                                         std::size_t greatest);

enum class Colour { kRed, kGreen, kYellow, kBold, kDim };
// `text` in colour if `stream` wants it.
[[nodiscard]] std::string coloured(std::string_view text, Colour colour, std::FILE* stream);

// "4.0 KiB", "1.5 GiB", "17 bytes".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);
// 12345678 -> "12,345,678"
[[nodiscard]] std::string with_commas(std::uint64_t number);
// "1 entry", "2,000 entries"; without `several`, `one` with an s.
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view one,
                                  std::string_view several = {});

}  // namespace powercut::apps
