// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "check/checker.h"
#include "findings/finding.h"
#include "state/crash_state.h"

namespace powercut::explore {

// A verdict, and how it is known.
struct Judgement {
  check::Verdict verdict;  // of one that was not run here with less of the output
  findings::Source source = findings::Source::kRun;
  std::string same_as;  // of Source::kReads: the state whose verdict it is
  double seconds = 0;   // that the checker took; 0 where it was not run
};

// Tells of any crash state of one log whether it passes, in whichever way is the cheapest. Whoever
// wants verdicts (the run through all states, the search for the smallest failure, the audit of
// flushes) asks a judge, and so they all gain from what the others have learnt. Thread-safe.
class Judge {
 public:
  virtual ~Judge() = default;
  Judge() = default;
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  // Nothing if it was interrupted. Errors are about log, environment or checker, not about the
  // state.
  [[nodiscard]] virtual Result<std::optional<Judgement>> judge(const state::CrashState& state) = 0;
};

}  // namespace powercut::explore
