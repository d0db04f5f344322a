// SPDX-License-Identifier: Apache-2.0
// For tests: a judge that is a function of what became of each write of W.
#pragma once

#include <functional>
#include <string>

#include "explore/judge.h"

namespace powercut::test {

class FakeJudge final : public explore::Judge {
 public:
  using Function = std::function<check::Verdict(const state::CrashState&)>;
  explicit FakeJudge(Function function) : function_(std::move(function)) {}

  Result<std::optional<explore::Judgement>> judge(const state::CrashState& state) override {
    if (checks == interrupted_at) return std::optional<explore::Judgement>();
    ++checks;
    return std::optional(explore::Judgement{.verdict = function_(state)});
  }

  std::uint64_t checks = 0;
  std::uint64_t interrupted_at = ~std::uint64_t{0};  // after so many checks

 private:
  const Function function_;
};

inline check::Verdict passed() {
  return {};
}
inline check::Verdict failed(const std::string& output, int status = 1) {
  return {check::Outcome::kExitStatus, status, "the checker", output, output, false};
}

}  // namespace powercut::test
