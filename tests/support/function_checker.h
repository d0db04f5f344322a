// SPDX-License-Identifier: Apache-2.0
// For tests: a checker made of a function, and what it is told. Thread-safe if the function is.
#pragma once

#include <functional>
#include <string>

#include "check/checker.h"

namespace powercut::test {

class FunctionChecker final : public check::Checker {
 public:
  using Function = std::function<Result<std::optional<check::Verdict>>(const check::Offer&)>;
  explicit FunctionChecker(Function function) : function_(std::move(function)) {}
  std::string description() const override { return "function"; }
  Status prepare() override { return {}; }
  Result<std::optional<check::Verdict>> check(const check::Offer& offer, const check::Limits&,
                                              const check::Interrupt&) override {
    return function_(offer);
  }

 private:
  const Function function_;
};

inline std::string variable(const check::Offer& offer, const std::string& name) {
  for (const auto& [key, value] : offer.environment) {
    if (key == name) return value;
  }
  return "(unset)";
}

}  // namespace powercut::test
