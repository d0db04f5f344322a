// SPDX-License-Identifier: Apache-2.0
// Any text as a file's name. What a name cannot hold, and what would be awkward in one, is written
// %XX, in hexadecimal: '/', '%', control characters, and the first dot of "." and "..". The empty
// text is "%".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace powercut::apps {

[[nodiscard]] std::string file_name_of(std::string_view text);
// The text of which this is the name, or would be if fewer characters had been escaped; nothing if
// it is no such name.
[[nodiscard]] std::optional<std::string> text_of_file_name(std::string_view name);

}  // namespace powercut::apps
