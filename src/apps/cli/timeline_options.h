// SPDX-License-Identifier: Apache-2.0
// The options of commands that look at instants of a log, and what is made of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/flags/arguments.h"
#include "state/timeline.h"

namespace powercut::apps {

// --base, --size and --index.
[[nodiscard]] std::vector<flags::Flag> timeline_flags();
[[nodiscard]] flags::Flag index_flag();

// The log named by the positional LOG, with these options. Notices go to standard error unless
// somebody else will say the same, and so does progress while an index is made.
enum class Notices { kPrinted, kOff };
// For what the arguments do not give.
struct TimelineDefaults {
  std::string base;  // "": none
  std::optional<ByteCount> size_bytes;
};
[[nodiscard]] Result<std::unique_ptr<state::Timeline>> open_timeline(
    const flags::Arguments& arguments, Notices notices = Notices::kPrinted,
    const TimelineDefaults& defaults = {});

}  // namespace powercut::apps
