// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/acknowledgement_history.h"
#include "findings/finding.h"
#include "state/state_list.h"

namespace powercut::explore {

// What a user asks for, as it was written.
struct Request {
  std::string log;
  std::optional<std::string> sidecar;  // as state::TimelineOptions::sidecar_path

  // Where to cut (state::parse_cut_selection); or which states, by their ids.
  std::vector<std::string> at;
  std::string from;  // an instant, or empty
  std::string to;
  // The states are those of a file system: kinds of cuts begin, if `from` is empty, behind the first
  // mark "mkfs" (a log without one has to be over a base, or told from where on there is a file
  // system); and the atomic unit is that of kFileSystemUnitBytes, if `torn` is empty.
  bool is_of_file_system = false;
  std::string base;  // the initial content (open_read_only_device), or empty
  std::optional<ByteCount> size_bytes;

  std::optional<state::Model> model;  // nothing: the strongest that the log supports
  std::string strategy = "auto";
  std::string torn;  // "off", "sector", bytes; empty: the default
  std::string discard = "zeroes";
  std::uint64_t seed = 0;
  std::uint64_t max_states = 0;         // 0: no limit
  bool gives_equals = false;            // equal contents are not joined
  bool wants_acknowledgements = false;  // a log without any is an error then
  std::uint32_t shard = 1;              // from 1
  std::uint32_t shards = 1;

  // How far reading the log has come, if it has no index yet.
  std::function<void(ByteOffset done, ByteCount total)> progress;
};

// The mark that `record` puts when the file system has been made.
inline constexpr const char* kFileSystemMark = "mkfs";
// File systems take disks to write so much as a whole, as disks of today do: the super block of ext4
// lies within it, and fails its checksum if a part of it that is smaller is torn off.
inline constexpr ByteCount kFileSystemUnitBytes = 4096;

// A log and the states of it that are going to be explored.
struct Plan {
  std::shared_ptr<const state::Timeline> timeline;
  std::vector<state::StateId> states;  // only these, if there are any; else:
  state::StateListOptions list;
  EntryIndex first_base = 0;  // of the first cut's group (state::CrashGroup::base)
  // Places of marks are their entries. Null if they are not wanted.
  std::shared_ptr<const check::AcknowledgementHistory> acknowledgements;
  findings::Exploration facts;  // all but checker and jobs
};

// Opens the log, reads it if it has no index, and counts its cuts. A torn tail is noted, what stands
// in front of it is taken; a corrupt log is an error.
[[nodiscard]] Result<Plan> make_plan(const Request& request);

}  // namespace powercut::explore
