// SPDX-License-Identifier: Apache-2.0
#include "apps/flags/layout.h"

#include <fmt/format.h>

#include <algorithm>

namespace powercut::flags {

std::string flag_term(const Program& program, const Flag& flag) {
  if (program.is_nbdkit_plugin) return fmt::format("{}={}", flag.name, flag.value_name);
  std::string term = flag.short_name != 0 ? fmt::format("-{}, ", flag.short_name) : "";
  term += "--" + flag.name;
  if (!flag.value_name.empty()) term += " " + flag.value_name;
  return term;
}

std::string flag_help(const Flag& flag) {
  std::string help = flag.help;
  if (!flag.more_help.empty()) help += " " + flag.more_help;
  // "on|off" as the value's name lists them already.
  if (!flag.choices.empty() && flag.value_name.find('|') == std::string::npos)
    help += fmt::format(" One of: {}.", fmt::join(flag.choices, ", "));
  const std::string& value = flag.default_text.empty() ? flag.default_value : flag.default_text;
  if (!value.empty()) help += fmt::format(" Default: {}.", value);
  if (flag.repeated && flag.kind != Kind::kBool) help += " May be given several times.";
  return help;
}

std::string usage_line(const Program& program, const Command& command) {
  if (program.is_nbdkit_plugin) {
    std::string line = "nbdkit " + program.root.name;
    for (const Flag& flag : command.flags) {
      if (flag.hidden) continue;
      const std::string term = flag_term(program, flag);
      line += flag.required ? " " + term : fmt::format(" [{}]", term);
    }
    return line;
  }
  std::string line = program.root.name;
  if (&command != &program.root) line += " " + command.name;
  if (!program.commands.empty() && &command == &program.root)
    return line + " COMMAND [OPTIONS] [ARGUMENTS]";
  if (std::ranges::any_of(command.flags,
                          [](const Flag& flag) { return !flag.required && !flag.hidden; }))
    line += " [OPTIONS]";
  for (const Flag& flag : command.flags) {
    if (flag.required) line += fmt::format(" --{} {}", flag.name, flag.value_name);
  }
  for (const Positional& positional : command.positionals) {
    const std::string name = positional.name + (positional.repeated ? "..." : "");
    line += positional.required ? " " + name : fmt::format(" [{}]", name);
  }
  if (command.trailing) {
    const std::string usage = "-- " + command.trailing->usage;
    line += command.trailing->required ? " " + usage : fmt::format(" [{}]", usage);
  }
  return line;
}

std::vector<std::pair<std::string, std::vector<const Flag*>>> flag_groups(const Command& command) {
  std::vector<std::pair<std::string, std::vector<const Flag*>>> groups;
  for (const Flag& flag : command.flags) {
    if (flag.hidden) continue;
    const std::string title = flag.group.empty() ? "Options" : flag.group;
    auto found = std::ranges::find(groups, title, [](const auto& group) { return group.first; });
    if (found == groups.end()) found = groups.insert(groups.end(), {title, {}});
    found->second.push_back(&flag);
  }
  return groups;
}

std::vector<Flag> common_flags(const Program& program, const Command& command) {
  if (program.is_nbdkit_plugin) return {};
  std::vector<Flag> result = {
      {.name = "help", .short_name = 'h', .help = "Show this help and exit.", .kind = Kind::kBool}};
  if (&command == &program.root) {
    result.push_back(
        {.name = "version", .help = "Show the version and exit.", .kind = Kind::kBool});
  }
  return result;
}

const std::vector<Item>& exit_statuses(const Program& program, const Command& command) {
  return command.exit_statuses.empty() ? program.exit_statuses : command.exit_statuses;
}

std::string page_name(const Program& program, const Command& command) {
  if (program.is_nbdkit_plugin) return fmt::format("nbdkit-{}-plugin", program.root.name);
  if (&command == &program.root) return program.root.name;
  return fmt::format("{}-{}", program.root.name, command.name);
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t word_begin = text.find_first_not_of(" \n", begin);
    if (word_begin == std::string_view::npos) break;
    std::size_t word_end = text.find_first_of(" \n", word_begin);
    if (word_end == std::string_view::npos) word_end = text.size();
    const std::string_view word = text.substr(word_begin, word_end - word_begin);
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      lines.push_back(std::move(line));
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
    begin = word_end;
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> split_paragraphs(std::string_view text) {
  std::vector<std::string> result;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    result.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 2);
  }
  return result;
}

}  // namespace powercut::flags
