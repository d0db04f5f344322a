// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "apps/flags/flags.h"

namespace powercut::flags {

// The values of one command line, by the names in the command's table: flags as "log-append",
// positionals as "LOG". Asking for a name or kind that the table does not have is a bug of ours
// (POWERCUT_CHECK), as is asking for the value of something optional that was not given.
class Arguments {
 public:
  // On the command line, not by default.
  [[nodiscard]] bool given(std::string_view name) const;
  // Of a kBool: how often it was given.
  [[nodiscard]] std::uint64_t count(std::string_view name) const;
  [[nodiscard]] bool is_set(std::string_view name) const { return count(name) > 0; }

  // Given, or by default; the last one if it was given several times.
  [[nodiscard]] const std::string& text(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> optional_text(std::string_view name) const;
  // All, in order.
  [[nodiscard]] const std::vector<std::string>& texts(std::string_view name) const;
  // Of a kInteger, or a kSize in bytes.
  [[nodiscard]] std::uint64_t integer(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> optional_integer(std::string_view name) const;
  // What stood behind "--".
  [[nodiscard]] const std::vector<std::string>& trailing() const { return trailing_; }

 private:
  friend class Parser;
  struct Value {
    Kind kind = Kind::kText;
    bool given = false;
    std::uint64_t count = 0;
    std::vector<std::string> texts;
    std::vector<std::uint64_t> integers;
  };
  [[nodiscard]] const Value& value(std::string_view name) const;

  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> trailing_;
};

// Parses the arguments of one command, without its name. kUsage errors; an unknown option's names
// the nearest one.
[[nodiscard]] Result<Arguments> parse(const Command& command, std::span<const std::string> words);

// The same for an nbdkit plugin, whose flags are NAME=VALUE parameters. A kBool is on or off (or
// any other word that nbdkit has for them), and is_set() if it is on.
using Parameters = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] Result<Arguments> parse_parameters(const Command& command,
                                                 const Parameters& parameters);

// "1G" and the like, as kSize; `what` names the value in the error. For values inside other texts.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text, std::string_view what);
[[nodiscard]] Result<std::uint64_t> parse_integer(std::string_view text, std::string_view what);

}  // namespace powercut::flags
