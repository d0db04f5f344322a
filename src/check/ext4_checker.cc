// SPDX-License-Identifier: Apache-2.0
#include "check/ext4_checker.h"

#include "check/check_run.h"

namespace powercut::check {
namespace {

// What the program says of itself; empty if it does not run.
std::string version_of(const std::string& program) {
  SubprocessOptions options;
  options.argv = {program, "-V"};
  options.output = SubprocessOptions::Output::kNull;
  options.error_output = SubprocessOptions::Output::kCapture;
  const auto result = run_subprocess(options, std::chrono::seconds(30));
  return result && result->succeeded() ? result->error_output : "";
}

class Ext4Checker final : public Checker {
 public:
  std::string description() const override { return "ext4"; }
  std::string identity() const override { return "ext4\n" + program_identity(e2fsck_); }
  bool sees_marks() const override { return false; }

  Status prepare() override {
    e2fsck_ = POWERCUT_TRY(find_program("e2fsck", "e2fsprogs"));
    // The same program (Debian: e2fsck-static) starts in half the time, which is most of what it takes on
    // a small device.
    if (const auto without_libraries = find_program("e2fsck.static")) {
      const std::string version = version_of(e2fsck_);
      if (!version.empty() && version_of(*without_libraries) == version)
        e2fsck_ = *without_libraries;
    }
    return {};
  }

  Result<std::optional<Verdict>> check(const Offer& offer, const Limits& limits,
                                       const Interrupt& interrupt) override {
    CheckRun run(offer, limits, interrupt);
    // -y only answers whether to replay the journal: journal_only checks nothing else. Status 1
    // says that the journal had something in it.
    auto result = POWERCUT_TRY(run.run({e2fsck_, "-y", "-E", "journal_only", offer.disk_path}));
    if (!result) return std::optional<Verdict>();
    if (auto failure = run.failure_of(*result, "e2fsck -E journal_only", {0, 1})) return failure;
    result = POWERCUT_TRY(run.run({e2fsck_, "-f", "-n", offer.disk_path}));
    if (!result) return std::optional<Verdict>();
    if (auto failure = run.failure_of(*result, "e2fsck -fn")) return failure;
    return run.pass();
  }

 private:
  std::string e2fsck_;
};

}  // namespace

std::unique_ptr<Checker> make_ext4_checker() {
  return std::make_unique<Ext4Checker>();
}

}  // namespace powercut::check
