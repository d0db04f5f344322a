// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/subprocess.h"
#include "check/checker.h"

namespace powercut::check {
namespace {

class Sequence final : public Checker {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Checker>> checkers)
      : checkers_(std::move(checkers)) {}

  std::string description() const override {
    std::string text;
    for (const auto& checker : checkers_) {
      if (!text.empty()) text += ", then ";
      text += checker->description();
    }
    return text;
  }

  Status prepare() override {
    for (const auto& checker : checkers_) POWERCUT_TRY_STATUS(checker->prepare());
    return {};
  }

  unsigned max_jobs() const override {
    unsigned jobs = Checker::max_jobs();
    for (const auto& checker : checkers_) jobs = std::min(jobs, checker->max_jobs());
    return jobs;
  }

  std::string identity() const override {
    std::string text;
    for (const auto& checker : checkers_) text += checker->identity() + "\n";
    return text;
  }

  bool sees_marks() const override {
    return std::any_of(checkers_.begin(), checkers_.end(),
                       [](const auto& checker) { return checker->sees_marks(); });
  }

  Result<std::optional<Verdict>> check(const Offer& offer, const Limits& limits,
                                       const Interrupt& interrupt) override {
    const auto deadline = std::chrono::steady_clock::now() + limits.timeout;
    BoundedText output(limits.max_output_bytes);
    std::optional<Verdict> verdict = Verdict{};
    for (const auto& checker : checkers_) {
      Limits rest = limits;
      rest.timeout = std::max(std::chrono::milliseconds::zero(),
                              std::chrono::ceil<std::chrono::milliseconds>(
                                  deadline - std::chrono::steady_clock::now()));
      verdict = POWERCUT_TRY(checker->check(offer, rest, interrupt));
      if (!verdict) return verdict;
      output.append(verdict->output);
      if (!verdict->passed()) break;
    }
    verdict->output = output.text();
    return verdict;
  }

 private:
  const std::vector<std::unique_ptr<Checker>> checkers_;
};

}  // namespace

std::unique_ptr<Checker> make_sequence(std::vector<std::unique_ptr<Checker>> checkers) {
  if (checkers.size() == 1) return std::move(checkers.front());
  return std::make_unique<Sequence>(std::move(checkers));
}

}  // namespace powercut::check
