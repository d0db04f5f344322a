// SPDX-License-Identifier: Apache-2.0
// What `powercut replay` did, and how it says so.
#pragma once

#include <optional>
#include <string>

#include "replay/compare.h"
#include "replay/image_state.h"
#include "replay/replay.h"

namespace powercut::apps {

struct ReplayOutcome {
  std::string log_name;
  std::string dest_name;
  ByteCount device_size_bytes = 0;

  replay::Place at;       // what DEST holds now
  replay::Totals totals;  // of a replay through the entries
  // Instead of going through them.
  std::optional<replay::JumpTotals> jump;
  std::optional<replay::Place> jumped_from;  // nothing: all of DEST was written

  std::string compared_name;  // "": not compared
  ByteCount compared_size_bytes = 0;
  std::uint32_t block_size = 0;
  replay::Comparison comparison;

  [[nodiscard]] bool has_right_size() const { return compared_size_bytes == device_size_bytes; }
  [[nodiscard]] bool is_identical() const { return has_right_size() && comparison.is_identical(); }
};

// On standard output, for people or as one JSON object.
void print_outcome(const ReplayOutcome& outcome, bool as_json);
// DEST does not hold what it should.
void print_mismatch(const std::string& dest_name, const replay::Place& held,
                    const replay::Difference& mismatch, bool as_json);

}  // namespace powercut::apps
