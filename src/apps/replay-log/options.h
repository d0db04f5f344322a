// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/flags/flags.h"

namespace powercut::apps::replay_log {

struct Check {
  enum class When { kEvery, kFlush, kFua, kDiscard } when = When::kEvery;
  std::uint64_t every = 1;  // entries, of kEvery
};

// The command line of replay-log, with the meanings that its users know.
struct Options {
  std::string log_path;
  std::optional<std::string> replay_path;
  std::uint64_t limit = 0;  // entries from the start point on; 0: no limit
  bool next_flush = false;
  bool next_fua = false;
  std::uint64_t start_entry = 0;
  std::optional<std::string> start_mark;  // wins over start_entry
  std::optional<std::string> end_mark;    // wins over next_flush and next_fua
  bool find = false;
  bool find_plain = false;  // print "N", not "N@S"
  bool num_entries = false;
  bool no_discard = false;
  std::optional<std::string> fsck;
  std::optional<Check> check;
  std::uint64_t start_sector = 0;         // of the device, in the log's sectors
  std::uint64_t end_sector = UINT64_MAX;  // the last one
  int verbosity = 0;

  enum class Ask { kNothing, kHelp, kVersion } ask = Ask::kNothing;
};

// Parses by getopt_long, so that options may be shortened and stand anywhere, and other words are
// ignored, as scripts have it. A wrong command line is said on standard error at once; then nothing.
[[nodiscard]] std::optional<Options> parse_options(const flags::Command& command, int argc,
                                                   char** argv);

}  // namespace powercut::apps::replay_log
