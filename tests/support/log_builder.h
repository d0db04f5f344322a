// SPDX-License-Identifier: Apache-2.0
// A tiny language for logs in tests:
//
//   LogBuilder log;
//   log.write(0, "A").flush().write(1, "BC").mark("m").discard(0, 1);
//   EXPECT_EQ(sketch(log.image_after(2, 4 * 512)), "A...");
//
// Each character of a text fills one sector; '.' stands for a sector of zeroes. The bytes are made
// with log/codec.h, without log::Writer, and image_after() replays by the most naive means, without
// log::Reader: both can be tested against it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "io/memory_file.h"
#include "log/entry.h"

namespace powercut::test {

class LogBuilder {
 public:
  // With `extension` the log is one of powercut's own, else one as other recorders make it.
  explicit LogBuilder(std::uint32_t sector_size = log::kDefaultSectorSize,
                      std::optional<log::SuperBlockExtension> extension = std::nullopt);

  // The submission and completion ticks of the next entry; without, each entry is submitted when
  // the one before it has completed. Of use only with an extension.
  LogBuilder& ticks(Tick submit, Tick complete);

  LogBuilder& write(Sector sector, std::string_view text, std::uint64_t flags = 0);
  LogBuilder& write_bytes(Sector sector, ConstBytes payload, std::uint64_t flags = 0);
  LogBuilder& fua(Sector sector, std::string_view text) {
    return write(sector, text, log::kFlagFua);
  }
  LogBuilder& zeroes(Sector sector, std::uint64_t nr_sectors, std::uint64_t flags = 0);
  LogBuilder& discard(Sector sector, std::uint64_t nr_sectors, std::uint64_t flags = 0);
  LogBuilder& flush(std::uint64_t flags = 0);
  LogBuilder& mark(std::string_view name);
  // Anything else; sector_size, index, offset and, where the log has one, extension are filled in,
  // but for the operation if the entry has an extension.
  LogBuilder& entry(log::Entry entry, ConstBytes payload);

  // What the super block says, instead of the truth.
  LogBuilder& count(std::uint64_t nr_entries);
  // Puts bytes behind the last entry, as they are.
  LogBuilder& raw(ConstBytes bytes);

  [[nodiscard]] std::uint64_t nr_entries() const { return effects_.size(); }
  [[nodiscard]] std::uint32_t sector_size() const { return super_block_.sector_size; }
  // In the log, of the header of the next entry.
  [[nodiscard]] ByteOffset end_offset() const { return bytes_.size(); }
  [[nodiscard]] std::vector<std::byte> bytes() const;
  [[nodiscard]] std::unique_ptr<MemoryFile> file(std::string name = "test.log") const;
  void write_to(const std::string& path) const;

  // `initial` (zeroes if not given) with the first `nr_entries` entries applied, discards as zeroes
  // unless they are to be left out.
  [[nodiscard]] std::vector<std::byte> image_after(std::uint64_t nr_entries,
                                                   std::vector<std::byte> initial,
                                                   bool with_discards = true) const;
  [[nodiscard]] std::vector<std::byte> image_after(std::uint64_t nr_entries,
                                                   ByteCount size_bytes) const {
    return image_after(nr_entries, std::vector<std::byte>(size_bytes));
  }

 private:
  struct Effect {
    ByteOffset offset = 0;
    std::vector<std::byte> bytes;
    bool is_discard = false;
  };
  LogBuilder& add(log::Entry entry, log::Operation operation, ConstBytes payload, Effect effect);

  log::SuperBlock super_block_;
  std::optional<std::uint64_t> count_;
  std::vector<std::byte> bytes_;
  std::vector<Effect> effects_;  // one for each entry
  Tick next_tick_ = 1;
  std::optional<std::pair<Tick, Tick>> next_ticks_;
};

// An extension with the given device size and a fixed UUID.
[[nodiscard]] log::SuperBlockExtension test_extension(ByteCount device_size_bytes);

// One character for each sector: '.' for zeroes, the byte that fills it if that is printable, else
// '?'.
[[nodiscard]] std::string sketch(ConstBytes image,
                                 std::uint32_t sector_size = log::kDefaultSectorSize);

}  // namespace powercut::test
