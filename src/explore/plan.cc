// SPDX-License-Identifier: Apache-2.0
#include "explore/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "block/open.h"
#include "log/codec.h"

namespace powercut::explore {
namespace {

using state::Timeline;

// Of a log without a UUID, so much behind the super block tells it from others.
constexpr ByteCount kIdentifyingBytes = 64 * kKiB;

struct Begin {
  EntryIndex cut = 0;
  std::string reason;
};

Result<Begin> beginning(const Request& request, const state::CutSelection& selection,
                        const Timeline& timeline) {
  if (!request.from.empty())
    return Begin{POWERCUT_TRY(timeline.resolve(request.from)), request.from};
  const bool has_kinds =
      selection.all || selection.flushes || selection.fua || selection.marks || selection.every > 0;
  if (!request.is_of_file_system || !has_kinds || !request.base.empty()) return Begin{};
  const auto mark = POWERCUT_TRY(timeline.index().find_mark(kFileSystemMark, 1));
  if (!mark) {
    return usage_error(fmt::format(
        "'{}' has no mark '{}', so it is not known from where on there is a file system to "
        "check: say so with --from INSTANT (--from start for all)",
        request.log, kFileSystemMark));
  }
  return Begin{*mark + 1, fmt::format("mark {}", kFileSystemMark)};
}

// Where the recorder knew that the device was not empty, states made over zeroes would be wrong.
Status require_base(const Request& request, const log::SuperBlock& super_block) {
  if (!request.base.empty() || !super_block.extension ||
      super_block.extension->initial_content != log::InitialContent::kImage) {
    return {};
  }
  return usage_error(fmt::format(
      "'{}' was recorded over the content of '{}': give a copy of what that held before with "
      "--base IMAGE",
      request.log, super_block.extension->origin_path));
}

Result<std::shared_ptr<const check::AcknowledgementHistory>> acknowledgements_of(
    const Request& request, const index::LogIndex& index) {
  auto history = std::make_shared<check::AcknowledgementHistory>();
  for (std::uint64_t i = 0; i < index.nr_marks(); ++i) {
    const index::Mark mark = POWERCUT_TRY(index.mark(i));
    const Status added = history->add(mark.entry, mark.text);
    if (!added) {
      return with_context(added.error(), fmt::format("'{}', entry {}", request.log, mark.entry));
    }
  }
  if (history->empty()) {
    return usage_error(fmt::format(
        "'{}' has no acknowledgement mark, so there is nothing to compare files with: put some "
        "with powercut mark --file, or leave out --acks",
        request.log));
  }
  return history;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string result;
  for (const auto& text : texts) result += (result.empty() ? "" : ",") + text;
  return result;
}

Result<std::shared_ptr<Timeline>> open_timeline(const Request& request,
                                                std::vector<std::string>& notes) {
  state::TimelineOptions options;
  options.sidecar_path = request.sidecar;
  if (!request.base.empty()) options.base = POWERCUT_TRY(open_read_only_device(request.base));
  options.size_bytes = request.size_bytes;
  options.progress = request.progress;
  // For what is known when the log has been opened; nothing is told behind that, as it does not grow.
  const auto told = std::make_shared<std::vector<std::string>>();
  options.notice = [told](const std::string& message) { told->push_back(message); };
  std::shared_ptr<Timeline> timeline =
      POWERCUT_TRY(Timeline::open(request.log, std::move(options)));
  const log::Ending ending = timeline->index().ending();
  // What was read is explored if the rest is only missing, but not if something is wrong with it.
  const bool is_good = ending.is_whole() || ending.kind == log::Ending::Kind::kTorn;
  if (!is_good) POWERCUT_TRY_STATUS(log::to_status(ending));
  POWERCUT_TRY_STATUS(require_base(request, timeline->index().super_block()));
  notes = *told;
  return timeline;
}

Result<std::string> log_id_of(const index::LogIndex& index) {
  const log::SuperBlock& super_block = index.super_block();
  if (super_block.extension) return log::to_string(super_block.extension->uuid);
  const ByteCount size = POWERCUT_TRY(index.log()->size());
  const ByteOffset begin = std::min<ByteCount>(super_block.sector_size, size);
  std::vector<std::byte> bytes(std::min(kIdentifyingBytes, size - begin));
  POWERCUT_TRY_STATUS(read_exactly(*index.log(), begin, bytes));
  return fmt::format("{:016x}", log::payload_hash(bytes));
}

// "off", "sector", or bytes: a power of two, at least the log's sector.
Result<ByteCount> unit_bytes(const Request& request, std::uint32_t sector_size) {
  if (request.torn.empty()) {
    return request.is_of_file_system ? std::max<ByteCount>(kFileSystemUnitBytes, sector_size)
                                     : ByteCount{sector_size};
  }
  if (request.torn == "off") return 0;
  if (request.torn == "sector") return sector_size;
  ByteCount bytes = 0;
  const char* const last = request.torn.data() + request.torn.size();
  const auto [end, error] = std::from_chars(request.torn.data(), last, bytes);
  if (error != std::errc() || end != last || !is_power_of_two(bytes) || bytes < sector_size) {
    return usage_error(fmt::format(
        "--torn takes off, sector, or the bytes of an atomic unit: a power of two, at least {} in "
        "this log; not '{}'",
        sector_size, request.torn));
  }
  return bytes;
}

// None if `at` says where to cut.
Result<std::vector<state::StateId>> states_of(const std::vector<std::string>& at) {
  std::vector<state::StateId> states;
  bool has_cuts = false;
  for (std::string_view text : at) {
    const bool is_states = state::is_crash_state_text(text.substr(0, text.find(',')));
    has_cuts = has_cuts || !is_states;
    for (; is_states && !text.empty();) {
      const std::size_t end = std::min(text.find(','), text.size());
      states.push_back(POWERCUT_TRY(state::parse_state_id(text.substr(0, end))));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  const bool is_of_one_model = std::all_of(states.begin(), states.end(), [&](const auto& id) {
    return id.model == states.front().model;
  });
  if ((has_cuts && !states.empty()) || !is_of_one_model) {
    return usage_error(
        "--at takes places to cut at, or the names of crash states of one model, not both");
  }
  return states;
}

struct Cuts {
  std::uint64_t number = 0;
  EntryIndex first_base = 0;
};

Result<Cuts> count_cuts(const Timeline& timeline, const state::StateListOptions& list) {
  auto walk = POWERCUT_TRY(state::CutWalk::make(timeline, list.model, list.at, list.from, list.to));
  auto cut = POWERCUT_TRY(walk.next());
  Cuts cuts;
  if (cut) cuts.first_base = POWERCUT_TRY(timeline.group(list.model, cut->at))->base;
  for (; cut; cut = POWERCUT_TRY(walk.next())) ++cuts.number;
  return cuts;
}

std::string discard_text(const state::DiscardPolicy& policy) {
  switch (policy.kind) {
    case state::DiscardPolicy::Kind::kZeroes:
      return "zeroes";
    case state::DiscardPolicy::Kind::kStale:
      return "stale";
    case state::DiscardPolicy::Kind::kRandom:
      return fmt::format("random:{}", policy.seed);
  }
  return {};
}

Status choose_states(const Request& request, Plan& plan) {
  plan.first_base = plan.facts.log_entries;
  for (const auto& id : plan.states) {
    const auto state = POWERCUT_TRY(plan.timeline->crash_state(id));
    plan.first_base = std::min(plan.first_base, state.group->base);
  }
  if (request.model && *request.model != plan.states.front().model) {
    return usage_error(fmt::format("{} is no state of model {}", to_string(plan.states.front()),
                                   to_string(*request.model)));
  }
  plan.facts.model = to_string(plan.states.front().model);
  plan.facts.cuts = plan.states.size();
  return {};
}

Status choose_list(const Request& request, Plan& plan) {
  const Timeline& timeline = *plan.timeline;
  state::StateListOptions& list = plan.list;
  findings::Exploration& facts = plan.facts;
  list.model = request.model ? *request.model : POWERCUT_TRY(timeline.strongest_model());
  list.at = POWERCUT_TRY(state::parse_cut_selection(request.at));
  list.strategies = POWERCUT_TRY(state::parse_strategies(request.strategy));
  list.choices.seed = request.seed;
  list.choices.unit_bytes = POWERCUT_TRY(unit_bytes(request, timeline.index().sector_size()));
  list.discard = POWERCUT_TRY(state::parse_discard_policy(request.discard, request.seed));
  Begin begin = POWERCUT_TRY(beginning(request, list.at, timeline));
  list.from = begin.cut;
  list.to = request.to.empty() ? facts.log_entries : POWERCUT_TRY(timeline.resolve(request.to));
  list.max_states = request.max_states;
  list.gives_equals = request.gives_equals;
  list.shard = request.shard - 1;
  list.shards = request.shards;

  facts.model = to_string(list.model);
  const bool has_choice = list.model != state::Model::kPrefix;
  if (has_choice) {
    facts.strategy = request.strategy;
    facts.torn = list.choices.unit_bytes == 0 ? "off" : std::to_string(list.choices.unit_bytes);
  }
  facts.discard = discard_text(list.discard);
  facts.from = begin.cut;
  facts.from_reason = std::move(begin.reason);
  facts.to = list.to;
  const Cuts cuts = POWERCUT_TRY(count_cuts(timeline, list));
  plan.first_base = cuts.first_base;
  facts.cuts = cuts.number;
  return {};
}

}  // namespace

Result<Plan> make_plan(const Request& request) {
  Plan plan;
  plan.states = POWERCUT_TRY(states_of(request.at));
  plan.timeline = POWERCUT_TRY(open_timeline(request, plan.facts.notes));
  const index::LogIndex& index = plan.timeline->index();
  if (request.wants_acknowledgements)
    plan.acknowledgements = POWERCUT_TRY(acknowledgements_of(request, index));
  plan.facts.log = request.log;
  plan.facts.log_id = POWERCUT_TRY(log_id_of(index));
  plan.facts.log_entries = index.nr_entries();
  plan.facts.device_size_bytes = plan.timeline->device_size_bytes();
  plan.facts.seed = request.seed;
  plan.facts.at = joined(request.at);
  plan.facts.shard = request.shard;
  plan.facts.shards = request.shards;
  if (plan.states.empty()) {
    POWERCUT_TRY_STATUS(choose_list(request, plan));
  } else {
    POWERCUT_TRY_STATUS(choose_states(request, plan));
  }
  return plan;
}

}  // namespace powercut::explore
