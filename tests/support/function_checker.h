// SPDX-License-Identifier: Apache-2.0
// For tests: a checker made of functions, and what it is told. Thread-safe if the functions are.
#pragma once

#include <functional>
#include <string>

#include "check/checker.h"

namespace powercut::test {

class FunctionChecker final : public check::Checker {
 public:
  using Function = std::function<Result<std::optional<check::Verdict>>(const check::Offer&)>;
  explicit FunctionChecker(Function function, Function shortcut = {})
      : function_(std::move(function)), shortcut_(std::move(shortcut)) {}
  std::string description() const override { return "function"; }
  Status prepare() override { return {}; }
  Result<std::optional<check::Verdict>> check(const check::Offer& offer, const check::Limits&,
                                              const check::Interrupt&) override {
    return function_(offer);
  }
  bool has_shortcut() const override { return shortcut_ != nullptr; }
  Result<std::optional<check::Verdict>> take_shortcut(const check::Offer& offer,
                                                      const check::Limits&,
                                                      const check::Interrupt&) override {
    return shortcut_(offer);
  }

 private:
  const Function function_;
  const Function shortcut_;
};

inline std::string variable(const check::Offer& offer, const std::string& name) {
  for (const auto& [key, value] : offer.environment) {
    if (key == name) return value;
  }
  return "(unset)";
}

}  // namespace powercut::test
