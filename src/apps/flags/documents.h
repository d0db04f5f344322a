// SPDX-License-Identifier: Apache-2.0
// What a person reads of a command line, made from its table.
#pragma once

#include <filesystem>

#include "apps/flags/flags.h"

namespace powercut::flags {

// `width` in columns.
[[nodiscard]] std::string help_text(const Program& program, std::size_t width);
[[nodiscard]] std::string help_text(const Program& program, const Command& command,
                                    std::size_t width);
// The parameters alone, as nbdkit prints them below its own help (config_help).
[[nodiscard]] std::string parameters_text(const Command& command);

// A page of section 1: of the program, and of one of its commands ("powercut-record").
[[nodiscard]] std::string man_page(const Program& program);
[[nodiscard]] std::string man_page(const Program& program, const Command& command);
// All of them, as NAME.1 in `folder`, which is made if it is absent.
[[nodiscard]] Status write_man_pages(const Program& program, const std::filesystem::path& folder);

[[nodiscard]] std::string bash_completion(const Program& program);

}  // namespace powercut::flags
