// SPDX-License-Identifier: Apache-2.0
#include "state/timeline.h"

#include <fmt/format.h>

#include "block/file_device.h"

namespace powercut::state {
namespace {

// A base that is shorter than the device does not say how large that is, unless nobody else does.
Result<DeviceSize> size_of(const index::LogIndex& index, const TimelineOptions& options) {
  std::optional<ByteCount> base;
  if (options.base != nullptr) base = options.base->size_bytes();
  const auto& extension = index.super_block().extension;
  const bool is_stated = extension && extension->device_size_bytes > 0;
  const bool is_known = is_stated || options.size_bytes;
  const ByteCount known = is_stated ? extension->device_size_bytes : options.size_bytes.value_or(0);
  if (is_known && base && *base <= known) base.reset();
  return device_size(index, options.size_bytes, base);
}

std::string on_what_is_assumed(const index::LogIndex& index, const TimelineOptions& options,
                               const DeviceSize& size) {
  const std::string& name = index.log()->name();
  if (size.is_inferred) {
    return fmt::format(
        "'{}' does not say how large its device is; {} bytes are the least that hold every entry "
        "(--size sets another size)",
        name, size.bytes);
  }
  const auto& extension = index.super_block().extension;
  if (options.base == nullptr && extension &&
      extension->initial_content == log::InitialContent::kImage) {
    return fmt::format(
        "the recorded device was not empty at first ('{}'): what the log does not write reads as "
        "zeroes (--base says where that content is)",
        extension->origin_path);
  }
  if (options.base != nullptr && options.base->size_bytes() < size.bytes) {
    return fmt::format("'{}' has {} bytes, the recorded device {}: there are zeroes behind its end",
                       options.base->name(), options.base->size_bytes(), size.bytes);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Timeline>> Timeline::open(const std::string& log_path,
                                                 TimelineOptions options) {
  std::shared_ptr<const File> log = POWERCUT_TRY(PosixFile::open(log_path, {}));
  if (!options.sidecar_path) options.sidecar_path = index::default_sidecar_path(log_path);
  return open(std::move(log), std::move(options));
}

Result<std::unique_ptr<Timeline>> Timeline::open(std::shared_ptr<const File> log,
                                                 TimelineOptions options) {
  std::shared_ptr<index::LogIndex> index = POWERCUT_TRY(
      index::LogIndex::open(std::move(log), {.sidecar_path = options.sidecar_path.value_or(""),
                                             .notice = options.notice,
                                             .progress = options.progress}));
  const DeviceSize size = POWERCUT_TRY(size_of(*index, options));
  if (options.notice) {
    const log::Ending ending = index->ending();
    if (!ending.is_whole()) options.notice(ending.message);
    const std::string assumed = on_what_is_assumed(*index, options, size);
    if (!assumed.empty()) options.notice(assumed);
  }
  return std::unique_ptr<Timeline>(new Timeline(std::move(index), std::move(options), size));
}

Timeline::Timeline(std::shared_ptr<index::LogIndex> index, TimelineOptions options, DeviceSize size)
    : options_(std::move(options)),
      index_(std::move(index)),
      is_size_inferred_(size.is_inferred),
      size_bytes_(size.bytes) {}

Status Timeline::refresh() {
  POWERCUT_TRY_STATUS(index_->refresh());
  const DeviceSize size = POWERCUT_TRY(size_of(*index_, options_));
  ByteCount before = size_bytes_;
  while (size.bytes > before && !size_bytes_.compare_exchange_weak(before, size.bytes)) {
  }
  return {};
}

Result<EntryIndex> Timeline::resolve(std::string_view text) const {
  const Instant instant = POWERCUT_TRY(parse_instant(text));
  return state::resolve(instant, *index_);
}

std::shared_ptr<InstantView> Timeline::view(EntryIndex entries, DiscardPolicy discard) const {
  return std::make_shared<InstantView>(index_, entries, size_bytes_, options_.base, discard);
}

Result<Moment> Timeline::moment(std::string_view text) const {
  if (!is_crash_state_text(text)) return moment(POWERCUT_TRY(resolve(text)));
  return moment(POWERCUT_TRY(parse_state_id(text)));
}

Result<std::shared_ptr<BlockDevice>> Timeline::device(std::string_view text) const {
  return std::shared_ptr<BlockDevice>(POWERCUT_TRY(moment(text)).view);
}

Moment Timeline::moment(EntryIndex entries) const {
  return {.name = to_string(StateId::of_prefix(entries)),
          .least = entries,
          .greatest = entries,
          .view = view(entries)};
}

Result<Moment> Timeline::moment(const StateId& id) const {
  CrashState state = POWERCUT_TRY(crash_state(id));
  const CrashGroup& group = *state.group;
  // What becomes of discards is another matter than at an instant, wherever the log has any.
  const bool is_like_instants = state.discard.kind == DiscardPolicy::Kind::kZeroes;
  auto crash_view = view(state, GroupMap(state));
  return Moment{.name = to_string(id_of(state, index_->sector_size())),
                .least = is_like_instants ? group.base : 0,
                .greatest = group.entries.empty() ? group.base : group.entries.back().entry + 1,
                .view = std::move(crash_view),
                .crash_state = std::move(state)};
}

Result<std::shared_ptr<const TickTable>> Timeline::ticks() const {
  // Others who want it wait: they would only read the same.
  const MutexLock lock(mutex_);
  if (ticks_ == nullptr || ticks_->nr_entries() != index_->nr_entries())
    ticks_ = std::make_shared<const TickTable>(POWERCUT_TRY(TickTable::make(*index_)));
  return ticks_;
}

Result<Model> Timeline::strongest_model() const {
  const auto table = ticks();
  if (table) return Model::kExact;
  if (table.error().kind == ErrorKind::kUsage) return Model::kEpoch;
  return tl::unexpected(table.error());
}

Result<Tick> Timeline::last_tick() const {
  return POWERCUT_TRY(ticks())->last_tick();
}

Result<std::shared_ptr<const CrashGroup>> Timeline::group(Model model, std::uint64_t cut,
                                                          std::optional<EntryIndex> without) const {
  const bool is_exact = model == Model::kExact;
  const auto table = is_exact ? POWERCUT_TRY(ticks()) : nullptr;
  const std::uint64_t last = is_exact ? table->last_tick() : index_->nr_entries();
  if (cut > last) {
    return usage_error(fmt::format("'{}' cannot be cut at {}:{}: it has {} {}",
                                   index_->log()->name(), to_string(model), cut, last,
                                   is_exact ? "ticks" : "entries"));
  }
  auto group = is_exact ? table->group(*index_, cut, without)
                        : group_by_position(*index_, model, cut, without);
  if (!group) return tl::unexpected(group.error());
  return std::make_shared<const CrashGroup>(*std::move(group));
}

Result<CrashState> Timeline::crash_state(const StateId& id) const {
  auto group_of_cut = POWERCUT_TRY(group(id.model, id.cut, id.without));
  return state_of(id, std::move(group_of_cut), index_->sector_size());
}

std::shared_ptr<CrashView> Timeline::view(const CrashState& state, const GroupMap& map) const {
  return std::make_shared<CrashView>(index_->log(), view(state.group->base, state.discard), state,
                                     map,
                                     fmt::format("{} at {}", index_->log()->name(),
                                                 to_string(id_of(state, index_->sector_size()))));
}

}  // namespace powercut::state
