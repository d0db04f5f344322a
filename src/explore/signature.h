// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "check/checker.h"
#include "findings/finding.h"

namespace powercut::explore {

// How a state fails, without what differs from state to state: two failures with the same signature
// are taken to be the same failure.
struct Signature {
  findings::Outcome outcome = findings::Outcome::kPassed;
  int code = 0;
  std::string step;
  std::string message;  // normalised(telling_line())

  friend bool operator==(const Signature&, const Signature&) = default;
};

[[nodiscard]] findings::Outcome outcome_of(check::Outcome outcome);
[[nodiscard]] Signature signature_of(const check::Verdict& verdict);
[[nodiscard]] Signature signature_of(const findings::StateResult& result);

// The line of a checker's output that says what is wrong: the first complaint of a checker of file
// systems whose output is known, else the last line; "" if there is none.
[[nodiscard]] std::string telling_line(std::string_view output);

// The line with "{}" for paths of the checked device and of its mount point, "STATE" for names of
// states, and "#" for numbers, decimal and hexadecimal.
[[nodiscard]] std::string normalised(std::string_view line);
// The same for paths alone: for people.
[[nodiscard]] std::string without_paths(std::string_view line);

}  // namespace powercut::explore
