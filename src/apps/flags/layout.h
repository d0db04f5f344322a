// SPDX-License-Identifier: Apache-2.0
// Shared by --help and the man pages: how a table's parts are put into words.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/flags/flags.h"

namespace powercut::flags {

// "-o, --output PATH", or "output=PATH" of an nbdkit plugin.
[[nodiscard]] std::string flag_term(const Program& program, const Flag& flag);
// Its help, with the choices and the default.
[[nodiscard]] std::string flag_help(const Flag& flag);
// "powercut replay [OPTIONS] LOG DEST": required flags are named.
[[nodiscard]] std::string usage_line(const Program& program, const Command& command);
// The visible flags under their headings, in the order in which the headings appear first.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<const Flag*>>> flag_groups(
    const Command& command);
// --help, and of the program itself --version: not in the tables, since every program has them.
[[nodiscard]] std::vector<Flag> common_flags(const Program& program, const Command& command);
[[nodiscard]] const std::vector<Item>& exit_statuses(const Program& program,
                                                     const Command& command);
// "powercut-record", "powercut", "nbdkit-logwrites-plugin"
[[nodiscard]] std::string page_name(const Program& program, const Command& command);

// Breaks at blanks so that no line is longer than `width` columns; a word that is longer stands
// alone.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width);
[[nodiscard]] std::vector<std::string> split_paragraphs(std::string_view text);

}  // namespace powercut::flags
