// SPDX-License-Identifier: Apache-2.0
#include "index/log_index.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/check.h"
#include "index/segment_store.h"
#include "index/sidecar.h"
#include "index/walk.h"

namespace powercut::index {
namespace {

// So many entries are sooner gone through than a device.
constexpr std::uint64_t kFewEntries = 65'536;
constexpr std::uint64_t kProgressInterval = 65'536;
constexpr int kMaxRebuilds = 3;
constexpr int kMaxRereads = 3;

// An index is written anew if that costs less than reading the log again would: bytes to copy, all
// in all or for each entry that has come.
constexpr ByteCount kWorthCopying = 16 * kMiB;
constexpr ByteCount kWorthCopyingPerEntry = 1 * kKiB;

bool is_sorted_out(const EntrySummary& entry, Sector begin, Sector end) {
  return !entry.writes() || entry.sector >= end || entry.sector + entry.nr_sectors <= begin;
}

}  // namespace

std::string default_sidecar_path(const std::string& log_path) {
  struct stat info {};
  if (::stat(log_path.c_str(), &info) == 0 && S_ISBLK(info.st_mode)) return {};
  return log_path + ".idx";
}

struct LogIndex::State {
  Segments segments;  // in order, without gaps
  EntryIndex nr_entries = 0;
  ByteOffset end_offset = 0;
  log::Ending ending;
  Origin origin = Origin::kBuilt;
  // By what the segments say of themselves; see add().
  std::vector<std::uint64_t> flushes_before;  // in the segments in front of each
  std::vector<std::uint64_t> marks_before;
  std::uint64_t nr_flushes = 0;
  std::uint64_t nr_marks = 0;
  ByteCount least_device_size_bytes = 0;

  void add(std::shared_ptr<const Segment> segment) {
    nr_entries = segment->end_entry();
    flushes_before.push_back(nr_flushes);
    marks_before.push_back(nr_marks);
    nr_flushes += segment->nr_flushes();
    nr_marks += segment->nr_marks();
    least_device_size_bytes =
        std::max<ByteCount>(least_device_size_bytes, segment->disk().least_device_size_bytes);
    segments.push_back(std::move(segment));
  }
  [[nodiscard]] bool is_damaged() const {
    return std::any_of(segments.begin(), segments.end(),
                       [](const auto& segment) { return segment->is_damaged(); });
  }
  // The number of the segment that holds the entry.
  [[nodiscard]] std::size_t segment_of(EntryIndex entry) const {
    const auto behind = std::upper_bound(
        segments.begin(), segments.end(), entry,
        [](EntryIndex value, const auto& segment) { return value < segment->first_entry(); });
    return static_cast<std::size_t>(behind - segments.begin()) - 1;
  }
};

namespace {

// The number of the segment that holds the number-th thing, by how many there are in front of each.
std::size_t segment_with(const std::vector<std::uint64_t>& before, std::uint64_t number) {
  const auto behind = std::upper_bound(before.begin(), before.end(), number);
  return static_cast<std::size_t>(behind - before.begin()) - 1;
}

}  // namespace

namespace {

// A super block that is read while it is being written can be half old and half new.
Result<log::Reader> open_reader(const File& log) {
  auto reader = log::Reader::open(log, {.read_ahead = true});
  for (int i = 0; i < kMaxRereads && reader && reader->super_block().extension_damaged; ++i)
    reader = log::Reader::open(log, {.read_ahead = true});
  return reader;
}

}  // namespace

LogIndex::LogIndex(std::shared_ptr<const File> log, log::SuperBlock super_block,
                   IndexOptions options)
    : log_(std::move(log)), super_block_(std::move(super_block)), options_(std::move(options)) {}

LogIndex::~LogIndex() = default;

Result<std::unique_ptr<LogIndex>> LogIndex::open(std::shared_ptr<const File> log,
                                                 IndexOptions options) {
  auto reader = POWERCUT_TRY(open_reader(*log));
  std::unique_ptr<LogIndex> index(
      new LogIndex(std::move(log), reader.super_block(), std::move(options)));
  auto state = index->grow(index->load(reader), reader, true);
  if (!state) {
    // A sidecar with right hashes can send the reader anywhere. If it is the log, it says so again.
    index->note(fmt::format("'{}' is not used: {}; the log is indexed anew",
                            index->options_.sidecar_path, state.error().message));
    state = index->grow(index->empty_state(reader), reader, true);
  }
  index->publish(POWERCUT_TRY(std::move(state)));
  return index;
}

void LogIndex::note(const std::string& message) const {
  if (options_.notice) options_.notice(message);
}

std::shared_ptr<const LogIndex::State> LogIndex::state() const {
  const MutexLock lock(mutex_);
  return state_;
}

void LogIndex::publish(std::shared_ptr<const State> state) const {
  const MutexLock lock(mutex_);
  state_.swap(state);
}

std::uint64_t LogIndex::nr_entries() const {
  return state()->nr_entries;
}
log::Ending LogIndex::ending() const {
  return state()->ending;
}
ByteCount LogIndex::least_device_size_bytes() const {
  return state()->least_device_size_bytes;
}
std::uint64_t LogIndex::nr_flushes() const {
  return state()->nr_flushes;
}
std::uint64_t LogIndex::nr_marks() const {
  return state()->nr_marks;
}
LogIndex::Origin LogIndex::origin() const {
  return state()->origin;
}

namespace {

Status same_log(const log::SuperBlock& was, const log::Reader& now, EntryIndex nr_entries,
                ByteOffset end_offset) {
  const log::SuperBlock& is = now.super_block();
  const auto uuid = [](const log::SuperBlock& block) {
    return block.extension ? block.extension->uuid : log::Uuid{};
  };
  if (is.sector_size != was.sector_size || uuid(is) != uuid(was)) {
    return bad_input(fmt::format("'{}' is another log than before", now.file().name()));
  }
  if (is.nr_entries < nr_entries || now.file_size() < end_offset) {
    return bad_input(fmt::format(
        "'{}' is shorter than before: {} entries and {} bytes, there were {} entries up to byte {}",
        now.file().name(), is.nr_entries, now.file_size(), nr_entries, end_offset));
  }
  return {};
}

}  // namespace

Status LogIndex::refresh() {
  const MutexLock growing(growing_);
  const auto old = state();
  auto reader = POWERCUT_TRY(open_reader(*log_));
  POWERCUT_TRY_STATUS(same_log(super_block_, reader, old->nr_entries, old->end_offset));
  publish(POWERCUT_TRY(grow(*old, reader, false)));
  return {};
}

Status LogIndex::rebuild(const std::shared_ptr<const State>& damaged) const {
  const MutexLock growing(growing_);
  if (state() != damaged) return {};
  note(fmt::format("the index of '{}' is damaged; it is made anew", log_->name()));
  auto reader = POWERCUT_TRY(open_reader(*log_));
  POWERCUT_TRY_STATUS(same_log(super_block_, reader, damaged->nr_entries, damaged->end_offset));
  auto fresh = POWERCUT_TRY(grow(empty_state(reader), reader, true));
  if (fresh->nr_entries < damaged->nr_entries) {
    POWERCUT_TRY_STATUS(log::to_status(fresh->ending));
  }
  publish(std::move(fresh));
  return {};
}

namespace {

// An entry that was read before cannot be read any more.
Unexpected is_gone(const log::Reader& reader) {
  const Status status = log::to_status(reader.ending());
  if (!status) return Unexpected(status.error());
  return bad_input(
      fmt::format("'{}' has no entry {} any more", reader.file().name(), reader.position()));
}

}  // namespace

// From which segment on they have to be made anew, since flushes in them have come to an end.
Result<std::size_t> LogIndex::nr_settled(const State& from, const log::Reader& reader) const {
  log::Reader probe(*log_, reader.super_block(), reader.file_size(), {});
  for (std::size_t i = 0; i < from.segments.size(); ++i) {
    const Segment& segment = *from.segments[i];
    for (std::uint64_t k = 0; k < segment.nr_pending(); ++k) {
      const EntryIndex index = segment.pending(k);
      probe.seek(index, segment.entry(index).log_offset);
      const auto entry = probe.next();
      if (!entry) return is_gone(probe);
      if (!entry->is_pending_flush()) return i;
    }
  }
  return from.segments.size();
}

namespace {

// How many segments stay, if so many entries come: small ones are merged with them, so that there
// are never many; an entry goes through few merges, as what it is merged with is at least half of
// what there is then.
std::size_t nr_kept(const Segments& segments, std::size_t nr_settled, std::uint64_t incoming) {
  std::size_t kept = segments.size();
  const auto drop_last = [&] { incoming += segments[--kept]->nr_entries(); };
  while (kept > nr_settled) drop_last();
  while (kept > 0 && !segments[kept - 1]->is_large() &&
         segments[kept - 1]->nr_entries() <= 2 * incoming) {
    drop_last();
  }
  return kept;
}

}  // namespace

LogIndex::State LogIndex::empty_state(const log::Reader& reader) {
  State state;
  state.end_offset = reader.sector_size();
  return state;
}

LogIndex::State LogIndex::load(const log::Reader& reader) const {
  State state = empty_state(reader);
  if (options_.sidecar_path.empty()) return state;
  auto sidecar = load_sidecar(options_.sidecar_path, reader);
  if (!sidecar) {
    note(fmt::format("'{}' is not used: {}; the log is indexed anew", options_.sidecar_path,
                     sidecar.error().message));
    return state;
  }
  if (!*sidecar) return state;
  for (auto& segment : (*sidecar)->segments) state.add(std::move(segment));
  state.end_offset = (*sidecar)->log_end_offset;
  state.origin = Origin::kLoaded;
  return state;
}

Result<std::shared_ptr<const LogIndex::State>> LogIndex::grow(const State& from,
                                                              log::Reader& reader,
                                                              bool is_to_be_kept) const {
  const auto settled = nr_settled(from, reader);
  reader.seek(from.nr_entries, from.end_offset);
  const bool has_next = settled && reader.next().has_value();
  if (settled && !has_next && *settled == from.segments.size() && !from.is_damaged()) {
    auto state = std::make_shared<State>(from);
    state->ending = reader.ending();
    return state;
  }
  // Hardly more than that, whatever the super block claims.
  const std::uint64_t incoming =
      std::min(reader.super_block().nr_entries - from.nr_entries,
               (reader.file_size() - from.end_offset) / reader.sector_size());
  auto grown = [&]() -> Result<std::shared_ptr<State>> {
    const std::size_t kept = nr_kept(from.segments, POWERCUT_TRY(settled), incoming);
    ByteCount kept_bytes = 0;
    for (std::size_t i = 0; i < kept; ++i) kept_bytes += from.segments[i]->raw_bytes().size();
    const bool is_worth_it =
        kept_bytes <= std::max(kWorthCopying, incoming * kWorthCopyingPerEntry);
    if (is_to_be_kept && is_worth_it && !options_.sidecar_path.empty()) {
      auto state = grow_sidecar(from, kept, incoming, reader);
      if (state) return state;
      note(fmt::format("the index is not kept in '{}': {}", options_.sidecar_path,
                       state.error().message));
    }
    const auto store = POWERCUT_TRY(SegmentStore::make_nameless());
    return grow_in(*store, from, kept, incoming, reader);
  }();
  if (from.is_damaged()) {
    note(fmt::format("the index of '{}' is damaged; it is made anew", log_->name()));
    return grow(empty_state(reader), reader, is_to_be_kept);
  }
  return std::shared_ptr<const State>(POWERCUT_TRY(grown));
}

Result<std::shared_ptr<LogIndex::State>> LogIndex::grow_sidecar(const State& from,
                                                                std::size_t nr_kept,
                                                                std::uint64_t incoming,
                                                                log::Reader& reader) const {
  POWERCUT_TRY_STATUS(check_replaceable(options_.sidecar_path));
  const auto store = POWERCUT_TRY(SegmentStore::make_sidecar(options_.sidecar_path));
  for (std::size_t i = 0; i < nr_kept; ++i) POWERCUT_TRY_STATUS(store->add_copy(*from.segments[i]));
  const LogIdentity identity = identify(reader);
  auto state = POWERCUT_TRY(grow_in(*store, from, nr_kept, incoming, reader));
  const auto header = make_header(reader, identity, state->segments, state->end_offset);
  // Not with what may be wrong; the caller sees to that.
  if (from.is_damaged()) return state;
  const Status status = header ? store->finish(*header) : Status(Unexpected(header.error()));
  // The segments are mapped, whether they have a name or not.
  if (!status) {
    note(fmt::format("the index is not kept in '{}': {}", options_.sidecar_path,
                     status.error().message));
  }
  return state;
}

Result<std::shared_ptr<LogIndex::State>> LogIndex::grow_in(SegmentStore& store, const State& from,
                                                           std::size_t nr_kept,
                                                           std::uint64_t incoming,
                                                           log::Reader& reader) const {
  auto state = std::make_shared<State>();
  for (std::size_t i = 0; i < nr_kept; ++i) state->add(from.segments[i]);
  state->origin = from.nr_entries > 0 ? Origin::kExtended : Origin::kBuilt;
  std::optional<SegmentBuilder> builder;
  const auto add = [&](const EntrySummary& entry, const std::string& mark) -> Status {
    if (!builder) {
      const std::uint64_t rest = from.nr_entries - std::min(from.nr_entries, state->nr_entries);
      builder.emplace(state->nr_entries, sector_size(), rest + incoming);
    }
    builder->add(entry, mark);
    if (builder->is_full()) {
      state->add(POWERCUT_TRY(store.add(*builder, sector_size())));
      builder.reset();
    }
    return {};
  };
  for (std::size_t i = nr_kept; i < from.segments.size(); ++i)
    POWERCUT_TRY_STATUS(add_segment(*from.segments[i], reader, add));
  reader.seek(from.nr_entries, from.end_offset);
  while (const auto entry = reader.next()) {
    POWERCUT_TRY_STATUS(add(summary_of(*entry), entry->mark));
    if (options_.progress && entry->index % kProgressInterval == 0)
      options_.progress(entry->log_offset, reader.file_size());
  }
  if (builder) state->add(POWERCUT_TRY(store.add(*builder, sector_size())));
  state->end_offset = reader.log_offset();
  state->ending = reader.ending();
  return state;
}

// Adds a segment's entries, those that were pending as they are now.
Status LogIndex::add_segment(
    const Segment& segment, log::Reader& reader,
    const std::function<Status(const EntrySummary&, const std::string&)>& add) const {
  std::uint64_t nr_marks = 0;
  for (EntryIndex index = segment.first_entry(); index < segment.end_entry(); ++index) {
    EntrySummary summary = segment.entry(index);
    std::string text;
    if (summary.is_mark()) text = segment.mark(nr_marks++).text;
    if (summary.is_pending_flush) {
      reader.seek(index, summary.log_offset);
      const auto entry = reader.next();
      if (!entry) return is_gone(reader);
      summary = summary_of(*entry);
      text = entry->mark;
    }
    POWERCUT_TRY_STATUS(add(summary, text));
  }
  return {};
}

template <typename Question>
auto LogIndex::ask(const Question& question) const -> decltype(question(*state())) {
  for (int rebuilds = 0; rebuilds <= kMaxRebuilds; ++rebuilds) {
    const auto state = this->state();
    auto answer = question(*state);
    if (!state->is_damaged()) return answer;
    POWERCUT_TRY_STATUS(rebuild(state));
  }
  return environment_error(
      fmt::format("the index of '{}' is damaged again and again: is the storage of $TMPDIR sound?",
                  log_->name()),
      EIO);
}

Status LogIndex::look_up(ByteRange range, EntryIndex limit, const ExtentSink& sink) const {
  return walk(range, 0, limit, sink);
}

// What `sink` has been given stays so if the index turns out to be damaged: a new one goes on
// there.
Status LogIndex::walk(ByteRange range, EntryIndex since, EntryIndex limit,
                      const ExtentSink& sink) const {
  POWERCUT_CHECK(is_aligned(range.begin, sector_size()) && is_aligned(range.end, sector_size()));
  POWERCUT_CHECK(range.begin <= range.end);
  Sector begin = range.begin / sector_size();
  const Sector end = range.end / sector_size();
  return ask([&](const State& state) -> Status {
    if (begin == end) return {};
    ExtentWalk walk(state.segments, sector_size(), since, limit, sink);
    Status status = walk.walk(begin, end);
    begin = walk.done();
    return status;
  });
}

Result<std::vector<Extent>> LogIndex::look_up(ByteRange range, EntryIndex limit) const {
  std::vector<Extent> extents;
  POWERCUT_TRY_STATUS(look_up(range, limit, [&](const Extent& extent) -> Status {
    extents.push_back(extent);
    return {};
  }));
  return extents;
}

Status LogIndex::changes(ByteRange range, EntryIndex from, EntryIndex to,
                         const ExtentSink& sink) const {
  POWERCUT_CHECK(from <= to);
  to = std::min(to, nr_entries());
  const auto changed_only = [&](const Extent& extent) -> Status {
    return extent.source == Extent::Source::kInitial ? Status{} : sink(extent);
  };
  if (from >= to) return {};
  if (to - from > kFewEntries) return walk(range, from, to, changed_only);

  std::vector<ByteRange> ranges;
  for (EntryIndex index = from; index < to; ++index) {
    const EntrySummary summary = POWERCUT_TRY(entry(index));
    if (!summary.writes()) continue;
    const ByteRange written{
        std::max(summary.sector * sector_size(), range.begin),
        std::min((summary.sector + summary.nr_sectors) * sector_size(), range.end)};
    if (written.begin < written.end) ranges.push_back(written);
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  for (std::size_t i = 0; i < ranges.size();) {
    ByteRange joined = ranges[i];
    for (++i; i < ranges.size() && ranges[i].begin <= joined.end; ++i)
      joined.end = std::max(joined.end, ranges[i].end);
    POWERCUT_TRY_STATUS(walk(joined, from, to, changed_only));
  }
  return {};
}

Status LogIndex::writers(ByteRange range, EntryIndex from, EntryIndex to,
                         const EntrySink& sink) const {
  POWERCUT_CHECK(is_aligned(range.begin, sector_size()) && is_aligned(range.end, sector_size()));
  POWERCUT_CHECK(range.begin <= range.end);
  const Sector begin = range.begin / sector_size();
  const Sector end = range.end / sector_size();
  if (begin == end) return {};
  return ask([&](const State& state) -> Status {
    for (const auto& segment : state.segments) {
      if (segment->end_entry() <= from || segment->first_entry() >= to) continue;
      Candidates candidates(*segment, begin, end, from, to);
      while (const auto index = candidates.next()) {
        const EntrySummary summary = segment->entry(*index);
        if (segment->is_damaged()) return {};
        if (is_sorted_out(summary, begin, end)) continue;
        POWERCUT_TRY_STATUS(sink(*index, summary));
        from = *index + 1;
      }
      if (segment->is_damaged()) return {};
    }
    return {};
  });
}

Result<EntrySummary> LogIndex::entry(EntryIndex entry) const {
  return ask([&](const State& state) -> Result<EntrySummary> {
    POWERCUT_CHECK(entry < state.nr_entries);
    return state.segments[state.segment_of(entry)]->entry(entry);
  });
}

namespace {

Unexpected no_such(std::uint64_t number, std::string_view what) {
  return bad_input(fmt::format("the log has no {} number {} any more", what, number));
}

}  // namespace

Result<EntryIndex> LogIndex::flush(std::uint64_t number) const {
  return ask([&](const State& state) -> Result<EntryIndex> {
    if (number >= state.nr_flushes) return no_such(number, "flush");
    const std::size_t at = segment_with(state.flushes_before, number);
    return state.segments[at]->flush(number - state.flushes_before[at]);
  });
}

Result<std::uint64_t> LogIndex::flushes_before(EntryIndex limit) const {
  return ask([&](const State& state) -> Result<std::uint64_t> {
    if (limit >= state.nr_entries) return state.nr_flushes;
    const std::size_t at = state.segment_of(limit);
    return state.flushes_before[at] + state.segments[at]->flushes_before(limit);
  });
}

Result<Mark> LogIndex::mark(std::uint64_t number) const {
  return ask([&](const State& state) -> Result<Mark> {
    if (number >= state.nr_marks) return no_such(number, "mark");
    const std::size_t at = segment_with(state.marks_before, number);
    return state.segments[at]->mark(number - state.marks_before[at]);
  });
}

Result<std::uint64_t> LogIndex::marks_before(EntryIndex limit) const {
  return ask([&](const State& state) -> Result<std::uint64_t> {
    if (limit >= state.nr_entries) return state.nr_marks;
    const std::size_t at = state.segment_of(limit);
    return state.marks_before[at] + state.segments[at]->marks_before(limit);
  });
}

Result<std::optional<EntryIndex>> LogIndex::find_mark(std::string_view text,
                                                      std::uint64_t which) const {
  return ask([&](const State& state) -> Result<std::optional<EntryIndex>> {
    std::uint64_t seen = 0;
    for (const auto& segment : state.segments) {
      for (std::uint64_t i = 0; i < segment->nr_marks(); ++i) {
        const Mark mark = segment->mark(i);
        if (mark.text == text && ++seen == which) return mark.entry;
      }
    }
    return std::nullopt;
  });
}

}  // namespace powercut::index
