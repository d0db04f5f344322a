// SPDX-License-Identifier: Apache-2.0
#include "explore/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "block/file_device.h"
#include "state/device_size.h"

namespace powercut::explore {
namespace {

struct Begin {
  EntryIndex cut = 0;
  std::string reason;
};

Result<EntryIndex> resolve_text(const std::string& text, const state::LogSummary& summary) {
  const state::Instant instant = POWERCUT_TRY(state::parse_instant(text));
  return state::resolve(instant, summary);
}

Result<Begin> beginning(const Request& request, const state::CutSelection& selection,
                        const state::LogSummary& summary) {
  if (!request.from.empty()) {
    return Begin{POWERCUT_TRY(resolve_text(request.from, summary)), request.from};
  }
  const bool has_kinds =
      selection.all || selection.flushes || selection.fua || selection.marks || selection.every > 0;
  if (!request.wants_file_system || !has_kinds || !request.base.empty()) return Begin{};
  const auto mark =
      std::find_if(summary.marks.begin(), summary.marks.end(),
                   [](const auto& candidate) { return candidate.name == kFileSystemMark; });
  if (mark == summary.marks.end()) {
    return usage_error(fmt::format(
        "'{}' has no mark '{}', so it is not known from where on there is a file system to "
        "check: say so with --from INSTANT (--from start for all)",
        request.log, kFileSystemMark));
  }
  return Begin{mark->entry + 1, fmt::format("mark {}", kFileSystemMark)};
}

Result<std::shared_ptr<BlockDevice>> open_base(const std::string& path) {
  if (path.empty()) return std::shared_ptr<BlockDevice>();
  auto file = POWERCUT_TRY(PosixFile::open(path, {}));
  return std::shared_ptr<BlockDevice>(POWERCUT_TRY(FileDevice::make(std::move(file))));
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

// What was read is explored if the rest is only missing, but not if something is wrong with it.
Status accept_ending(const log::Ending& ending, std::vector<std::string>& notes) {
  if (ending.kind != log::Ending::Kind::kTorn) return log::to_status(ending);
  notes.push_back(fmt::format("{}; explored up to there", ending.message));
  return {};
}

Result<std::shared_ptr<const check::AcknowledgementHistory>> acknowledgements_of(
    const Request& request, const state::LogSummary& summary) {
  if (!request.wants_acknowledgements)
    return std::shared_ptr<const check::AcknowledgementHistory>();
  auto history = std::make_shared<check::AcknowledgementHistory>();
  for (const auto& mark : summary.marks) {
    const Status added = history->add(mark.entry, mark.name);
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

Result<std::uint64_t> count_cuts(const File& log, const state::CutFilter& filter) {
  state::CutStream stream(POWERCUT_TRY(log::Reader::open(log)), filter);
  std::uint64_t count = 0;
  while (stream.next()) ++count;
  return count;
}

}  // namespace

Result<Plan> make_plan(const Request& request) {
  const state::CutSelection selection = POWERCUT_TRY(state::parse_cut_selection(request.at));
  std::shared_ptr<const File> log = POWERCUT_TRY(PosixFile::open(request.log, {}));
  log::Reader reader = POWERCUT_TRY(log::Reader::open(*log));
  const state::LogSummary summary = state::summarize(reader);
  findings::Exploration facts;
  POWERCUT_TRY_STATUS(accept_ending(summary.ending, facts.notes));
  POWERCUT_TRY_STATUS(require_base(request, reader.super_block()));

  auto base = POWERCUT_TRY(open_base(request.base));
  const state::DeviceSize size = POWERCUT_TRY(
      state::device_size(reader.super_block(), summary, request.size_bytes,
                         base != nullptr ? std::optional(base->size_bytes()) : std::nullopt));
  if (size.is_inferred) {
    facts.notes.push_back(fmt::format(
        "the log does not say how large its device is; {} bytes hold every entry (else: --size)",
        size.bytes));
  }

  std::vector<EntryIndex> instants;
  for (const auto& instant : selection.instants)
    instants.push_back(POWERCUT_TRY(state::resolve(instant, summary)));
  const Begin begin = POWERCUT_TRY(beginning(request, selection, summary));
  const EntryIndex to =
      request.to.empty() ? summary.nr_entries : POWERCUT_TRY(resolve_text(request.to, summary));
  const state::CutFilter filter(selection, begin.cut, to, std::move(instants));

  facts.log = request.log;
  facts.log_entries = summary.nr_entries;
  facts.device_size_bytes = size.bytes;
  facts.model = "prefix";
  facts.at = joined(request.at);
  facts.from = begin.cut;
  facts.from_reason = begin.reason;
  facts.cuts = POWERCUT_TRY(count_cuts(*log, filter));
  return Plan{std::move(log),
              reader.sector_size(),
              std::move(base),
              filter,
              POWERCUT_TRY(acknowledgements_of(request, summary)),
              std::move(facts)};
}

}  // namespace powercut::explore
