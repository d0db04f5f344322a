// SPDX-License-Identifier: Apache-2.0
// A program's command line as plain data. From one table come the parser (arguments.h), the --help
// text, the man pages and the shell completion (documents.h), so that they cannot disagree.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
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

struct Range {
  std::uint64_t least = 0;
  std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max();
};

struct Flag {
  std::string name;        // long, without the dashes
  char short_name = 0;     // 0: none
  std::string value_name;  // "PATH"; empty for a kBool
  std::string help;        // whole sentences; "\n\n" parts paragraphs
  Kind kind = Kind::kText;
  std::string default_value = {};  // used and shown when the flag is not given
  std::string default_text = {};   // only shown, where the default is not a constant
  bool required = false;
  bool repeated = false;
  Range range = {};                       // of kInteger and kSize
  std::vector<std::string> choices = {};  // of kText: nothing else is taken
  std::vector<std::string> excludes =
      {};                  // names of flags that cannot be given together with this one
  std::string group = {};  // heading in --help and the man page; empty: "Options"
  bool hidden = false;
};

struct Positional {
  std::string name;  // "LOG": how usage shows it, and how run() asks for it
  std::string help;
  Kind kind = Kind::kText;
  bool required = true;
  bool repeated = false;  // only the last one
};

// What stands behind "--": a command with its arguments, taken as it is.
struct Trailing {
  std::string usage;  // "COMMAND [ARG...]"
  std::string help;
  bool required = true;
};

struct Example {
  std::string text;
  std::string command;  // may have several lines
};

struct Item {  // an environment variable, an exit status, a file: the term and what it means
  std::string term;
  std::string help;
};

struct Section {
  std::string title;
  std::vector<std::string> paragraphs;
};

struct Command {
  std::string name;
  std::string summary;                        // one line, lower case, no full stop
  std::vector<std::string> description = {};  // paragraphs
  std::vector<Positional> positionals = {};
  std::optional<Trailing> trailing = {};
  std::vector<Flag> flags = {};
  std::vector<Section> sections = {};  // more to say, behind the options
  std::vector<Example> examples = {};
  std::vector<Item> exit_statuses = {};    // where they differ from the program's
  std::vector<std::string> see_also = {};  // "powercut-replay(1)"
  // Gives the exit status; an error is printed by the caller, once. Null: the program has commands
  // only.
  Result<int> (*run)(const Arguments&) = nullptr;
  bool hidden = false;
};

struct Program {
  // The program itself: name, summary, description, global flags; positionals and run() if it has
  // no commands.
  Command root;
  std::string version;
  std::vector<const Command*> commands = {};
  std::vector<Item> environment = {};
  std::vector<Item> exit_statuses = {};
  std::vector<Item> files = {};
  // An nbdkit plugin: flags are shown as NAME=VALUE parameters, and are parsed by nbdkit.
  bool is_nbdkit_plugin = false;
};

}  // namespace powercut::flags
