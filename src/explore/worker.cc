// SPDX-License-Identifier: Apache-2.0
#include "explore/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/subprocess.h"
#include "check/shell.h"
#include "explore/keep.h"
#include "explore/mark_table.h"

namespace powercut::explore {
namespace {

constexpr ByteCount kExcerptBytes = 8 * kKiB;

findings::Outcome outcome_of(const check::Verdict& verdict) {
  switch (verdict.outcome) {
    case check::Outcome::kPassed:
      return findings::Outcome::kPassed;
    case check::Outcome::kExitStatus:
      return findings::Outcome::kExitStatus;
    case check::Outcome::kSignal:
      return findings::Outcome::kSignal;
    case check::Outcome::kTimeout:
      return findings::Outcome::kTimeout;
    case check::Outcome::kMount:
      return findings::Outcome::kMount;
    case check::Outcome::kAcknowledgement:
      return findings::Outcome::kAcknowledgement;
  }
  return findings::Outcome::kExitStatus;
}

// Its two ends.
std::string excerpt(const std::string& output) {
  BoundedText text(kExcerptBytes);
  text.append(output);
  return text.text();
}

// A file in the folder exists as long as this does.
class Published {
 public:
  Published(check::DiskFolder& disks, std::string name) : disks_(disks), name_(std::move(name)) {}
  ~Published() { disks_.withdraw(name_); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

 private:
  check::DiskFolder& disks_;
  const std::string name_;
};

}  // namespace

Result<std::unique_ptr<Worker>> Worker::make(unsigned number, const Plan& plan,
                                             const ExploreOptions& options, check::Checker& checker,
                                             check::DiskFolder& disks,
                                             const check::Interrupt& interrupt) {
  std::string directory = POWERCUT_TRY(disks.worker_directory(number));
  state::PrefixImage image =
      POWERCUT_TRY(state::PrefixImage::make(*plan.log, plan.facts.device_size_bytes, plan.base));
  std::shared_ptr<OverlayDevice> overlay = POWERCUT_TRY(OverlayDevice::make(image.device()));
  MarksFile marks = POWERCUT_TRY(MarksFile::make(directory + "/marks.jsonl"));
  return std::unique_ptr<Worker>(new Worker(plan, options, checker, disks, interrupt,
                                            std::move(directory), std::move(image),
                                            std::move(overlay), std::move(marks)));
}

Worker::Worker(const Plan& plan, const ExploreOptions& options, check::Checker& checker,
               check::DiskFolder& disks, const check::Interrupt& interrupt, std::string directory,
               state::PrefixImage image, std::shared_ptr<OverlayDevice> overlay, MarksFile marks)
    : plan_(plan),
      options_(options),
      checker_(checker),
      disks_(disks),
      interrupt_(interrupt),
      directory_(std::move(directory)),
      image_(std::move(image)),
      overlay_(std::move(overlay)),
      marks_(std::move(marks)) {}

// Nobody looks at the overlay while the image below it changes: it has been withdrawn.
Status Worker::move_to(EntryIndex entries) {
  POWERCUT_TRY_STATUS(overlay_->reset());
  POWERCUT_TRY_STATUS(image_.advance_to(entries, [this](const log::Entry& entry) {
    if (!entry.is_mark()) return;
    mark_lines_ += mark_line(entry.index, entry.mark);
    last_mark_ = entry.mark;
  }));
  return marks_.update(mark_lines_);
}

check::Offer Worker::make_offer(const state::StateId& id, std::string disk_path) const {
  check::Offer offer;
  offer.disk_path = std::move(disk_path);
  offer.sector_size = plan_.sector_size;
  offer.directory = directory_;
  offer.environment = {{"POWERCUT_STATE", state::to_string(id)},
                       {"POWERCUT_ENTRY", std::to_string(id.cut)},
                       {"POWERCUT_MARK", last_mark_.value_or("")},
                       {"POWERCUT_MARKS", marks_.path()}};
  offer.acknowledgements = plan_.acknowledgements;
  offer.marks_in_front = offer.marks_reached = id.cut;
  return offer;
}

Status Worker::keep(findings::StateResult& result, const std::string& output) const {
  if (options_.keep_directory.empty()) return {};
  const std::string stem =
      fmt::format("{}/{}", options_.keep_directory, file_name_of(result.state));
  result.kept_image = stem + ".img";
  result.kept_output = stem + ".out";
  POWERCUT_TRY_STATUS(keep_image(*image_.device(), result.kept_image));
  return keep_text(output, result.kept_output);
}

Result<std::optional<findings::StateResult>> Worker::check(const state::StateId& id) {
  POWERCUT_TRY_STATUS(move_to(id.cut));
  findings::StateResult result;
  result.state = state::to_string(id);
  result.entries = id.cut;
  result.mark = last_mark_;

  const std::string name = file_name_of(result.state) + ".img";
  std::optional<check::Verdict> verdict;
  {
    const std::string path = POWERCUT_TRY(disks_.publish(name, overlay_));
    const Published published(disks_, name);
    const auto start = std::chrono::steady_clock::now();
    verdict = POWERCUT_TRY(checker_.check(make_offer(id, path), options_.limits, interrupt_));
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  if (!verdict) return std::optional<findings::StateResult>();
  result.outcome = outcome_of(*verdict);
  was_not_run_ = verdict->was_not_run;
  if (result.passed()) return result;

  result.code = verdict->code;
  result.step = verdict->step;
  result.output = excerpt(verdict->step_output);
  std::vector<std::string> reproduce = options_.reproduce;
  reproduce.insert(reproduce.end(), {"--at", result.state});
  result.reproduce = check::shell_joined(reproduce);
  POWERCUT_TRY_STATUS(keep(result, verdict->output));
  return result;
}

}  // namespace powercut::explore
