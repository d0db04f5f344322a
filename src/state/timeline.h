// SPDX-License-Identifier: Apache-2.0
// A recorded log with all that is needed to look at any of its instants at once.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "state/crash_view.h"
#include "state/device_size.h"
#include "state/instant.h"
#include "state/instant_view.h"

namespace powercut::state {

struct TimelineOptions {
  // Where the index is kept (index::IndexOptions::sidecar_path); nothing: beside the log; "":
  // nowhere.
  std::optional<std::string> sidecar_path;
  // The initial content; null is all zero. It may be shorter than the device, not longer.
  std::shared_ptr<BlockDevice> base;
  // Of the device, where the log does not say it (device_size.h).
  std::optional<ByteCount> size_bytes;
  // Told what the user should know: an index that could not be kept, a log that is not whole, a size
  // that had to be inferred. May be called by any thread that uses the timeline.
  std::function<void(const std::string&)> notice;
  // How far reading the log has come, if there is no index yet.
  std::function<void(ByteOffset done, ByteCount total)> progress;
};

// The device at one of its instants, or as one of its crash states has it.
struct Moment {
  std::string name;  // canonical: "entry:412", "epoch:412:lost:409"
  // What no entry in [least, greatest) wrote is as it is at both of these instants. least == greatest:
  // it is that instant.
  EntryIndex least = 0;
  EntryIndex greatest = 0;
  std::shared_ptr<LogView> view;
  std::optional<CrashState> crash_state;  // nothing: it is the instant `least`
};

// Log, index, initial content and size of the device. With a sidecar, opening costs the same for
// every log. Thread-safe. The views that it gives go on living without it.
class Timeline {
 public:
  // A log that is not whole is opened up to where it breaks; only the instant `end` is not to be had
  // then.
  [[nodiscard]] static Result<std::unique_ptr<Timeline>> open(const std::string& log_path,
                                                              TimelineOptions options);
  [[nodiscard]] static Result<std::unique_ptr<Timeline>> open(std::shared_ptr<const File> log,
                                                              TimelineOptions options);

  // Takes in what has been recorded since (LogIndex::refresh), also a device that turns out to be
  // larger where its size is inferred.
  [[nodiscard]] Status refresh();

  [[nodiscard]] const index::LogIndex& index() const { return *index_; }
  [[nodiscard]] const std::shared_ptr<BlockDevice>& base() const { return options_.base; }
  [[nodiscard]] ByteCount device_size_bytes() const { return size_bytes_; }
  [[nodiscard]] bool is_size_inferred() const { return is_size_inferred_; }

  // N of an instant as it is written.
  [[nodiscard]] Result<EntryIndex> resolve(std::string_view text) const;
  // `entries` is at most index().nr_entries().
  [[nodiscard]] std::shared_ptr<InstantView> view(EntryIndex entries,
                                                  DiscardPolicy discard = {}) const;

  // An instant, or a crash state, as it is written.
  [[nodiscard]] Result<Moment> moment(std::string_view text) const;
  // `entries` is at most index().nr_entries().
  [[nodiscard]] Moment moment(EntryIndex entries) const;
  [[nodiscard]] Result<Moment> moment(const StateId& id) const;
  // The view of moment(text).
  [[nodiscard]] Result<std::shared_ptr<BlockDevice>> device(std::string_view text) const;

  // exact if all entries have ticks, else epoch.
  [[nodiscard]] Result<Model> strongest_model() const;
  // The first use of model exact takes a pass over the log's headers. Errors (kUsage): the log has no
  // such cut, or no ticks where the model is exact.
  // `without`: see CrashGroup; kUsage if that entry makes nothing durable anyway.
  [[nodiscard]] Result<std::shared_ptr<const CrashGroup>> group(
      Model model, std::uint64_t cut, std::optional<EntryIndex> without = {}) const;
  // The last tick in the log, with the same costs and errors.
  [[nodiscard]] Result<Tick> last_tick() const;
  [[nodiscard]] Result<CrashState> crash_state(const StateId& id) const;
  // `map` is one for this state.
  [[nodiscard]] std::shared_ptr<CrashView> view(const CrashState& state, const GroupMap& map) const;

 private:
  Timeline(std::shared_ptr<index::LogIndex> index, TimelineOptions options, DeviceSize size);
  [[nodiscard]] Result<std::shared_ptr<const TickTable>> ticks() const POWERCUT_EXCLUDES(mutex_);

  const TimelineOptions options_;
  const std::shared_ptr<index::LogIndex> index_;
  const bool is_size_inferred_;
  // Only grows.
  std::atomic<ByteCount> size_bytes_;

  mutable Mutex mutex_;
  // Of as many entries as there were when it was last asked for; null before.
  mutable std::shared_ptr<const TickTable> ticks_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::state
