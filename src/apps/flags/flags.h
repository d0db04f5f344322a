// SPDX-License-Identifier: Apache-2.0
// A program's command line as plain data. From one table come the parser (arguments.h), the --help
// text, the man pages and the shell completion (documents.h), so that they cannot disagree.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace powercut::flags {

class Arguments;

enum class Kind {
  kBool,     // takes no value; when `repeated`, the number of times counts (-vv)
  kText,     // any text: a path, a command, a name
  kInteger,  // decimal, or hexadecimal with 0x
  kSize,     // bytes; K, M, G, T (or KiB ...) multiply by powers of 1024
};

// A literal. Tables of them need no code to be made, which halves the time to compile them.
class Text : public std::string_view {
 public:
  constexpr Text() = default;
  constexpr Text(const char* literal) : std::string_view(literal) {}
  operator std::string() const { return std::string(data(), size()); }
  [[nodiscard]] const char* c_str() const { return data(); }
  friend std::string operator+(const std::string& left, Text right) {
    return left + std::string(right);
  }
  friend std::string operator+(Text left, const std::string& right) {
    return std::string(left) + right;
  }
};

struct Range {
  std::uint64_t least = 0;
  std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max();
};

struct Flag {
  Text name;            // long, without the dashes
  char short_name = 0;  // 0: none
  Text value_name;      // "PATH"; empty for a kBool
  Text help;            // whole sentences; "\n\n" parts paragraphs
  Kind kind = Kind::kText;
  Text default_value = {};  // used and shown when the flag is not given
  Text default_text = {};   // only shown, where the default is not a constant
  bool required = false;
  bool repeated = false;
  Range range = {};                       // of kInteger and kSize
  std::vector<std::string> choices = {};  // of kText: nothing else is taken
  std::vector<Text> excludes = {};  // names of flags that cannot be given together with this one
  Text group = {};                  // heading in --help and the man page; empty: "Options"
  bool hidden = false;
  Text more_help = {};  // behind `help`, where a command has another's flag and more to say of it
};

struct Positional {
  Text name;  // "LOG": how usage shows it, and how run() asks for it
  Text help;
  Kind kind = Kind::kText;
  bool required = true;
  bool repeated = false;  // only the last one
};

// What stands behind "--": a command with its arguments, taken as it is.
struct Trailing {
  Text usage;  // "COMMAND [ARG...]"
  Text help;
  bool required = true;
};

struct Example {
  Text text;
  Text command;  // may have several lines
};

struct Item {  // an environment variable, an exit status, a file: the term and what it means
  Text term;
  Text help;
};

struct Section {
  Text title;
  std::vector<Text> paragraphs;
};

struct Command {
  Text name;
  Text summary;                        // one line, lower case, no full stop
  std::vector<Text> description = {};  // paragraphs
  std::vector<Positional> positionals = {};
  std::optional<Trailing> trailing = {};
  std::vector<Flag> flags = {};
  std::vector<Section> sections = {};  // more to say, behind the options
  std::vector<Example> examples = {};
  std::vector<Item> exit_statuses = {};  // where they differ from the program's
  std::vector<Text> see_also = {};       // "powercut-replay(1)"
  // Gives the exit status; an error is printed by the caller, once. Null: the program has commands
  // only.
  Result<int> (*run)(const Arguments&) = nullptr;
  bool hidden = false;
};

struct Program {
  // The program itself: name, summary, description, global flags; positionals and run() if it has
  // no commands.
  Command root;
  Text version;
  std::vector<const Command*> commands = {};
  std::vector<Item> environment = {};
  std::vector<Item> exit_statuses = {};
  std::vector<Item> files = {};
  // An nbdkit plugin: flags are shown as NAME=VALUE parameters, and are parsed by nbdkit.
  bool is_nbdkit_plugin = false;
};

}  // namespace powercut::flags
