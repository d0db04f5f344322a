// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cctype>

#include "apps/flags/documents.h"
#include "apps/flags/layout.h"

namespace powercut::flags {

namespace {

std::string identifier(std::string_view name) {
  std::string result = "_";
  for (const char c : name) result += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return result;
}

std::string option_words(const Program& program, const Command& command) {
  std::string words;
  for (const auto& [title, flags] : flag_groups(command)) {
    for (const Flag* flag : flags) words += "--" + flag->name + " ";
  }
  for (const Flag& flag : common_flags(program, command)) words += "--" + flag.name + " ";
  words.pop_back();
  return words;
}

// What may follow a flag that takes a value: its choices, else a file name.
std::string value_cases(const Command& command) {
  std::string cases;
  for (const Flag& flag : command.flags) {
    if (flag.kind == Kind::kBool || flag.hidden) continue;
    const std::string action = flag.choices.empty()
                                   ? "COMPREPLY=($(compgen -f -- \"$word\"))"
                                   : fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))",
                                                 fmt::join(flag.choices, " "));
    cases += fmt::format("        --{}) {}; return ;;\n", flag.name, action);
  }
  return cases;
}

std::string command_body(const Program& program, const Command& command) {
  std::string body;
  if (const std::string cases = value_cases(command); !cases.empty())
    body += fmt::format("      case $before in\n{}      esac\n", cases);
  body += fmt::format("      options='{}'\n", option_words(program, command));
  return body;
}

}  // namespace

std::string bash_completion(const Program& program) {
  const std::string& name = program.root.name;
  const std::string function = identifier(name);
  std::string names;
  std::string cases;
  for (const Command* command : program.commands) {
    if (command->hidden) continue;
    names += command->name + " ";
    cases += fmt::format("    {})\n{}      ;;\n", command->name, command_body(program, *command));
  }
  if (!names.empty()) names.pop_back();
  std::string text = fmt::format(
      "# SPDX-License-Identifier: Apache-2.0\n# bash completion for {0}\n{1}() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} options=\n"
      "  COMPREPLY=()\n",
      name, function);
  if (!program.commands.empty()) {
    text += fmt::format(
        "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W '{} {}' -- "
        "\"$word\"))\n    return\n"
        "  fi\n",
        names, option_words(program, program.root));
    text += fmt::format("  case ${{COMP_WORDS[1]}} in\n{}  esac\n", cases);
  } else {
    text += command_body(program, program.root);
  }
  text += fmt::format(
      "  case $word in\n    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
      "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n  esac\n}}\ncomplete -o filenames -F {} "
      "{}\n",
      function, name);
  return text;
}

}  // namespace powercut::flags
