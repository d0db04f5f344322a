// SPDX-License-Identifier: Apache-2.0
// Makes the log of target 4a: writes of mixed sizes, 4 KiB to 512 KiB, in random order, one in twenty
// over what has been written before.
//
// make_mixed_log LOG BYTES SEED
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/prng.h"
#include "io/posix_file.h"
#include "log/writer.h"

namespace powercut {
namespace {

constexpr std::uint32_t kSectorSize = log::kDefaultSectorSize;
constexpr ByteCount kLeast = 4 * kKiB;
constexpr std::uint64_t kSizes = 8;        // 4 KiB times a power of two, up to 512 KiB
constexpr std::uint64_t kOverwrites = 20;  // one in so many

// Writes that cover the device without a gap, and some that come again at the same places.
std::vector<ByteRange> make_writes(ByteCount total_bytes, Prng& prng) {
  std::vector<ByteRange> writes;
  ByteOffset end = 0;
  for (ByteCount bytes = 0; bytes < total_bytes;) {
    ByteRange range = {end, end + (kLeast << prng.below(kSizes))};
    if (!writes.empty() && prng.one_in(kOverwrites)) {
      range = writes[prng.below(writes.size())];
    } else {
      end = range.end;
    }
    writes.push_back(range);
    bytes += range.size();
  }
  std::shuffle(writes.begin(), writes.end(), prng);
  return writes;
}

Status make_log(const std::string& path, ByteCount total_bytes, std::uint64_t seed) {
  Prng prng(seed);
  const std::vector<ByteRange> writes = make_writes(total_bytes, prng);
  log::WriterOptions options;
  options.initial_content = log::InitialContent::kZero;
  for (const ByteRange& range : writes) {
    options.device_size_bytes = std::max(options.device_size_bytes, range.end);
  }
  auto file = POWERCUT_TRY(PosixFile::open(
      path, {.writable = true, .create = OpenOptions::Create::kIfAbsent, .truncate = true}));
  const auto writer = POWERCUT_TRY(log::Writer::create(std::move(file), options));
  // Content that differs from place to place costs no time to make: a window of random bytes.
  std::vector<std::byte> bytes(4 * kMiB);
  prng.fill(bytes);
  for (const ByteRange& range : writes) {
    const auto payload =
        ConstBytes(bytes).subspan(prng.below(bytes.size() - range.size()), range.size());
    POWERCUT_TRY(writer->append({.sector = range.begin / kSectorSize,
                                 .nr_sectors = range.size() / kSectorSize,
                                 .payload = payload,
                                 .submit_tick = writer->take_tick()}));
  }
  return writer->close();
}

}  // namespace
}  // namespace powercut

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "Usage: make_mixed_log LOG BYTES SEED\n");
    return 2;
  }
  const powercut::Status status = powercut::make_log(argv[1], std::strtoull(argv[2], nullptr, 10),
                                                     std::strtoull(argv[3], nullptr, 10));
  if (status) return 0;
  fmt::print(stderr, "make_mixed_log: {}\n", status.error().message);
  return 4;
}
