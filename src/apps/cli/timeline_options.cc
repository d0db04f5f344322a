// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/timeline_options.h"

#include <fmt/format.h>

#include <cstdio>

#include "apps/support/progress.h"
#include "block/open.h"

namespace powercut::apps {

flags::Flag index_flag() {
  return {.name = "index",
          .value_name = "FILE",
          .help =
              "Where the log's index is kept, which is made when it is wanted for the first "
              "time; none: nowhere, it is made each time.",
          .default_text = "LOG.idx; none where LOG is a block device"};
}

std::vector<flags::Flag> timeline_flags() {
  return {{.name = "base",
           .value_name = "IMAGE",
           .help = "What the device held before the first entry: a file, block device or NBD URI, "
                   "which is only read. It has to be as it was then: not an image that was written "
                   "to while it was recorded.",
           .default_text = "zeroes"},
          {.name = "size",
           .value_name = "SIZE",
           .help = "The size of the recorded device, for logs that do not state it.",
           .kind = flags::Kind::kSize,
           .default_text = "what the log states, else the size of IMAGE, else the least that holds "
                           "every entry",
           .range = {.least = 1}},
          index_flag()};
}

Result<std::unique_ptr<state::Timeline>> open_timeline(const flags::Arguments& arguments,
                                                       Notices notices,
                                                       const TimelineDefaults& defaults) {
  state::TimelineOptions options;
  if (const auto index = arguments.optional_text("index"))
    options.sidecar_path = *index == "none" ? "" : *index;
  const std::string base = arguments.optional_text("base").value_or(defaults.base);
  if (!base.empty()) options.base = POWERCUT_TRY(open_read_only_device(base));
  options.size_bytes = arguments.optional_integer("size");
  if (!options.size_bytes) options.size_bytes = defaults.size_bytes;
  if (notices == Notices::kPrinted) {
    options.notice = [](const std::string& message) {
      fmt::print(stderr, "powercut: note: {}\n", message);
    };
  }
  // Only until the log is open: later indexing is not this command's work.
  const auto progress = std::make_shared<std::unique_ptr<Progress>>();
  options.progress = [progress](ByteOffset done, ByteCount total) {
    if (*progress == nullptr) return;
    (*progress)->set_total(total);
    (*progress)->update(done);
  };
  *progress = std::make_unique<Progress>("indexing", 0, Progress::Unit::kBytes);
  auto timeline = state::Timeline::open(arguments.text("LOG"), std::move(options));
  progress->reset();
  return timeline;
}

}  // namespace powercut::apps
