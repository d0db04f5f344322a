// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/checker.h"

namespace powercut::check {

// A command of the user's, run by /bin/sh. Every "{}" in it is replaced by the path of the device.
[[nodiscard]] std::unique_ptr<Checker> make_command_checker(std::string command);

// What such a command is called where it fails.
inline constexpr const char* kUsersCommand = "the checker";

// Whether a shell could run it: its grammar, and whether its first word is a program. An error is
// kUsage.
[[nodiscard]] Status check_shell_command(const std::string& command);

// The command's text and, where that can be told, which program its first word is.
[[nodiscard]] std::string command_identity(const std::string& command);

// "x {} y {}" -> "x PATH y PATH"
[[nodiscard]] std::string with_disk_path(const std::string& command, const std::string& disk_path);

}  // namespace powercut::check
