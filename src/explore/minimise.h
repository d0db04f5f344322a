// SPDX-License-Identifier: Apache-2.0
// The smallest failure behind a failure: delta debugging over what became of each write.
#pragma once

#include <optional>
#include <vector>

#include "explore/judge.h"
#include "explore/signature.h"

namespace powercut::explore {

struct MinimiseOptions {
  std::uint64_t max_checks = 400;
};

struct Minimal {
  // Fails as the given state does, and no more if one of its lost or torn writes survives as a whole;
  // none of its torn writes can be lost as a whole instead.
  state::CrashState state;
  // Of W, rising: writes behind the first lost one without whose survival `state` would not fail, if of
  // those behind the first lost one only they survive. Empty: it fails whatever becomes of them.
  std::vector<std::size_t> survivors;
  check::Verdict verdict;    // of `state`
  std::uint64_t checks = 0;  // that the judge was asked for
  // The judge did not say again that the given state fails: the rest is about nothing.
  bool failed_again = true;
  bool is_complete = true;  // max_checks was enough
};

// Nothing if it was interrupted. Errors are the judge's.
[[nodiscard]] Result<std::optional<Minimal>> minimise(const state::CrashState& failing,
                                                      Judge& judge,
                                                      const MinimiseOptions& options = {});

}  // namespace powercut::explore
