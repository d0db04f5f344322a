// SPDX-License-Identifier: Apache-2.0
// A sidecar index, untrusted, of a log that is known: whatever it is, the answers are those of an
// index made from the log.
//
// Input: a byte, the sidecar's header, and what stands at each multiple of kSegmentAlignment, with its
// length (16 bits) in front of it: most of a small index is padding. An odd first byte says that hashes are to be made right: then answers may be wrong, since
// there is nothing by which to tell, but they come, and within bounds.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"
#include "fuzz/index_log.h"
#include "fuzz/target.h"
#include "index/log_index.h"
#include "index/sidecar.h"
#include "log/codec.h"

namespace powercut::index {
namespace {

constexpr std::size_t kMaxSize = kMiB;

// A segment's hashes, as far as it lies in the file.
void fix_segment(std::vector<std::byte>& file, const SegmentDisk& disk) {
  const auto layout = SegmentLayout::of(disk);
  if (!layout || disk.segment_offset > file.size() ||
      layout->total_bytes > file.size() - disk.segment_offset) {
    return;
  }
  const MutableBytes all = MutableBytes(file).subspan(disk.segment_offset);
  MutableBytes bytes = all.first(layout->segment_bytes);
  for (std::uint64_t at = layout->hashes; !bytes.empty(); at += sizeof(Le64)) {
    const std::size_t length = std::min(kBlockSize, bytes.size());
    const Le64 hash = log::payload_hash(bytes.first(length));
    std::memcpy(all.data() + at, &hash, sizeof hash);
    bytes = bytes.subspan(length);
  }
}

void make_hashes_right(std::vector<std::byte>& file) {
  IndexHeaderDisk header;
  std::memcpy(&header, file.data(), sizeof header);
  const std::uint64_t table_bytes =
      std::min<std::uint64_t>(header.nr_segments, 64) * sizeof(SegmentDisk);
  if (header.table_offset < file.size() && table_bytes <= file.size() - header.table_offset) {
    const MutableBytes table = MutableBytes(file).subspan(header.table_offset, table_bytes);
    for (std::size_t at = 0; at < table.size(); at += sizeof(SegmentDisk)) {
      SegmentDisk disk;
      std::memcpy(&disk, table.data() + at, sizeof disk);
      fix_segment(file, disk);
    }
    header.table_hash = log::payload_hash(table);
  }
  header.header_hash = hash_of(header);
  std::memcpy(file.data(), &header, sizeof header);
}

// The file is the caller's, so that its memory is taken once.
void to_file(ConstBytes input, std::vector<std::byte>& file) {
  const ConstBytes header = input.first(std::min(input.size(), sizeof(IndexHeaderDisk)));
  file.assign(header.begin(), header.end());
  input = input.subspan(header.size());
  Le16 length;
  while (input.size() >= sizeof length && file.size() < kMaxSize) {
    std::memcpy(&length, input.data(), sizeof length);
    input = input.subspan(sizeof length);
    const ConstBytes block = input.first(std::min<std::size_t>(input.size(), length));
    file.resize(align_up(file.size(), kSegmentAlignment));
    file.insert(file.end(), block.begin(), block.end());
    input = input.subspan(block.size());
  }
}

// All that there is to ask, as text.
std::string answers(const LogIndex& index) {
  std::string text;
  const auto limits = {EntryIndex{0}, index.nr_entries() / 3, index.nr_entries() - 3,
                       index.nr_entries()};
  constexpr ByteRange kDevice = {0, kIndexLogDeviceBytes};
  for (const EntryIndex limit : limits) {
    ByteOffset end = 0;
    const Status status = index.look_up(kDevice, limit, [&](const Extent& extent) -> Status {
      POWERCUT_CHECK(extent.range.begin == end && extent.range.end > end);
      end = extent.range.end;
      text += fmt::format("{} {} {} {}\n", end, static_cast<int>(extent.source), extent.entry,
                          extent.log_offset);
      return {};
    });
    POWERCUT_CHECK(status && end == kDevice.end);
    POWERCUT_CHECK(index.changes(kDevice, limit / 2, limit, [&](const Extent& extent) -> Status {
      text += fmt::format("changed {} {} {}\n", extent.range.begin, extent.range.end, extent.entry);
      return {};
    }));
    EntryIndex next = 0;
    POWERCUT_CHECK(
        index.writers({0, kMiB}, 0, limit, [&](EntryIndex entry, const EntrySummary&) -> Status {
          POWERCUT_CHECK(entry >= next && entry < limit);
          next = entry + 1;
          text += fmt::format("writer {}\n", entry);
          return {};
        }));
    text += fmt::format("{} {}\n", *index.flushes_before(limit), *index.marks_before(limit));
  }
  for (EntryIndex i = 0; i < index.nr_entries(); ++i) {
    const auto entry = index.entry(i);
    POWERCUT_CHECK(entry);
    text += fmt::format("{} {} {} {} {} {}\n", entry->log_offset, entry->sector, entry->nr_sectors,
                        entry->flags, entry->reads_as_zeroes, entry->is_pending_flush);
  }
  for (std::uint64_t i = 0; i < index.nr_flushes(); ++i)
    text += fmt::format("flush {}\n", *index.flush(i));
  for (std::uint64_t i = 0; i < index.nr_marks(); ++i) {
    const auto mark = index.mark(i);
    POWERCUT_CHECK(mark);
    text += fmt::format("mark {} {}\n", mark->entry, mark->text);
  }
  (void)*index.find_mark("step", 2);
  return text + fmt::format("{}\n", index.least_device_size_bytes());
}

void fuzz(ConstBytes input) {
  static const auto log = std::shared_ptr<const File>(make_index_log().file());
  static const std::string truth = [] {
    const auto index = LogIndex::open(log, {});
    POWERCUT_CHECK(index);
    return answers(**index);
  }();
  static const auto reader = log::Reader::open(*log);
  POWERCUT_CHECK(reader);
  const bool are_hashes_fixed = (input.front() & std::byte{1}) != std::byte{0};
  static std::vector<std::byte> file;
  to_file(input.subspan(1), file);
  if (are_hashes_fixed && file.size() > kSegmentAlignment) make_hashes_right(file);

  const int fd = ::memfd_create("sidecar", MFD_CLOEXEC);
  POWERCUT_CHECK(fd >= 0);
  POWERCUT_CHECK(::write(fd, file.data(), file.size()) == static_cast<ssize_t>(file.size()));
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  // Most are refused as soon as they are looked at. Making an index of the log instead takes a hundred
  // times as long, and is for tests.
  if (load_sidecar(path, *reader)) {
    const auto index = LogIndex::open(log, {.sidecar_path = path});
    POWERCUT_CHECK(index);
    const std::string found = answers(**index);
    POWERCUT_CHECK(are_hashes_fixed || found == truth);
    POWERCUT_CHECK((*index)->refresh());
  }
  ::close(fd);
}

}  // namespace
}  // namespace powercut::index

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0 && size <= powercut::index::kMaxSize)
    powercut::index::fuzz({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
