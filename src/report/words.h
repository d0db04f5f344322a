// SPDX-License-Identifier: Apache-2.0
// How numbers, writes and verdicts are put into words, the same in every report. Whatever comes from
// a log or a checker is taken as it is: each report makes it harmless in its own way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "findings/finding.h"

namespace powercut::report {

// "412.5 s", "3 min 20 s": for people, two figures of precision are enough.
[[nodiscard]] std::string duration_text(double seconds);
// 1234567 -> "1,234,567"
[[nodiscard]] std::string number_text(std::uint64_t number);
// "1 state", "2,000 states", "0 states".
[[nodiscard]] std::string count_text(std::uint64_t count, std::string_view noun);
// "4 KiB", "1000 bytes": always exact.
[[nodiscard]] std::string size_text(ByteCount bytes);
// "2^70.5", or the number where it is small enough to mean something to a reader.
[[nodiscard]] std::string possible_text(const findings::Summary& summary);
// "0-2, 5, 8-9 and 17 more": numbers that rise, runs of them as ranges; of many the first `most`.
[[nodiscard]] std::string list_text(const std::vector<std::uint64_t>& numbers, std::size_t most);
// "entry 5", "entries 0-2, 5".
[[nodiscard]] std::string entries_text(const std::vector<EntryIndex>& entries, std::size_t most);

// "e2fsck -fn exited with status 4".
[[nodiscard]] std::string verdict_text(findings::Outcome outcome, int code, std::string_view step);
[[nodiscard]] std::string verdict_text(const findings::StateResult& result);

// "write", "FUA write".
[[nodiscard]] std::string kind_text(const findings::Write& write);
// "flush", "FUA".
[[nodiscard]] std::string kind_text(const findings::FlushVerdict& flush);
// "4 KiB at byte 65,536".
[[nodiscard]] std::string range_text(const findings::Write& write);
// "units 0-2 of 8 survived"; "" of a write that is not torn.
[[nodiscard]] std::string tear_text(const findings::Write& write);
// "ticks 811-815, 2026-11-27 18:32:33.123456 UTC"; "" if the log does not tell.
[[nodiscard]] std::string when_text(const findings::Write& write);
// "A flush behind entry 409 and in front of entry 412 (mark row 7), or FUA on entry 409, would have
// ruled this out."; "" if nothing is known.
[[nodiscard]] std::string barrier_text(const findings::Cause& cause);

// "model epoch, strategy auto, torn writes in units of 512 bytes, seed 7"
[[nodiscard]] std::string model_text(const findings::Exploration& run);
// Why the run ended before all states had a verdict; "" if it did not.
[[nodiscard]] std::string early_end_text(const findings::Summary& summary);

// Where a text has more bytes than that, its beginning and "...". No character is cut in two.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes);
// A line that was overwritten with carriage returns ends up as its last version.
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);

}  // namespace powercut::report
