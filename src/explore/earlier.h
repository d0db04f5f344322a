// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <unordered_set>

#include "base/units.h"
#include "findings/finding.h"

namespace powercut::explore {

// What a run that is gone on with has found.
struct EarlierResults {
  std::unordered_set<std::string> states;  // those that have a verdict: they are not judged again
  // Of all of them: numbers of verdicts, the first failure; audits and seconds as far as they are
  // known.
  findings::Summary summary;
  EntryIndex first_failing_cut = 0;
  // Of the file: what stands behind it is left over from how that run ended, and in the way.
  ByteCount kept_bytes = 0;

  void add(const findings::StateResult& result);
};

// Reads a file of findings up to the end of its last state. A last line that is not whole is left
// out. Errors: it is of another question (kUsage, saying what differs), or no file of findings.
// `sink` is told of each record that is kept.
using EarlierSink = std::function<Status(const findings::Record&)>;
[[nodiscard]] Result<EarlierResults> read_earlier(const std::string& path,
                                                  const findings::Exploration& asked,
                                                  const EarlierSink& sink);

}  // namespace powercut::explore
