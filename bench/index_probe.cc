// SPDX-License-Identifier: Apache-2.0
// What index_bench measures:
//
// index_probe make LOG ENTRIES DEVICE_BYTES SEED [EPOCH]   makes a log of 4 KiB writes at random
//                                                     places; each EPOCH-th entry is a flush
// index_probe headers LOG ENTRIES DEVICE_BYTES SEED   the same of discards: a log that takes 32 bytes
//                                                     an entry, to see what very many cost
// index_probe build LOG [SIDECAR]                  indexes it; prints entries, seconds, peak memory
// index_probe jump LOG SIDECAR ENTRY OFFSET OUT    opens the index, reads 1 MiB at OFFSET as it was
//                                                  behind ENTRY entries, puts it into OUT; prints
//                                                  milliseconds
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "base/prng.h"
#include "index/log_index.h"
#include "io/posix_file.h"
#include "log/codec.h"
#include "log/writer.h"

namespace powercut {
namespace {

using Clock = std::chrono::steady_clock;
constexpr ByteCount kWrite = 4 * kKiB;
constexpr std::uint32_t kSectorSize = log::kDefaultSectorSize;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Status make(const std::string& path, std::uint64_t entries, ByteCount device_bytes,
            std::uint64_t seed, std::uint64_t epoch) {
  log::WriterOptions options;
  options.initial_content = log::InitialContent::kZero;
  options.device_size_bytes = device_bytes;
  auto file = POWERCUT_TRY(PosixFile::open(
      path, {.writable = true, .create = OpenOptions::Create::kIfAbsent, .truncate = true}));
  const auto writer = POWERCUT_TRY(log::Writer::create(std::move(file), options));
  Prng prng(seed);
  std::vector<std::byte> bytes(4 * kMiB);
  prng.fill(bytes);
  for (std::uint64_t i = 0; i < entries; ++i) {
    if (epoch != 0 && i % epoch == epoch - 1) {
      POWERCUT_TRY(writer->append({.operation = log::Operation::kFlush,
                                   .flags = log::kFlagFlush,
                                   .submit_tick = writer->take_tick()}));
      continue;
    }
    POWERCUT_TRY(writer->append(
        {.sector = prng.below(device_bytes / kWrite) * (kWrite / kSectorSize),
         .nr_sectors = kWrite / kSectorSize,
         .payload = ConstBytes(bytes).subspan(prng.below(bytes.size() - kWrite), kWrite),
         .submit_tick = writer->take_tick()}));
  }
  return writer->close();
}

Status make_headers(const std::string& path, std::uint64_t entries, ByteCount device_bytes,
                    std::uint64_t seed) {
  log::SuperBlock super_block;
  super_block.sector_size = log::kMinSectorSize;
  super_block.nr_entries = entries;
  std::vector<std::byte> bytes(super_block.sector_size);
  log::encode_super_block(super_block, bytes);
  const auto file = POWERCUT_TRY(PosixFile::open(
      path, {.writable = true, .create = OpenOptions::Create::kIfAbsent, .truncate = true}));
  Prng prng(seed);
  log::Entry entry;
  entry.sector_size = super_block.sector_size;
  entry.nr_sectors = kWrite / entry.sector_size;
  entry.flags = log::kFlagDiscard;
  ByteOffset end = 0;
  for (std::uint64_t i = 0; i <= entries; ++i) {
    if (i == entries || bytes.size() >= kMiB) {
      POWERCUT_TRY_STATUS(file->write_at(end, ConstBytes(bytes)));
      end += bytes.size();
      bytes.clear();
    }
    if (i == entries) break;
    entry.sector = prng.below(device_bytes / kWrite) * entry.nr_sectors;
    bytes.resize(bytes.size() + entry.sector_size);
    log::encode_entry(entry, MutableBytes(bytes).last(entry.sector_size));
  }
  return {};
}

Result<std::unique_ptr<index::LogIndex>> open_index(const std::string& path,
                                                    const std::string& sidecar_path) {
  std::shared_ptr<const File> file = POWERCUT_TRY(PosixFile::open(path, {}));
  index::IndexOptions options;
  options.sidecar_path = sidecar_path;
  options.notice = [](const std::string& notice) { fmt::print(stderr, "{}\n", notice); };
  return index::LogIndex::open(std::move(file), std::move(options));
}

// Not getrusage: what that gives may be the parent's.
ByteCount peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmHWM:") continue;
    ByteCount kib = 0;
    status >> kib;
    return kib * kKiB;
  }
  return 0;
}

Status build(const std::string& path, const std::string& sidecar_path) {
  const auto start = Clock::now();
  const auto index = POWERCUT_TRY(open_index(path, sidecar_path));
  const double seconds = seconds_since(start);
  fmt::print("{{\"entries\": {}, \"seconds\": {}, \"peak_memory_bytes\": {}}}\n",
             index->nr_entries(), seconds, peak_memory_bytes());
  return {};
}

Status jump(const std::string& path, const std::string& sidecar_path, EntryIndex entry,
            ByteOffset offset, const std::string& out_path) {
  std::vector<std::byte> content(kMiB);
  const auto start = Clock::now();
  const auto index = POWERCUT_TRY(open_index(path, sidecar_path));
  const auto extents = POWERCUT_TRY(index->look_up({offset, offset + kMiB}, entry));
  for (const index::Extent& extent : extents) {
    if (extent.source != index::Extent::Source::kPayload) continue;
    POWERCUT_TRY_STATUS(read_exactly(
        *index->log(), extent.log_offset,
        MutableBytes(content).subspan(extent.range.begin - offset, extent.range.size())));
  }
  const double seconds = seconds_since(start);
  if (index->origin() != index::LogIndex::Origin::kLoaded) return bad_input("no sidecar");
  fmt::print("{{\"milliseconds\": {}, \"extents\": {}}}\n", seconds * 1000, extents.size());
  const auto out = POWERCUT_TRY(PosixFile::open(
      out_path, {.writable = true, .create = OpenOptions::Create::kIfAbsent, .truncate = true}));
  return out->write_at(0, ConstBytes(content));
}

Status run(const std::vector<std::string>& arguments) {
  const auto number = [&](std::size_t at) {
    return std::strtoull(arguments[at].c_str(), nullptr, 10);
  };
  const std::string mode = arguments.empty() ? "" : arguments[0];
  if (mode == "make" && (arguments.size() == 5 || arguments.size() == 6)) {
    return make(arguments[1], number(2), number(3), number(4),
                arguments.size() == 6 ? number(5) : 0);
  }
  if (mode == "headers" && arguments.size() == 5)
    return make_headers(arguments[1], number(2), number(3), number(4));
  if (mode == "build" && arguments.size() >= 2)
    return build(arguments[1], arguments.size() > 2 ? arguments[2] : "");
  if (mode == "jump" && arguments.size() == 6)
    return jump(arguments[1], arguments[2], number(3), number(4), arguments[5]);
  return usage_error("see the head of bench/index_probe.cc");
}

}  // namespace
}  // namespace powercut

int main(int argc, char** argv) {
  const powercut::Status status = powercut::run({argv + 1, argv + argc});
  if (status) return 0;
  fmt::print(stderr, "index_probe: {}\n", status.error().message);
  return 4;
}
