// SPDX-License-Identifier: Apache-2.0
// Findings as text for people. Pure functions: what is shown is decided here, where it goes
// elsewhere. Each gives whole lines; no character that a terminal would take for a command gets
// through from a log or a checker.
#pragma once

#include "findings/digest.h"
#include "report/words.h"

namespace powercut::report {

struct Style {
  bool color = false;
};

// What is going to be explored: a line or two, and the notes.
[[nodiscard]] std::string run_text(const findings::Exploration& run);
// A failure with the end of the checker's output and the reproducing command.
[[nodiscard]] std::string failure_text(const findings::StateResult& result, const Style& style);
// The same in one line with the last line of the output, for those that come behind the first ones.
[[nodiscard]] std::string brief_failure_text(const findings::StateResult& result,
                                             const Style& style);
// What fails, in how many states, what was lost and what survived where it fails with the fewest lost
// writes, what would have ruled it out, and the reproducing command.
[[nodiscard]] std::string cause_text(const findings::Cause& cause, const Style& style);
// Which flushes, in the order of the log, are needed, and how it fails without each. Empty if there are
// none.
[[nodiscard]] std::string flushes_text(const std::vector<findings::FlushVerdict>& flushes,
                                       const Style& style);
[[nodiscard]] std::string disagreement_text(const findings::Disagreement& disagreement,
                                            const Style& style);
// How much was looked at and how, and the last word. `failures_shown` is how many failures, or causes that
// stand for all of them, have been put out before.
[[nodiscard]] std::string summary_text(const findings::Summary& summary,
                                       std::uint64_t failures_shown, const Style& style);

// All of it, as one page.
[[nodiscard]] std::string report_text(const findings::Digest& digest, const Style& style);

}  // namespace powercut::report
