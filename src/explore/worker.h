// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "block/overlay_device.h"
#include "check/checker.h"
#include "check/disk_folder.h"
#include "explore/explorer.h"
#include "explore/marks_file.h"
#include "state/prefix_image.h"
#include "state/state_id.h"

namespace powercut::explore {

// One line of checks: an image of the log's prefix that moves on from cut to cut, and over it what
// the checker of the moment writes. For one thread; cuts come in rising order.
class Worker {
 public:
  // All references outlive the worker.
  [[nodiscard]] static Result<std::unique_ptr<Worker>> make(unsigned number, const Plan& plan,
                                                            const ExploreOptions& options,
                                                            check::Checker& checker,
                                                            check::DiskFolder& disks,
                                                            const check::Interrupt& interrupt);

  // Nothing if it was interrupted.
  [[nodiscard]] Result<std::optional<findings::StateResult>> check(const state::StateId& id);
  // The last checker could not be run at all, as far as can be told (status 126 or 127 of a shell).
  [[nodiscard]] bool was_not_run() const { return was_not_run_; }

 private:
  Worker(const Plan& plan, const ExploreOptions& options, check::Checker& checker,
         check::DiskFolder& disks, const check::Interrupt& interrupt, std::string directory,
         state::PrefixImage image, std::shared_ptr<OverlayDevice> overlay, MarksFile marks);

  [[nodiscard]] Status move_to(EntryIndex entries);
  [[nodiscard]] check::Offer make_offer(const state::StateId& id, std::string disk_path) const;
  [[nodiscard]] Status keep(findings::StateResult& result, const std::string& output) const;

  const Plan& plan_;
  const ExploreOptions& options_;
  check::Checker& checker_;
  check::DiskFolder& disks_;
  const check::Interrupt& interrupt_;
  const std::string directory_;

  state::PrefixImage image_;
  const std::shared_ptr<OverlayDevice> overlay_;  // over the image
  MarksFile marks_;
  std::string mark_lines_;  // in it
  std::optional<std::string> last_mark_;
  bool was_not_run_ = false;
};

}  // namespace powercut::explore
