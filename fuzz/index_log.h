// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/prng.h"
#include "support/log_builder.h"

namespace powercut {

inline constexpr ByteCount kIndexLogDeviceBytes = 20 * kMiB;

// The log to which the sidecars belong that fuzz/index.cc is given: everything that an index keeps
// something of.
inline test::LogBuilder make_index_log() {
  constexpr Sector kSectors = kIndexLogDeviceBytes / 512;
  test::LogBuilder log(512, test::test_extension(kIndexLogDeviceBytes));
  Prng prng(1);
  log.discard(0, kSectors).mark("mkfs").write(0, "A");
  // So many in one leaf that it has checkpoints.
  for (int i = 0; i < 150; ++i) log.write(prng.below(12), "B");
  for (int i = 0; i < 30; ++i) {
    log.write(prng.below(kSectors - 3), "CDE").zeroes(prng.below(kSectors - 9), 9);
    if (i % 5 == 0) log.flush().mark("step");
    const Sector begin = prng.below(kSectors / 2);  // arguments are evaluated in any order
    if (i % 10 == 0) log.discard(begin, prng.below(kSectors / 2) + 1);
  }
  log::Entry pending;
  pending.flags = log::kFlagMark;
  pending.mark = log::kFlushPendingText;
  pending.extension = log::EntryExtension{.operation = log::Operation::kFlushPending};
  return log.entry(pending, {}).write(7, "F");
}

}  // namespace powercut
