// SPDX-License-Identifier: Apache-2.0
// What differs between two instants of a log.
#pragma once

#include <functional>

#include "block/device.h"
#include "index/log_index.h"

namespace powercut::replay {

using RangeSink = std::function<Status(ByteRange)>;

// The ranges that entries between two instants (in any order) wrote, within the first `size_bytes` of
// the device, in rising order; those that touch are one.
[[nodiscard]] Status changed_ranges(const index::LogIndex& index, ByteCount size_bytes,
                                    EntryIndex a, EntryIndex b, const RangeSink& sink);

// The parts of a range in which two devices differ, in whole units of `unit` bytes, a power of two up
// to 1 MiB, at multiples of it; those that touch are one. Memory is bounded.
[[nodiscard]] Status differing_ranges(BlockDevice& left, BlockDevice& right, ByteRange range,
                                      ByteCount unit, const RangeSink& sink);

}  // namespace powercut::replay
