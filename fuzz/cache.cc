// SPDX-License-Identifier: Apache-2.0
// A cache of verdicts, untrusted: reading it comes to an end within its size, and gives runs that are
// encoded as they stood there.
//
// Input: the file. An odd last byte says that checksums are to be made right first.
#include <cstring>
#include <vector>

#include "base/check.h"
#include "explore/cache_format.h"
#include "explore/verdict_cache.h"
#include "fuzz/target.h"
#include "io/memory_file.h"

namespace powercut::explore {
namespace {

void fix_checksums(std::vector<std::byte>& file) {
  std::size_t at = sizeof(CacheHeaderDisk);
  while (at <= file.size() && file.size() - at >= sizeof(RecordHeaderDisk)) {
    RecordHeaderDisk record;
    std::memcpy(&record, file.data() + at, sizeof(record));
    at += sizeof(record);
    if (record.body_bytes > file.size() - at) return;
    record.checksum = hash128(ConstBytes(file).subspan(at, record.body_bytes)).low;
    std::memcpy(file.data() + at - sizeof(record), &record, sizeof(record));
    at += record.body_bytes;
  }
}

void check_one(std::vector<std::byte> bytes) {
  const bool is_fixed = !bytes.empty() && (std::to_integer<int>(bytes.back()) & 1) != 0;
  if (is_fixed) fix_checksums(bytes);
  Hash128 key;
  if (bytes.size() >= sizeof(CacheHeaderDisk) + sizeof(RecordHeaderDisk) + sizeof(HashDisk)) {
    HashDisk disk;
    std::memcpy(&disk, bytes.data() + sizeof(CacheHeaderDisk) + sizeof(RecordHeaderDisk),
                sizeof(disk));
    key = {disk.low, disk.high};
  }
  const MemoryFile file("cache", bytes);
  const auto content = read_cache(file, key);
  if (!content) return;
  POWERCUT_CHECK(content->end <= bytes.size());
  for (const auto& run : content->runs) {
    POWERCUT_CHECK(run.key == key);
    const auto again = decode_run(encode_run(run));
    POWERCUT_CHECK(again && encode_run(*again) == encode_run(run));
  }
}

}  // namespace
}  // namespace powercut::explore

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  powercut::explore::check_one({bytes.begin(), bytes.end()});
  return 0;
}
