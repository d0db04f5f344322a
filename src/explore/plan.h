// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block/device.h"
#include "check/acknowledgement_history.h"
#include "findings/finding.h"
#include "state/cuts.h"

namespace powercut::explore {

// What a user asks for, as it was written.
struct Request {
  std::string log;
  std::vector<std::string> at;  // see state::parse_cut_selection
  std::string from;             // an instant, or empty
  std::string to;
  // Where kinds of cuts begin if `from` is empty: behind the first mark "mkfs". A log without one
  // has to be over a base, or told from where on there is a file system.
  bool wants_file_system = false;
  std::string base;  // path of the initial content, or empty
  std::optional<ByteCount> size_bytes;
  bool wants_acknowledgements = false;  // a log without any is an error then
};

// The mark that `record` puts when the file system has been made.
inline constexpr const char* kFileSystemMark = "mkfs";

// A log and the cuts of it that are going to be explored.
struct Plan {
  std::shared_ptr<const File> log;
  std::uint32_t sector_size = 0;
  std::shared_ptr<BlockDevice> base;  // the initial content; null: zeroes
  state::CutFilter filter;
  // Places of marks are their entries. Null if they are not wanted.
  std::shared_ptr<const check::AcknowledgementHistory> acknowledgements;
  findings::Exploration facts;  // all but checker and jobs
};

// Opens and reads the log, and counts its cuts. A torn tail is noted, what stands in front of it is
// taken; a corrupt log is an error.
[[nodiscard]] Result<Plan> make_plan(const Request& request);

}  // namespace powercut::explore
