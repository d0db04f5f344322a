// SPDX-License-Identifier: Apache-2.0
// A whole log, untrusted: Reader, verify, repair, and the writer that goes on with it.
//
// Input: the log's file. In its first sector, where nothing stands, byte 28 tells whether hashes
// are to be made right, since no fuzzer guesses one.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "fuzz/target.h"
#include "io/memory_file.h"
#include "log/codec.h"
#include "log/reader.h"
#include "log/repair.h"
#include "log/verify.h"
#include "log/writer.h"
#include "support/shared_file.h"

namespace powercut::log {
namespace {

// No header or payload makes the reader ask for more than the file and a window can hold.
class BoundedFile final : public test::SharedFile {
 public:
  using SharedFile::SharedFile;
  [[nodiscard]] Result<std::size_t> read_at(ByteOffset offset, MutableBytes buffer) const override {
    const ByteCount file_size = POWERCUT_TRY(size());
    POWERCUT_CHECK(offset <= file_size);
    POWERCUT_CHECK(buffer.size() <= std::max<ByteCount>(file_size, 1 * kMiB));
    return SharedFile::read_at(offset, buffer);
  }
};

struct Walk {
  EntryIndex entries = 0;
  Ending ending;
};

Walk walk(const File& file, bool past_count) {
  auto reader = Reader::open(file, {.past_count = past_count});
  POWERCUT_CHECK(reader);
  Walk walk;
  ByteOffset end = reader->sector_size();
  while (const auto entry = reader->next()) {
    POWERCUT_CHECK(entry->index == walk.entries++);
    POWERCUT_CHECK(entry->log_offset == end);
    POWERCUT_CHECK(entry->end_offset() > end);
    end = entry->end_offset();
    POWERCUT_CHECK(end <= reader->file_size());
    std::byte first{};
    if (entry->payload_bytes() > 0)
      POWERCUT_CHECK(reader->read_payload(*entry, entry->payload_bytes() - 1, {&first, 1}));
  }
  walk.ending = reader->ending();
  POWERCUT_CHECK(walk.ending.entry == walk.entries && walk.ending.log_offset == end);
  POWERCUT_CHECK(walk.ending.is_whole() == walk.ending.message.empty());
  POWERCUT_CHECK(past_count || walk.entries <= reader->super_block().nr_entries);
  POWERCUT_CHECK(!walk.ending.is_whole() || walk.entries >= reader->super_block().nr_entries);
  return walk;
}

bool is_about_the_end(const Finding& finding) {
  return finding.kind == Finding::Kind::kTornTail || finding.kind == Finding::Kind::kCorrupt ||
         finding.kind == Finding::Kind::kStaleSuperBlock;
}

// Repair makes a whole log of what is there, and touches nothing but the super block.
EntryIndex fuzz_repair(const std::shared_ptr<MemoryFile>& memory) {
  const auto before = memory->content();
  const BoundedFile file(memory);
  const Walk all = walk(file, true);
  const auto dry = repair(*memory, {.dry_run = true});
  POWERCUT_CHECK(dry && memory->content() == before);
  const auto report = repair(*memory);
  POWERCUT_CHECK(report && report->nr_entries == all.entries);
  POWERCUT_CHECK(report->changed == dry->changed && report->nr_entries == dry->nr_entries);
  POWERCUT_CHECK(report->changed == (memory->content() != before));
  const auto after = memory->content();
  const std::uint32_t sector_size = Reader::open(file)->sector_size();
  POWERCUT_CHECK(after.size() == before.size());
  POWERCUT_CHECK(
      std::equal(after.begin() + sector_size, after.end(), before.begin() + sector_size));

  const Walk repaired = walk(file, true);
  POWERCUT_CHECK(repaired.ending.is_whole() && repaired.entries == all.entries);
  POWERCUT_CHECK(walk(file, false).entries == all.entries);
  const auto verified = verify(file, {});
  POWERCUT_CHECK(verified && verified->readable_entries == all.entries);
  POWERCUT_CHECK(
      std::none_of(verified->findings.begin(), verified->findings.end(), is_about_the_end));
  const auto again = repair(*memory);
  POWERCUT_CHECK(again && !again->changed);
  return all.entries;
}

// What is not whole is refused; what is, is gone on with.
void fuzz_append(const std::shared_ptr<MemoryFile>& memory, EntryIndex entries) {
  auto writer = Writer::append_to(std::make_unique<test::SharedFile>(memory), {});
  POWERCUT_CHECK(writer);
  POWERCUT_CHECK((*writer)->append({.operation = Operation::kZeroes, .nr_sectors = 1}));
  POWERCUT_CHECK((*writer)->close());
  writer->reset();
  const BoundedFile file(memory);
  const Walk after = walk(file, false);
  POWERCUT_CHECK(after.ending.is_whole() && after.entries == entries + 1);
}

// Makes every hash right that the decoder will look at, as far as the entries can be followed.
void make_hashes_right(std::vector<std::byte>& log) {
  const auto fix = [](MutableBytes sector) {
    const Le64 hash = payload_hash(sector.first(sector.size() - sizeof(Le64)));
    std::memcpy(sector.data() + sector.size() - sizeof hash, &hash, sizeof hash);
  };
  const auto super_block = decode_super_block(log);
  if (!super_block || super_block->sector_size < kMinSectorSizeForExtension) return;
  const std::size_t sector_size = super_block->sector_size;
  if (log.size() < sector_size) return;
  fix(MutableBytes(log).first(sector_size));
  for (ByteOffset at = sector_size; at + sector_size <= log.size();) {
    const MutableBytes sector = MutableBytes(log).subspan(at, sector_size);
    const auto entry = decode_entry(sector, 0, at);
    if (!entry) return;
    if (entry->extension || entry->extension_damaged) fix(sector);
    at = entry->end_offset();
  }
}

}  // namespace
}  // namespace powercut::log

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace powercut;
  constexpr std::size_t kMaxSize = 1 << 20;
  if (size > kMaxSize) return 0;
  std::vector<std::byte> content(size);
  if (size > 0) std::memcpy(content.data(), data, size);
  if (size > 28 && (data[28] & 1) != 0) log::make_hashes_right(content);
  const auto memory = std::make_shared<MemoryFile>("fuzz.log", std::move(content));
  const log::BoundedFile file(memory);
  if (!log::Reader::open(file)) {
    POWERCUT_CHECK(!log::verify(file, {}) && !log::repair(*memory));
    (void)log::repair(*memory, {.sector_size = 512});
    return 0;
  }
  POWERCUT_CHECK(log::verify(file, {}));
  (void)log::walk(file, false);
  const EntryIndex entries = log::fuzz_repair(memory);
  log::fuzz_append(memory, entries);
  return 0;
}
