// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/result.h"
#include "io/file.h"

namespace powercut::index {

// Where the content of a piece of the device comes from, as of some instant.
struct Extent {
  enum class Source {
    kInitial,  // what the device held before the first entry
    kZeroes,   // a discard, or write zeroes
    kPayload,  // an entry's, in the log
  };
  ByteRange range;  // of the device
  Source source = Source::kInitial;
  EntryIndex entry = 0;       // of all but kInitial
  ByteOffset log_offset = 0;  // of kPayload: where the range's bytes begin in the log

  friend bool operator==(const Extent&, const Extent&) = default;
};

using ExtentSink = std::function<Status(const Extent&)>;

}  // namespace powercut::index
