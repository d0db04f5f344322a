// SPDX-License-Identifier: Apache-2.0
// The codec: what it decodes, it encodes so that it is decoded the same again.
//
// Input: a byte that chooses the sector size and the structure, and whether the extension's hash is
// to be made right (no fuzzer guesses one), then the sector.
#include "log/codec.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "fuzz/target.h"

namespace powercut::log {
namespace {

void make_hash_right(MutableBytes sector) {
  const Le64 hash = payload_hash(sector.first(sector.size() - sizeof(Le64)));
  std::memcpy(sector.data() + sector.size() - sizeof hash, &hash, sizeof hash);
}

void check_same(const Entry& a, const Entry& b) {
  POWERCUT_CHECK(a.sector == b.sector && a.nr_sectors == b.nr_sectors && a.flags == b.flags);
  POWERCUT_CHECK(a.extension == b.extension && !b.extension_damaged);
  POWERCUT_CHECK(a.is_mark() || b.mark.empty());
}

void fuzz_entry(ConstBytes sector) {
  const auto entry = decode_entry(sector, 7, 4096);
  if (!entry) return;
  POWERCUT_CHECK(entry->device_range().end >= entry->device_range().begin);
  POWERCUT_CHECK(entry->end_offset() >= entry->payload_offset());
  POWERCUT_CHECK(entry->mark.size() <= sector.size() - sizeof(EntryHeaderDisk));
  POWERCUT_CHECK(entry->mark.find('\0') == std::string::npos);
  (void)kind_name(*entry);
  // Inline data (data_len of what is no mark) is read, never written.
  if (entry->sector == 0 && entry->nr_sectors == 0 && entry->flags == 0) return;
  std::vector<std::byte> again(sector.size());
  encode_entry(*entry, again);
  const auto decoded = decode_entry(again, 7, 4096);
  POWERCUT_CHECK(decoded);
  check_same(*entry, *decoded);
  // A mark that others wrote may be longer than ours, to whose end the extension belongs.
  const auto room = max_mark_bytes(entry->sector_size, entry->extension.has_value());
  POWERCUT_CHECK(decoded->mark == entry->mark.substr(0, room));
  std::vector<std::byte> once_more(sector.size());
  encode_entry(*decoded, once_more);
  POWERCUT_CHECK(once_more == again);
}

void fuzz_super_block(ConstBytes bytes) {
  const auto super_block = decode_super_block(bytes);
  if (!super_block) return;
  POWERCUT_CHECK(check_sector_size(super_block->sector_size));
  std::vector<std::byte> again(super_block->sector_size);
  encode_super_block(*super_block, again);
  const auto decoded = decode_super_block(again);
  POWERCUT_CHECK(decoded && !decoded->extension_damaged);
  POWERCUT_CHECK(decoded->nr_entries == super_block->nr_entries);
  POWERCUT_CHECK(decoded->sector_size == super_block->sector_size);
  POWERCUT_CHECK(decoded->extension == super_block->extension);
}

}  // namespace
}  // namespace powercut::log

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace powercut;
  if (size == 0) return 0;
  const auto choice = static_cast<unsigned>(data[0]);
  std::vector<std::byte> sector(std::size_t{32} << (choice & 7));  // up to 4096
  std::transform(data + 1, data + 1 + std::min(size - 1, sector.size()), sector.begin(),
                 [](std::uint8_t byte) { return static_cast<std::byte>(byte); });
  if ((choice & 8) != 0) log::make_hash_right(sector);
  if ((choice & 16) != 0) {
    log::fuzz_super_block(ConstBytes(sector).first(std::min(size - 1, sector.size())));
    log::fuzz_super_block(sector);
  } else {
    log::fuzz_entry(sector);
  }
  return 0;
}
