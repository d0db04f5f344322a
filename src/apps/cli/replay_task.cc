// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/replay_task.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "apps/cli/timeline_options.h"
#include "apps/support/progress.h"
#include "index/log_index.h"
#include "state/instant.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using replay::Place;
using replay::Position;
using state::Instant;

Place place_of(EntryIndex instant) {
  return {to_string(state::StateId::of_prefix(instant)), Position{instant, instant}};
}

// Only marks and flushes have to be looked for.
Result<EntryIndex> entry_of(const Instant& instant, log::Reader& reader) {
  switch (instant.kind) {
    case Instant::Kind::kStart:
      return EntryIndex{0};
    case Instant::Kind::kEnd:
      return replay::kToEnd;
    case Instant::Kind::kEntry:
      if (instant.number <= reader.super_block().nr_entries) return instant.number;
      [[fallthrough]];
    default:
      return state::resolve(instant, reader);
  }
}

}  // namespace

Result<ReplayRange> replay_range(const Arguments& arguments, log::Reader& reader) {
  ReplayRange range;
  const std::string from_text = arguments.optional_text("from").value_or("start");
  if (state::is_crash_state_text(from_text)) {
    return usage_error(fmt::format(
        "--from takes an instant, and '{}' is a crash state: the state file of DEST says if it "
        "holds one",
        from_text));
  }
  const Instant from = POWERCUT_TRY(state::parse_instant(from_text));
  // `end` as a beginning is a number like any other.
  range.from = from.kind == Instant::Kind::kEnd ? POWERCUT_TRY(state::resolve(from, reader))
                                                : POWERCUT_TRY(entry_of(from, reader));
  const std::string& to_text = arguments.text("to");
  if (state::is_crash_state_text(to_text)) {
    range.to_state = POWERCUT_TRY(state::parse_state_id(to_text));
    // What that takes of the log is seen when the state is looked up.
    range.to = 0;
  } else {
    const Instant to = POWERCUT_TRY(state::parse_instant(to_text));
    range.to = POWERCUT_TRY(entry_of(to, reader));
  }
  return range;
}

Result<bool> ReplayTask::run(ReplayOutcome& outcome) {
  from_ = POWERCUT_TRY(find_place());
  if (POWERCUT_TRY(wants_jump())) return jump_onto(outcome);
  POWERCUT_TRY_STATUS(replay_onto(outcome));
  return true;
}

// --from, which has to agree with what is known.
Result<std::optional<Place>> ReplayTask::place_by_argument() const {
  const Place given = place_of(range_.from);
  const auto& known = keeper_.known();
  if (!known || known->position == given.position) return given;
  const std::string is_at =
      known->has_arrived ? fmt::format("at {}", known->name)
                         : fmt::format("on its way to {}, where it has not come", known->name);
  return usage_error(
      fmt::format("'{}' says that '{}' is {}, not at {}: leave --from out, or, if it is wrong, "
                  "remove it",
                  keeper_.path(), destination_.name, is_at, given.name));
}

// By what the user says, what is kept of DEST, or what is usual.
Result<std::optional<Place>> ReplayTask::find_place() const {
  if (arguments_.given("from")) return place_by_argument();
  if (const auto& known = keeper_.known()) {
    if (!known->has_arrived) {
      note("a replay of '{}' onto '{}' to {} was broken off; this one makes up for it",
           known->log_path, destination_.name, known->name);
    }
    if (!known->position) return std::optional<Place>();
    return Place{known->has_arrived ? known->name : "", *known->position};
  }
  if (arguments_.given("base")) return std::optional<Place>();
  const auto& extension = reader_.super_block().extension;
  if (!destination_.is_empty && extension &&
      extension->initial_content == log::InitialContent::kZero) {
    note(
        "the recorded device was empty at first, '{}' may not be: what the log does not write "
        "keeps its content",
        destination_.name);
  }
  return place_of(0);
}

// An index makes sense if there is one already, or where there is no way without.
Result<bool> ReplayTask::wants_jump() const {
  const bool is_forwards =
      !range_.to_state && from_ && from_->position.is_exact() && from_->position.least <= range_.to;
  const bool is_needed = !is_forwards || arguments_.is_set("check");
  if (arguments_.is_set("no-discard")) {
    if (!is_needed) return false;
    return usage_error(
        "discards can only be left out (--no-discard) on the way forwards from an instant to "
        "another, without --check");
  }
  const std::string index_path = arguments_.optional_text("index").value_or(
      index::default_sidecar_path(arguments_.text("LOG")));
  return is_needed || (!index_path.empty() && ::access(index_path.c_str(), R_OK) == 0);
}

unsigned ReplayTask::workers() const {
  return static_cast<unsigned>(arguments_.optional_integer("jobs").value_or(0));
}

Status ReplayTask::replay_onto(ReplayOutcome& outcome) {
  const std::uint64_t last = std::min(range_.to, reader_.super_block().nr_entries);
  const EntryIndex from = from_->position.least;
  POWERCUT_TRY_STATUS(keeper_.leave(from_, place_of(last)));
  Progress progress("replaying", last - std::min(from, last));
  totals_ = POWERCUT_TRY(
      replay::replay(reader_, from, range_.to, *destination_.device,
                     {.discards = !arguments_.is_set("no-discard"),
                      .workers = workers(),
                      .size_bytes = destination_.size_bytes,
                      .flush = !destination_.is_temporary,
                      .progress = [&](EntryIndex done) { progress.update(done - from); }}));
  outcome.totals = totals_;
  outcome.at = place_of(totals_.to);
  return keeper_.arrive(outcome.at);
}

Result<bool> ReplayTask::jump_onto(ReplayOutcome& outcome) {
  timeline_ = POWERCUT_TRY(
      open_timeline(arguments_, Notices::kPrinted,
                    {.base = keeper_.base_path(), .size_bytes = destination_.size_bytes}));
  const state::Timeline& timeline = *timeline_;
  const state::Moment to = POWERCUT_TRY(destined_moment(timeline));
  POWERCUT_TRY_STATUS(check_readable(timeline));
  POWERCUT_TRY_STATUS(check_initial_content(timeline, to));
  if (arguments_.is_set("check") && !POWERCUT_TRY(is_as_expected(timeline, to))) return false;
  outcome.at = {to.name, Position::of(to)};
  outcome.jumped_from = from_;
  POWERCUT_TRY_STATUS(keeper_.leave(from_, outcome.at));
  Progress progress("writing", destination_.size_bytes, Progress::Unit::kBytes);
  std::optional<Position> position;
  if (from_) position = from_->position;
  outcome.jump = POWERCUT_TRY(replay::jump(
      timeline, position, to, *destination_.device,
      {.workers = workers(), .flush = !destination_.is_temporary, .progress = [&](ByteOffset done) {
         progress.update(done);
       }}));
  POWERCUT_TRY_STATUS(keeper_.arrive(outcome.at));
  reached_ = to.view;
  return true;
}

Result<state::Moment> ReplayTask::destined_moment(const state::Timeline& timeline) const {
  if (range_.to_state) {
    auto moment = timeline.moment(*range_.to_state);
    // Nothing has been written to it yet, and nothing will be.
    const bool is_left_over = !moment && destination_.is_new && !destination_.is_temporary;
    if (is_left_over) (void)::unlink(destination_.name.c_str());
    return moment;
  }
  const EntryIndex to =
      range_.to == replay::kToEnd ? POWERCUT_TRY(timeline.resolve("end")) : range_.to;
  const EntryIndex last = timeline.index().nr_entries();
  if (to > last) {
    return with_context(log::to_status(timeline.index().ending()).error(),
                        fmt::format("only the instants up to entry:{} can be had", last));
  }
  return timeline.moment(to);
}

// Entries that DEST may have been written with have to be read.
Status ReplayTask::check_readable(const state::Timeline& timeline) {
  const EntryIndex last = timeline.index().nr_entries();
  if (!from_ || from_->position.greatest <= last) return {};
  if (from_->position.is_exact()) {
    return with_context(log::to_status(timeline.index().ending()).error(),
                        fmt::format("only the instants up to entry:{} can be had", last));
  }
  // No knowing where.
  note(
      "'{}' was on its way to entry:{}, but '{}' can only be read up to entry:{}: it is written as "
      "a whole",
      destination_.name, from_->position.greatest, arguments_.text("LOG"), last);
  from_.reset();
  return {};
}

// What the recorded device held at first is somewhere, but nobody has said where.
Status ReplayTask::check_initial_content(const state::Timeline& timeline,
                                         const state::Moment& to) const {
  const auto& extension = timeline.index().super_block().extension;
  const bool is_missing = timeline.base() == nullptr && extension &&
                          extension->initial_content == log::InitialContent::kImage;
  if (!is_missing || destination_.is_new) return {};
  std::optional<Position> position;
  if (from_) position = from_->position;
  if (!POWERCUT_TRY(replay::needs_initial_content(timeline, position, to))) return {};
  return usage_error(
      fmt::format("on the way to {} there are places that no entry had written yet: what the "
                  "device held at first ('{}') has to be given with --base",
                  to.name, extension->origin_path));
}

Result<bool> ReplayTask::is_as_expected(const state::Timeline& timeline,
                                        const state::Moment& to) const {
  if (destination_.is_new) return true;
  if (!from_ || from_->name.empty()) {
    return usage_error(fmt::format(
        "there is nothing to --check '{}' against: it is not known where it is (--from)",
        destination_.name));
  }
  const state::Moment held = POWERCUT_TRY(timeline.moment(from_->name));
  Progress progress("checking", destination_.size_bytes, Progress::Unit::kBytes);
  const auto mismatch = POWERCUT_TRY(replay::find_mismatch(
      timeline, held, to, *destination_.device, [&](ByteOffset done) { progress.update(done); }));
  progress.clear();
  if (mismatch) {
    print_mismatch(destination_.name, *from_, *mismatch, arguments_.is_set("json"));
  }
  return !mismatch;
}

Status ReplayTask::find_last_writers(std::vector<replay::Difference>& differences) {
  if (reached_ == nullptr) {
    return replay::find_last_writers(reader_, totals_.from, totals_.to,
                                     !arguments_.is_set("no-discard"), differences);
  }
  return replay::find_last_writers(*reached_, timeline_->index(), differences);
}

}  // namespace powercut::apps
