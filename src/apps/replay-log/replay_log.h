// SPDX-License-Identifier: Apache-2.0
// The work of replay-log. What it prints on standard output, and in which order, is read by scripts.
// Like them it uses stdio: lines on a terminal, blocks elsewhere.
#pragma once

#include "apps/replay-log/options.h"
#include "log/reader.h"

namespace powercut::apps::replay_log {

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
// A search that failed because the log is damaged.
inline constexpr int kDamagedSearch = 255;

// The exit status.
[[nodiscard]] int run(const Options& options);

// --find, from where the reader stands.
[[nodiscard]] int find(const Options& options, log::Reader& reader);

// "FLUSH|FUA", or "NONE".
[[nodiscard]] std::string flag_text(std::uint64_t flags);
// "seek entry ..." of --find and of looking for the start mark.
void print_seek(const log::Entry& entry);
// An error that the program's own words do not cover: on standard error.
void print_error(const Error& error);

// Whether the entry is the one that the options say to stop at; `count` is how many have been looked
// at, this one included.
[[nodiscard]] bool is_last(const Options& options, const log::Entry& entry, std::uint64_t count);

}  // namespace powercut::apps::replay_log
