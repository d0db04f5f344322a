// SPDX-License-Identifier: Apache-2.0
#include "log/repair.h"

#include <fmt/format.h>

#include <cstring>

#include "log/codec.h"

namespace powercut::log {
namespace {

// The kernel's part of the super block only, so that an extension keeps its bytes.
Status write_kernel_part(File& file, const SuperBlock& super_block) {
  std::vector<std::byte> sector(super_block.sector_size);
  POWERCUT_TRY_STATUS(read_exactly(file, 0, sector));
  SuperBlock plain = super_block;
  plain.extension.reset();
  std::vector<std::byte> encoded(super_block.sector_size);
  encode_super_block(plain, encoded);
  std::copy_n(encoded.begin(), sizeof(SuperBlockDisk), sector.begin());
  return file.write_at(0, ConstBytes(sector));
}

Status write_super_block(File& file, const SuperBlock& super_block) {
  if (!super_block.extension) return write_kernel_part(file, super_block);
  std::vector<std::byte> sector(super_block.sector_size);
  encode_super_block(super_block, sector);
  return file.write_at(0, ConstBytes(sector));
}

// A super block that says no more than the sector size, for a log that has lost its own.
Result<SuperBlock> stand_in(const File& file, std::uint32_t sector_size) {
  POWERCUT_TRY_STATUS(check_sector_size(sector_size));
  if (POWERCUT_TRY(file.size()) < sector_size) {
    return bad_input(
        fmt::format("'{}' is shorter than one sector of {} bytes", file.name(), sector_size));
  }
  SuperBlock super_block;
  super_block.sector_size = sector_size;
  return super_block;
}

}  // namespace

Result<RepairReport> repair(File& file, const RepairOptions& options) {
  RepairReport report;
  auto reader = Reader::open(file, {.past_count = true});
  if (!reader) {
    if (reader.error().kind != ErrorKind::kBadInput || !options.sector_size) {
      if (reader.error().kind == ErrorKind::kBadInput) {
        return bad_input(
            fmt::format("{}; if it is a log whose super block was lost, give its --sector-size",
                        reader.error().message));
      }
      return Unexpected(reader.error());
    }
    report.rebuilt_super_block = true;
    reader = Reader(file, POWERCUT_TRY(stand_in(file, *options.sector_size)),
                    POWERCUT_TRY(file.size()), {.past_count = true});
  }
  report.old_nr_entries = reader->super_block().nr_entries;
  while (reader->next()) {
  }
  report.ending = reader->ending();
  if (report.ending.kind == Ending::Kind::kIoError)
    return environment_error(report.ending.message, EIO);
  report.nr_entries = reader->position();
  report.end_offset = reader->log_offset();
  if (report.rebuilt_super_block && report.nr_entries == 0) {
    return bad_input(fmt::format("'{}' is no log: behind its first {} bytes stands no entry",
                                 file.name(), reader->sector_size()));
  }

  report.changed = report.rebuilt_super_block || report.nr_entries != report.old_nr_entries;
  if (!report.changed || options.dry_run) return report;
  SuperBlock super_block = reader->super_block();
  super_block.nr_entries = report.nr_entries;
  // The entries first: a super block never counts what a power cut could still take away.
  POWERCUT_TRY_STATUS(file.sync());
  POWERCUT_TRY_STATUS(write_super_block(file, super_block));
  POWERCUT_TRY_STATUS(file.sync());
  return report;
}

}  // namespace powercut::log
