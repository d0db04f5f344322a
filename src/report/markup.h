// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace powercut::report {

// Text, whatever it is, as it may stand in XML and HTML, between tags and in attributes with double
// quotes: characters with a meaning as references; what is not UTF-8 as U+FFFD; control characters and
// others that XML does not have, left out, but for newlines and tabs.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace powercut::report
