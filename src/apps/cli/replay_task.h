// SPDX-License-Identifier: Apache-2.0
// How `powercut replay` takes DEST from where it is to where it is to go.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "apps/cli/image_keeper.h"
#include "apps/cli/replay_outcome.h"
#include "state/state_id.h"
#include "state/timeline.h"

namespace powercut::apps {

// --from and --to.
struct ReplayRange {
  EntryIndex from = 0;
  // A crash state, or the instant behind so many entries; replay::kToEnd: all of them.
  std::optional<state::StateId> to_state;
  EntryIndex to = replay::kToEnd;
};
[[nodiscard]] Result<ReplayRange> replay_range(const flags::Arguments& arguments,
                                               log::Reader& reader);

class ReplayTask {
 public:
  ReplayTask(const flags::Arguments& arguments, const ReplayRange& range,
             const Destination& destination, log::Reader& reader, ImageKeeper& keeper)
      : arguments_(arguments),
        range_(range),
        destination_(destination),
        reader_(reader),
        keeper_(keeper) {}

  // Fills in what was done. False: DEST does not hold what it should (--check); that has been printed,
  // and nothing was written.
  [[nodiscard]] Result<bool> run(ReplayOutcome& outcome);
  // Has found that DEST and another device differ: which entries wrote there last?
  [[nodiscard]] Status find_last_writers(std::vector<replay::Difference>& differences);

 private:
  [[nodiscard]] Result<std::optional<replay::Place>> place_by_argument() const;
  [[nodiscard]] Result<std::optional<replay::Place>> find_place() const;
  [[nodiscard]] Result<bool> wants_jump() const;
  [[nodiscard]] Status replay_onto(ReplayOutcome& outcome);
  [[nodiscard]] Result<bool> jump_onto(ReplayOutcome& outcome);
  [[nodiscard]] Result<state::Moment> destined_moment(const state::Timeline& timeline) const;
  [[nodiscard]] Status check_readable(const state::Timeline& timeline);
  [[nodiscard]] Status check_initial_content(const state::Timeline& timeline,
                                             const state::Moment& to) const;
  [[nodiscard]] Result<bool> is_as_expected(const state::Timeline& timeline,
                                            const state::Moment& to) const;
  [[nodiscard]] unsigned workers() const;

  const flags::Arguments& arguments_;
  const ReplayRange range_;
  const Destination& destination_;
  log::Reader& reader_;
  ImageKeeper& keeper_;
  std::optional<replay::Place> from_;  // nothing: it is not known where DEST is
  replay::Totals totals_;              // of a replay through the entries
  // Of a jump: the log, and what DEST holds after it.
  std::unique_ptr<state::Timeline> timeline_;
  std::shared_ptr<state::LogView> reached_;
};

}  // namespace powercut::apps
