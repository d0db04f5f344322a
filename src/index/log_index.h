// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "index/extent.h"
#include "index/segment.h"
#include "log/reader.h"

namespace powercut::index {

class SegmentStore;

struct IndexOptions {
  // The file in which the index is kept (default_sidecar_path); "": nowhere. One that is there and
  // belongs to the log is used, and gone on with if the log has grown; else a new one is made.
  // Where that cannot be, the index lives in a nameless file in $TMPDIR, and `notice` is told why.
  std::string sidecar_path;
  std::function<void(const std::string&)> notice;
  // How far reading the log has come, now and then.
  std::function<void(ByteOffset done, ByteCount total)> progress;
};

// "LOG.idx"; of a log on a block device "": nothing can stand beside it.
[[nodiscard]] std::string default_sidecar_path(const std::string& log_path);

// Answers, for any place of the device and any entry N of a log, which of the entries in front of N
// wrote it last, and where its bytes are. Which are the entries is a matter of the super block's
// count, as everywhere. Thread-safe: every function may be called while another refreshes.
//
// The index is kept in a file and mapped, what is looked at is checked against hashes, and an index
// that turns out to be damaged is made anew, while whoever asked waits. Hence every question can
// fail: the log cannot be read (kEnvironment), or is not what it was (kBadInput).
class LogIndex {
 public:
  // Reads the log's headers where no sidecar saves it. A torn tail is left out; a corrupt log gives
  // an index of the entries in front of the damage: see ending(). Errors: not a log.
  [[nodiscard]] static Result<std::unique_ptr<LogIndex>> open(std::shared_ptr<const File> log,
                                                              IndexOptions options);
  ~LogIndex();

  // Takes in the entries that have come since; those that were known stay as they are, but for
  // flushes whose outcome was not known: they become flushes. Errors: the log is another one now, or
  // shorter; the index stays as it was.
  [[nodiscard]] Status refresh();

  [[nodiscard]] std::uint64_t nr_entries() const;
  // How reading the log ended, when that was last done.
  [[nodiscard]] log::Ending ending() const;
  // The least device that holds all entries.
  [[nodiscard]] ByteCount least_device_size_bytes() const;
  [[nodiscard]] std::uint32_t sector_size() const { return super_block_.sector_size; }
  // As it was when the log was opened; its count may be out of date.
  [[nodiscard]] const log::SuperBlock& super_block() const { return super_block_; }
  [[nodiscard]] const std::shared_ptr<const File>& log() const { return log_; }

  // What is done with each extent or entry, in order; an error ends the walk and is its result.
  using ExtentSink = index::ExtentSink;
  using EntrySink = std::function<Status(EntryIndex, const EntrySummary&)>;

  // The content of a range, aligned to sectors, behind the first `limit` entries: it is covered with
  // extents in rising order; neighbours differ. Memory and time grow with their number; neither
  // with the log.
  [[nodiscard]] Result<std::vector<Extent>> look_up(ByteRange range, EntryIndex limit) const;
  // The same for ranges of any length: memory does not grow.
  [[nodiscard]] Status look_up(ByteRange range, EntryIndex limit, const ExtentSink& sink) const;

  // The parts of a range that were written between two instants: behind the first `from` entries and
  // up to the first `to` (from <= to). With their content as of `to`, never kInitial; to have that as
  // of `from`, look the extent up. Whether the bytes differ is another question: something may have
  // been written over with the same.
  [[nodiscard]] Status changes(ByteRange range, EntryIndex from, EntryIndex to,
                               const ExtentSink& sink) const;

  // Every entry in [from, to) that wrote some of a range, in the order of the log. Reads only what
  // concerns the range, unless that is large; memory is bounded.
  [[nodiscard]] Status writers(ByteRange range, EntryIndex from, EntryIndex to,
                               const EntrySink& sink) const;

  // `entry` is below nr_entries().
  [[nodiscard]] Result<EntrySummary> entry(EntryIndex entry) const;

  // Entries with FLUSH. `number` counts from 0; one that is not below nr_flushes() is kBadInput:
  // numbers shift when flushes whose outcome was not known come to an end.
  [[nodiscard]] std::uint64_t nr_flushes() const;
  [[nodiscard]] Result<EntryIndex> flush(std::uint64_t number) const;
  // How many of them are among the first `limit` entries.
  [[nodiscard]] Result<std::uint64_t> flushes_before(EntryIndex limit) const;

  // Marks, likewise; there can be fewer of them then.
  [[nodiscard]] std::uint64_t nr_marks() const;
  [[nodiscard]] Result<Mark> mark(std::uint64_t number) const;
  [[nodiscard]] Result<std::uint64_t> marks_before(EntryIndex limit) const;
  // The which-th (from 1) mark with this text, by a look at each; nothing if there is none.
  [[nodiscard]] Result<std::optional<EntryIndex>> find_mark(std::string_view text,
                                                            std::uint64_t which) const;

  // How the index came about, for messages and tests.
  enum class Origin { kBuilt, kLoaded, kExtended };
  [[nodiscard]] Origin origin() const;

 private:
  // What questions are answered from; exchanged as a whole when the index grows.
  struct State;

  LogIndex(std::shared_ptr<const File> log, log::SuperBlock super_block, IndexOptions options);
  [[nodiscard]] static State empty_state(const log::Reader& reader);
  [[nodiscard]] std::shared_ptr<const State> state() const POWERCUT_EXCLUDES(mutex_);
  // Asks `question` of the present state, and again of a new one if that turns out to be damaged.
  template <typename Question>
  [[nodiscard]] auto ask(const Question& question) const -> decltype(question(*state()));
  // Replaces the state, unless somebody else just did.
  [[nodiscard]] Status rebuild(const std::shared_ptr<const State>& damaged) const;
  void publish(std::shared_ptr<const State> state) const POWERCUT_EXCLUDES(mutex_);
  void note(const std::string& message) const;

  // What the sidecar has; an empty state if there is none of use.
  [[nodiscard]] State load(const log::Reader& reader) const;
  // The state behind all entries that the reader has to give. Anew, should `from` turn out to be
  // damaged.
  [[nodiscard]] Result<std::shared_ptr<const State>> grow(const State& from, log::Reader& reader,
                                                          bool is_to_be_kept) const;
  // With the first nr_kept segments of `from`; `incoming` entries more or less will come.
  [[nodiscard]] Result<std::shared_ptr<State>> grow_in(SegmentStore& store, const State& from,
                                                       std::size_t nr_kept, std::uint64_t incoming,
                                                       log::Reader& reader) const;
  [[nodiscard]] Result<std::shared_ptr<State>> grow_sidecar(const State& from, std::size_t nr_kept,
                                                            std::uint64_t incoming,
                                                            log::Reader& reader) const;
  [[nodiscard]] Result<std::size_t> nr_settled(const State& from, const log::Reader& reader) const;
  [[nodiscard]] Status add_segment(
      const Segment& segment, log::Reader& reader,
      const std::function<Status(const EntrySummary&, const std::string&)>& add) const;
  [[nodiscard]] Status walk(ByteRange range, EntryIndex since, EntryIndex limit,
                            const ExtentSink& sink) const;

  const std::shared_ptr<const File> log_;
  const log::SuperBlock super_block_;
  const IndexOptions options_;

  mutable Mutex growing_;  // held by the one that makes a new state
  mutable Mutex mutex_;
  mutable std::shared_ptr<const State> state_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::index
