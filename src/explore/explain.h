// SPDX-License-Identifier: Apache-2.0
// Why a state fails.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "explore/barrier.h"
#include "explore/minimise.h"

namespace powercut::explore {

// Says of writes what of the file system they are: findings::Write::place.
class PlaceFinder {
 public:
  virtual ~PlaceFinder() = default;
  PlaceFinder() = default;
  PlaceFinder(const PlaceFinder&) = delete;
  PlaceFinder& operator=(const PlaceFinder&) = delete;

  // Of writes of the state's group. Gives what the reader has to know, such as that a program is
  // missing; empty: nothing. Errors are about log or environment.
  [[nodiscard]] virtual Result<std::string> find(const state::CrashState& state,
                                                 const std::vector<findings::Write*>& writes) = 0;
};

struct ExplainOptions {
  MinimiseOptions minimise;
  // The command that checks a state, but for "--at STATE".
  std::vector<std::string> reproduce;
  PlaceFinder* places = nullptr;  // null: places stay empty
};

struct Explanation {
  Minimal minimal;
  // Without number, states and first.
  findings::Cause cause;
};

// Nothing if it was interrupted. Errors are the judge's, or about log or environment.
[[nodiscard]] Result<std::optional<Explanation>> explain(const state::Timeline& timeline,
                                                         const state::CrashState& failing,
                                                         Judge& judge,
                                                         const ExplainOptions& options);

}  // namespace powercut::explore
