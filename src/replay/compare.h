// SPDX-License-Identifier: Apache-2.0
// Do two devices hold the same, and if not, which entry of a log last wrote where they differ?
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "block/device.h"
#include "index/log_index.h"
#include "log/reader.h"
#include "state/log_view.h"

namespace powercut::replay {

struct Difference {
  ByteRange range;  // in whole blocks of CompareOptions::block_size, but for the device's end
  // The first byte in it that differs, and what it is on either side.
  ByteOffset first_byte = 0;
  std::byte left = {};
  std::byte right = {};
  // By find_last_writers: the last entry that wrote to the block of first_byte; nothing: none did.
  std::optional<log::Entry> last_writer;
};

struct CompareOptions {
  // Differences are counted and merged in these; divides 1 MiB.
  std::uint32_t block_size = 512;
  std::size_t max_differences = 16;  // so many ranges are kept; all are counted
  std::function<void(ByteOffset)> progress = nullptr;
};

struct Comparison {
  ByteCount compared_bytes = 0;
  std::uint64_t differing_blocks = 0;
  std::uint64_t differing_ranges = 0;
  std::vector<Difference> differences;  // the first ones, in order

  [[nodiscard]] bool is_identical() const { return differing_blocks == 0; }
};

// Compares the first `size_bytes` of both. What is a hole in both is not read.
[[nodiscard]] Result<Comparison> compare(BlockDevice& left, BlockDevice& right,
                                         ByteCount size_bytes, const CompareOptions& options = {});

// Fills in last_writer by a pass over the entries [from, to). Discards count as writers unless they
// were left out.
[[nodiscard]] Status find_last_writers(log::Reader& reader, EntryIndex from, EntryIndex to,
                                       bool with_discards, std::vector<Difference>& differences);
// The same where `left` holds what an instant or crash state of the log does.
[[nodiscard]] Status find_last_writers(const state::LogView& view, const index::LogIndex& index,
                                       std::vector<Difference>& differences);

}  // namespace powercut::replay
