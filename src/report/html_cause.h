// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "findings/finding.h"
#include "report/html_template.h"

namespace powercut::report {

// A cause as a card: what fails, what was lost and what survived in the order of the log, and where a
// flush would have ruled it out.
[[nodiscard]] Html html_cause(const findings::Cause& cause);

// A command as it can be selected with one click; nothing for none.
[[nodiscard]] Html html_command(std::string_view command);
// What a program wrote; nothing for nothing.
[[nodiscard]] Html html_output(std::string_view output);

}  // namespace powercut::report
