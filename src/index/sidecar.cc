// SPDX-License-Identifier: Apache-2.0
//
// An index is tied to its log in three ways. The log's UUID; a log without one must not have been
// written since, as there is nothing else by which to tell it from one that is much alike. That the
// log has at least the entries that are indexed. And a hash of some header sectors, the first and
// the last among them: it tells a log that was cut back, or copied, and then went on differently.
// Headers that will be rewritten, of flushes whose outcome was not known, are left out.
//
// The hashes find what went wrong by accident, not what was made up: they can be calculated by
// anybody. So a sidecar is only trusted if its owner is one who could as well have written the log.
#include "index/sidecar.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"
#include "log/codec.h"

namespace powercut::index {
namespace {

constexpr std::uint64_t kSamples = 16;
// Of each header sector, from its beginning and its end: where the kernel's part and the extension
// stand.
constexpr std::size_t kSampleBytes = 512;
constexpr std::uint64_t kMaxSegments = 4096;

const Segment& segment_of(const Segments& segments, EntryIndex entry) {
  return **std::find_if(segments.begin(), segments.end(),
                        [&](const auto& segment) { return entry < segment->end_entry(); });
}

// Where the headers stand is taken from the index: if that is wrong, so is the hash.
Result<std::uint64_t> sample_hash(const log::Reader& reader, const Segments& segments) {
  const EntryIndex nr_entries = segments.empty() ? 0 : segments.back()->end_entry();
  const std::size_t piece = std::min<std::size_t>(kSampleBytes, reader.sector_size());
  std::vector<std::byte> samples;
  for (std::uint64_t i = 0; i < kSamples && nr_entries > 0; ++i) {
    const EntryIndex index = (nr_entries - 1) * i / (kSamples - 1);
    const EntrySummary entry = segment_of(segments, index).entry(index);
    if (entry.is_pending_flush) continue;
    if (entry.log_offset >= reader.file_size() ||
        reader.file_size() - entry.log_offset < reader.sector_size()) {
      return bad_input("it gives places that are not in the log");
    }
    const ByteOffset end = entry.log_offset + reader.sector_size();
    for (const ByteOffset at : {entry.log_offset, end - piece}) {
      samples.resize(samples.size() + piece);
      POWERCUT_TRY_STATUS(read_exactly(reader.file(), at, MutableBytes(samples).last(piece)));
    }
  }
  return log::payload_hash(samples);
}

Status check_owner(const PosixFile& sidecar, const File& log) {
  struct stat info {};
  if (::fstat(sidecar.fd(), &info) != 0) return os_error("cannot stat it");
  struct stat log_info {};
  const auto* log_file = dynamic_cast<const PosixFile*>(&log);
  const bool is_log_owners = log_file != nullptr && ::fstat(log_file->fd(), &log_info) == 0 &&
                             log_info.st_uid == info.st_uid;
  if (is_log_owners || info.st_uid == ::geteuid() || info.st_uid == 0) return {};
  return bad_input("it belongs to neither you nor the log's owner");
}

Result<IndexHeaderDisk> read_header(const PosixFile& file) {
  IndexHeaderDisk header{};
  const MutableBytes bytes = std::as_writable_bytes(std::span(&header, 1));
  if (POWERCUT_TRY(file.read_at(0, bytes)) < sizeof header || header.magic != kIndexMagic) {
    return bad_input("it is not an index");
  }
  if (header.version != kIndexVersion) {
    return bad_input(
        fmt::format("it is of version {}, not {}", header.version.value(), kIndexVersion));
  }
  if (hash_of(header) != header.header_hash) {
    return bad_input("its header is damaged");
  }
  return header;
}

Status check_belongs(const IndexHeaderDisk& header, const log::Reader& reader) {
  const LogIdentity log = identify(reader);
  if (header.sector_size != reader.sector_size() ||
      !std::equal(log.uuid.begin(), log.uuid.end(), std::begin(header.log_uuid))) {
    return bad_input("it belongs to another log");
  }
  if (header.log_mtime_ns != log.mtime_ns || header.log_file_bytes != log.file_bytes) {
    return bad_input("the log, which has no UUID, has been written since");
  }
  if (header.nr_entries > reader.super_block().nr_entries ||
      header.log_end_offset > reader.file_size()) {
    return bad_input("it belongs to a longer log");
  }
  return {};
}

Result<std::vector<SegmentDisk>> read_table(const PosixFile& file, const IndexHeaderDisk& header) {
  std::vector<SegmentDisk> table;
  if (header.nr_segments > kMaxSegments) return bad_input("it has impossibly many segments");
  table.resize(header.nr_segments);
  const MutableBytes bytes = std::as_writable_bytes(std::span(table));
  if (header.table_offset > INT64_MAX - bytes.size() ||
      POWERCUT_TRY(file.read_at(header.table_offset, bytes)) < bytes.size()) {
    return bad_input("it is cut short");
  }
  if (log::payload_hash(bytes) != header.table_hash) {
    return bad_input("its table of segments is damaged");
  }
  return table;
}

Result<Segments> map_segments(const PosixFile& file, const std::vector<SegmentDisk>& table,
                              std::uint32_t sector_size) {
  const ByteCount file_size = POWERCUT_TRY(file.size());
  Segments segments;
  EntryIndex next = 0;
  for (const SegmentDisk& disk : table) {
    const auto layout = SegmentLayout::of(disk);
    const auto end = layout ? checked_add(disk.segment_offset, layout->total_bytes) : std::nullopt;
    if (!end || *end > file_size || !is_aligned(disk.segment_offset, kSegmentAlignment) ||
        disk.first_entry != next) {
      return bad_input("a segment is not where it should be");
    }
    auto bytes = POWERCUT_TRY(MappedFile::map(file, {disk.segment_offset, *end}));
    segments.push_back(POWERCUT_TRY(Segment::open(std::move(bytes), disk, sector_size)));
    next = segments.back()->end_entry();
  }
  return segments;
}

}  // namespace

std::uint64_t hash_of(const IndexHeaderDisk& header) {
  const ConstBytes bytes = std::as_bytes(std::span(&header, 1));
  return log::payload_hash(bytes.first(offsetof(IndexHeaderDisk, header_hash)));
}

LogIdentity identify(const log::Reader& reader) {
  LogIdentity identity;
  if (const auto& extension = reader.super_block().extension) {
    identity.uuid = extension->uuid;
    return identity;
  }
  identity.file_bytes = reader.file_size();
  struct stat info {};
  const auto* file = dynamic_cast<const PosixFile*>(&reader.file());
  if (file != nullptr && ::fstat(file->fd(), &info) == 0) {
    constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
    identity.mtime_ns = static_cast<std::uint64_t>(info.st_mtim.tv_sec) * kNsPerSecond +
                        static_cast<std::uint64_t>(info.st_mtim.tv_nsec);
  }
  return identity;
}

Result<IndexHeaderDisk> make_header(const log::Reader& reader, const LogIdentity& identity,
                                    const Segments& segments, ByteOffset log_end_offset) {
  IndexHeaderDisk header{};
  header.sector_size = reader.sector_size();
  std::copy(identity.uuid.begin(), identity.uuid.end(), std::begin(header.log_uuid));
  header.log_mtime_ns = identity.mtime_ns;
  header.log_file_bytes = identity.file_bytes;
  header.nr_entries = segments.empty() ? 0 : segments.back()->end_entry();
  header.log_end_offset = log_end_offset;
  header.sample_hash = POWERCUT_TRY(sample_hash(reader, segments));
  return header;
}

Result<std::optional<Sidecar>> load_sidecar(const std::string& path, const log::Reader& reader) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR))
    return std::nullopt;
  // Opening a FIFO would wait for somebody.
  if (!S_ISREG(info.st_mode)) return bad_input("it is not an index");
  const auto file = POWERCUT_TRY(PosixFile::open(path, {}));
  POWERCUT_TRY_STATUS(check_owner(*file, reader.file()));
  const IndexHeaderDisk header = POWERCUT_TRY(read_header(*file));
  POWERCUT_TRY_STATUS(check_belongs(header, reader));
  const auto table = POWERCUT_TRY(read_table(*file, header));
  Sidecar sidecar;
  sidecar.segments = POWERCUT_TRY(map_segments(*file, table, reader.sector_size()));
  sidecar.nr_entries = header.nr_entries;
  sidecar.log_end_offset = header.log_end_offset;
  const EntryIndex end = sidecar.segments.empty() ? 0 : sidecar.segments.back()->end_entry();
  if (end != sidecar.nr_entries) return bad_input("segments are missing");
  if (POWERCUT_TRY(sample_hash(reader, sidecar.segments)) != header.sample_hash) {
    return bad_input("it belongs to another log, or to what this one was");
  }
  return sidecar;
}

Status check_replaceable(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return {};
  const auto refuse = [&] {
    return bad_input(fmt::format("'{}' is not an index, and is left alone", path));
  };
  if (!S_ISREG(info.st_mode)) return refuse();
  if (info.st_size == 0) return {};
  const auto file = POWERCUT_TRY(PosixFile::open(path, {}));
  Le64 magic = 0;
  (void)POWERCUT_TRY(file->read_at(0, std::as_writable_bytes(std::span(&magic, 1))));
  // Zeroes: what a power cut leaves of a file that had not been synced.
  return magic == kIndexMagic || magic == 0 ? Status{} : refuse();
}

}  // namespace powercut::index
