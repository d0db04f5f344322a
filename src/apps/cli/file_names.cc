// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/file_names.h"

#include <fmt/format.h>

namespace powercut::apps {
namespace {

std::optional<unsigned> digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

}  // namespace

std::string file_name_of(std::string_view text) {
  if (text.empty()) return "%";
  const bool is_dots = text == "." || text == "..";
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_escaped =
        byte < 0x20 || byte == 0x7f || text[i] == '/' || text[i] == '%' || (is_dots && i == 0);
    if (is_escaped) {
      name += fmt::format("%{:02X}", byte);
    } else {
      name += text[i];
    }
  }
  return name;
}

std::optional<std::string> text_of_file_name(std::string_view name) {
  if (name == "%") return std::string();
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      text += name[i];
      continue;
    }
    if (name.size() - i < 3) return std::nullopt;
    const auto high = digit_of(name[i + 1]);
    const auto low = digit_of(name[i + 2]);
    if (!high || !low) return std::nullopt;
    text += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return text;
}

}  // namespace powercut::apps
