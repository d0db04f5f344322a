// SPDX-License-Identifier: Apache-2.0
#include "check/enclosed_checker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "base/unique_fd.h"
#include "serve/own_files.h"

namespace powercut::check {
namespace {

// Namespaces of the calling thread and of what it starts, until the object's end. The mounts that there are in
// the machine's are in the new one as well, so that they come to an end only with it where unmounting does not
// propagate.
class OwnNamespaces {
 public:
  [[nodiscard]] static Result<OwnNamespaces> make() {
    UniqueFd machine(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    if (!machine.valid()) return os_error("cannot open the mount namespace");
    if (::unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0)
      return os_error("cannot make a mount namespace for a check");
    OwnNamespaces own(std::move(machine));
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
      return os_error("cannot make the mounts of a check its own");
    return own;
  }
  // Whoever waits for a thread's end does not wait for that of its namespaces: what was left mounted is
  // unmounted here, as long as the disk is there.
  ~OwnNamespaces() {
    // Should it fail, they go with the thread a moment later.
    if (machine_.valid()) ::setns(machine_.get(), CLONE_NEWNS);
  }
  OwnNamespaces(OwnNamespaces&&) = default;
  OwnNamespaces& operator=(OwnNamespaces&&) = delete;

 private:
  explicit OwnNamespaces(UniqueFd machine) : machine_(std::move(machine)) {}
  UniqueFd machine_;
};

// Runs `work` in them, where that is allowed.
Status with_own_namespaces(const std::function<Status()>& work) {
  if (::geteuid() != 0) return work();
  const OwnNamespaces namespaces = POWERCUT_TRY(OwnNamespaces::make());
  return work();
}

// An empty directory for a check's temporary files.
class TemporaryFiles {
 public:
  [[nodiscard]] static Result<TemporaryFiles> make(std::string path) {
    if (::mkdir(path.c_str(), 0700) != 0) return os_error(fmt::format("cannot make '{}'", path));
    TemporaryFiles files(std::move(path));
    // As /tmp is, for checkers that do their work as another user.
    if (::chmod(files.path().c_str(), 01777) != 0)
      return os_error(fmt::format("cannot open '{}' to all users", files.path()));
    return files;
  }
  ~TemporaryFiles() {
    if (path_.empty() || ::rmdir(path_.c_str()) == 0) return;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFiles(TemporaryFiles&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFiles& operator=(TemporaryFiles&&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TemporaryFiles(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

class EnclosedChecker final : public Checker {
 public:
  explicit EnclosedChecker(std::unique_ptr<Checker> checker) : checker_(std::move(checker)) {}

  std::string description() const override { return checker_->description(); }
  unsigned max_jobs() const override { return checker_->max_jobs(); }
  std::string identity() const override { return checker_->identity(); }
  bool sees_marks() const override { return checker_->sees_marks(); }

  Status prepare() override {
    const auto do_nothing = [] { return Status(); };
    POWERCUT_TRY_STATUS(serve::with_own_files({}, [&] { return with_own_namespaces(do_nothing); }));
    return checker_->prepare();
  }

  Result<std::optional<Verdict>> check(const Offer& offer, const Limits& limits,
                                       const Interrupt& interrupt) override {
    const TemporaryFiles files = POWERCUT_TRY(TemporaryFiles::make(offer.directory + "/tmp"));
    Offer inside = offer;
    inside.environment.emplace_back("TMPDIR", files.path());
    std::optional<Verdict> verdict;
    const auto check_inside = [&]() -> Status {
      verdict = POWERCUT_TRY(checker_->check(inside, limits, interrupt));
      return {};
    };
    POWERCUT_TRY_STATUS(
        serve::with_own_files({interrupt.fd()}, [&] { return with_own_namespaces(check_inside); }));
    return verdict;
  }

 private:
  const std::unique_ptr<Checker> checker_;
};

}  // namespace

std::unique_ptr<Checker> make_enclosed(std::unique_ptr<Checker> checker) {
  if (checker->touches_only_the_disk()) return checker;
  return std::make_unique<EnclosedChecker>(std::move(checker));
}

}  // namespace powercut::check
