// SPDX-License-Identifier: Apache-2.0
#include "report/html_template.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "report/markup.h"

namespace powercut::report {

Html html_text(std::string_view text) {
  return {escaped(text)};
}

Html fill(std::string_view text, std::initializer_list<std::pair<std::string_view, Html>> values) {
  Html result;
  std::vector<bool> is_used(values.size());
  while (true) {
    const std::size_t begin = text.find("{{");
    result.markup += text.substr(0, begin);
    if (begin == std::string_view::npos) break;
    const std::size_t end = text.find("}}", begin);
    POWERCUT_CHECK(end != std::string_view::npos);
    const std::string_view name = text.substr(begin + 2, end - begin - 2);
    const auto* const value = std::find_if(values.begin(), values.end(),
                                           [name](const auto& pair) { return pair.first == name; });
    POWERCUT_CHECK(value != values.end());
    result += value->second;
    is_used[static_cast<std::size_t>(value - values.begin())] = true;
    text.remove_prefix(end + 2);
  }
  POWERCUT_CHECK(std::find(is_used.begin(), is_used.end(), false) == is_used.end());
  return result;
}

}  // namespace powercut::report
