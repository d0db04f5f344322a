// SPDX-License-Identifier: Apache-2.0
// Records are only appended, and each has a checksum: whatever ends the process, what it leaves is
// whole records and at most one torn one at the end, which the next user cuts off. A record that is
// damaged is passed over by its length. Nothing is synced: what a power cut of this machine takes is
// run again.
#include "explore/verdict_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "explore/cache_format.h"
#include "io/image_lock.h"

namespace powercut::explore {
namespace {

template <typename Disk>
void append(std::vector<std::byte>& bytes, const Disk& disk) {
  const auto part = std::as_bytes(std::span(&disk, 1));
  bytes.insert(bytes.end(), part.begin(), part.end());
}
void append(std::vector<std::byte>& bytes, const std::string& text) {
  const auto part = std::as_bytes(std::span(text));
  bytes.insert(bytes.end(), part.begin(), part.end());
}

HashDisk to_disk(const Hash128& hash) {
  return {hash.low, hash.high};
}
Hash128 from_disk(const HashDisk& disk) {
  return {disk.low, disk.high};
}

// Takes pieces off the front. They are there.
class Pieces {
 public:
  explicit Pieces(ConstBytes bytes) : bytes_(bytes) {}
  template <typename Disk>
  Disk take() {
    Disk disk;
    std::memcpy(&disk, bytes_.data(), sizeof(disk));
    bytes_ = bytes_.subspan(sizeof(disk));
    return disk;
  }
  std::string take_text(std::size_t length) {
    std::string text(reinterpret_cast<const char*>(bytes_.data()), length);
    bytes_ = bytes_.subspan(length);
    return text;
  }

 private:
  ConstBytes bytes_;
};

std::uint64_t checksum_of(ConstBytes body) {
  return hash128(body).low;
}

}  // namespace

std::vector<std::byte> encode_run(const RememberedRun& run) {
  const check::Verdict& verdict = run.verdict;
  RunDisk disk;
  disk.key = to_disk(run.key);
  disk.marks = to_disk(run.marks);
  disk.outcome = static_cast<std::uint32_t>(verdict.outcome);
  disk.code = static_cast<std::uint32_t>(verdict.code);
  disk.step_bytes = static_cast<std::uint32_t>(verdict.step.size());
  disk.output_bytes = static_cast<std::uint32_t>(verdict.output.size());
  disk.step_output_bytes = static_cast<std::uint32_t>(verdict.step_output.size());
  disk.nr_reads = static_cast<std::uint32_t>(run.reads.size());
  std::vector<std::byte> body;
  append(body, disk);
  append(body, verdict.step);
  append(body, verdict.output);
  append(body, verdict.step_output);
  for (const auto& read : run.reads) append(body, ReadDisk{read.block, to_disk(read.content)});
  return body;
}

Result<RememberedRun> decode_run(ConstBytes body) {
  if (body.size() < sizeof(RunDisk)) return bad_input("a record is too short");
  Pieces pieces(body);
  const auto disk = pieces.take<RunDisk>();
  const std::uint64_t texts =
      std::uint64_t{disk.step_bytes} + disk.output_bytes + disk.step_output_bytes;
  if (body.size() != sizeof(RunDisk) + texts + sizeof(ReadDisk) * std::uint64_t{disk.nr_reads})
    return bad_input("a record's length is not that of its parts");
  if (disk.outcome > static_cast<std::uint32_t>(check::Outcome::kAcknowledgement))
    return bad_input("a record has an unknown outcome");
  RememberedRun run;
  run.key = from_disk(disk.key);
  run.marks = from_disk(disk.marks);
  run.verdict.outcome = static_cast<check::Outcome>(disk.outcome.value());
  run.verdict.code = static_cast<std::int32_t>(disk.code.value());
  run.verdict.step = pieces.take_text(disk.step_bytes);
  run.verdict.output = pieces.take_text(disk.output_bytes);
  run.verdict.step_output = pieces.take_text(disk.step_output_bytes);
  run.reads.reserve(disk.nr_reads);
  for (std::uint32_t i = 0; i < disk.nr_reads; ++i) {
    const auto read = pieces.take<ReadDisk>();
    run.reads.push_back({read.block, from_disk(read.content)});
  }
  return run;
}

Result<CacheContent> read_cache(const File& file, const Hash128& key) {
  const ByteCount size = POWERCUT_TRY(file.size());
  CacheContent content;
  CacheHeaderDisk header{kCacheMagic, 0};
  const MutableBytes bytes = std::as_writable_bytes(std::span(&header, 1));
  POWERCUT_TRY_STATUS(read_exactly(file, 0, bytes.first(std::min(size, bytes.size()))));
  if (header.magic != kCacheMagic)
    return bad_input(fmt::format("'{}' is not a cache of verdicts", file.name()));
  if (size < sizeof(header)) return content;
  if (header.version != kCacheVersion) {
    return bad_input(
        fmt::format("'{}' is a cache of verdicts of version {}, this program has {}: remove it",
                    file.name(), header.version.value(), kCacheVersion));
  }
  content.end = sizeof(header);
  while (size - content.end >= sizeof(RecordHeaderDisk)) {
    RecordHeaderDisk record;
    POWERCUT_TRY_STATUS(
        read_exactly(file, content.end, std::as_writable_bytes(std::span(&record, 1))));
    const ByteOffset begin = content.end + sizeof(record);
    if (record.body_bytes > size - begin) break;
    std::vector<std::byte> body(record.body_bytes);
    POWERCUT_TRY_STATUS(read_exactly(file, begin, body));
    content.end = begin + body.size();
    const bool is_whole = checksum_of(body) == record.checksum;
    auto run = decode_run(body);
    if (!is_whole || !run) {
      ++content.damaged;
    } else if (run->key == key) {
      content.runs.push_back(*std::move(run));
    }
  }
  return content;
}

Result<std::unique_ptr<VerdictCache>> VerdictCache::open(
    const std::string& path, const Hash128& key,
    const std::function<void(const std::string&)>& notice) {
  OpenOptions options;
  options.writable = true;
  options.create = OpenOptions::Create::kIfAbsent;
  auto file = POWERCUT_TRY(PosixFile::open(path, options));
  POWERCUT_TRY_STATUS(lock_for_writing(*file));
  CacheContent content = POWERCUT_TRY(read_cache(*file, key));
  if (content.damaged > 0 && notice) {
    notice(fmt::format("'{}': {} damaged records are passed over", path, content.damaged));
  }
  POWERCUT_TRY_STATUS(file->truncate(content.end));
  if (content.end == 0) {
    const CacheHeaderDisk header{kCacheMagic, kCacheVersion};
    POWERCUT_TRY_STATUS(file->write_at(0, std::as_bytes(std::span(&header, 1))));
    content.end = sizeof(header);
  }
  return std::unique_ptr<VerdictCache>(new VerdictCache(std::move(file), std::move(content)));
}

Status VerdictCache::add(const RememberedRun& run) {
  const std::vector<std::byte> body = encode_run(run);
  const RecordHeaderDisk header{body.size(), checksum_of(body)};
  const ConstBytes pieces[] = {std::as_bytes(std::span(&header, 1)), body};
  const MutexLock lock(mutex_);
  POWERCUT_TRY_STATUS(file_->write_at(end_, pieces));
  end_ += sizeof(header) + body.size();
  return {};
}

}  // namespace powercut::explore
