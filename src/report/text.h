// SPDX-License-Identifier: Apache-2.0
// Findings as text for people. Pure functions: what is shown is decided here, where it goes
// elsewhere.
#pragma once

#include "findings/finding.h"

namespace powercut::report {

struct Style {
  bool color = false;
};

// "412.5 s", "3 min 20 s": for people, two figures of precision are enough.
[[nodiscard]] std::string duration_text(double seconds);
// "1 state", "2 states", "0 states".
[[nodiscard]] std::string count_text(std::uint64_t count, std::string_view noun);

// What is going to be explored: a line or two, and the notes.
[[nodiscard]] std::string run_text(const findings::Exploration& run);
// "e2fsck -fn exited with status 4".
[[nodiscard]] std::string verdict_text(const findings::StateResult& result);
// A failure with the end of the checker's output and the reproducing command.
[[nodiscard]] std::string failure_text(const findings::StateResult& result, const Style& style);
// The same in one line with the last line of the output, for those that come behind the first ones.
[[nodiscard]] std::string brief_failure_text(const findings::StateResult& result,
                                             const Style& style);
// The last word. `failures_shown` is how many failures have been put out before.
[[nodiscard]] std::string summary_text(const findings::Summary& summary,
                                       std::uint64_t failures_shown, const Style& style);

}  // namespace powercut::report
