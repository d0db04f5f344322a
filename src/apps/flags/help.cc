// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "apps/flags/documents.h"
#include "apps/flags/layout.h"

namespace powercut::flags {

namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

class HelpWriter {
 public:
  explicit HelpWriter(std::size_t width) : width_(width) {}

  void paragraph(std::string_view text, std::size_t indent = 0) {
    for (const std::string& line : wrap(text, width_ - indent))
      text_ += fmt::format("{:{}}{}\n", "", indent, line);
  }

  void section(const std::string& title, const std::vector<Text>& paragraphs) {
    text_ += fmt::format("\n{}:\n", title);
    for (std::size_t i = 0; i < paragraphs.size(); ++i) {
      if (i > 0) text_ += '\n';
      paragraph(paragraphs[i], 2);
    }
  }

  // Terms at the left, what they mean at the right; a long term has a line of its own.
  void table(const std::string& title, const Rows& rows) {
    if (rows.empty()) return;
    text_ += fmt::format("\n{}:\n", title);
    std::size_t column = 0;
    for (const auto& [term, help] : rows) {
      if (term.size() <= kLongestTerm) column = std::max(column, term.size() + 4);
    }
    column = std::max<std::size_t>(column, 8);
    for (const auto& [term, help] : rows) row(term, help, column);
  }

  void examples(const std::vector<Example>& examples) {
    if (examples.empty()) return;
    text_ += "\nExamples:\n";
    for (std::size_t i = 0; i < examples.size(); ++i) {
      if (i > 0) text_ += '\n';
      paragraph(examples[i].text, 2);
      std::string_view rest = examples[i].command;
      while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        text_ += fmt::format("    {}\n", rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      }
    }
  }

  void blank() { text_ += '\n'; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  static constexpr std::size_t kLongestTerm = 26;

  void row(const std::string& term, const std::string& help, std::size_t column) {
    std::string line = "  " + term;
    std::vector<std::string> lines;
    for (const std::string& part : split_paragraphs(help)) {
      for (std::string& piece : wrap(part, width_ - column)) lines.push_back(std::move(piece));
    }
    std::size_t next = 0;
    if (line.size() + 2 <= column && !lines.empty())
      line = fmt::format("{:<{}}{}", line, column, lines[next++]);
    text_ += line + '\n';
    for (; next < lines.size(); ++next) text_ += fmt::format("{:{}}{}\n", "", column, lines[next]);
  }

  const std::size_t width_;
  std::string text_;
};

Rows to_rows(const std::vector<Item>& items) {
  Rows rows;
  for (const Item& item : items) rows.emplace_back(item.term, item.help);
  return rows;
}

}  // namespace

std::string help_text(const Program& program, const Command& command, std::size_t width) {
  HelpWriter out(width);
  const bool is_root = &command == &program.root;
  out.paragraph(fmt::format("{}{} - {}", program.root.name, is_root ? "" : " " + command.name,
                            command.summary));
  out.blank();
  out.paragraph("Usage: " + usage_line(program, command));
  for (const Text& paragraph : command.description) {
    out.blank();
    out.paragraph(paragraph);
  }

  Rows rows;
  for (const Command* child : is_root ? program.commands : std::vector<const Command*>{}) {
    if (!child->hidden) rows.emplace_back(child->name, child->summary);
  }
  out.table("Commands", rows);

  rows.clear();
  for (const Positional& positional : command.positionals)
    rows.emplace_back(positional.name, positional.help);
  if (command.trailing) rows.emplace_back(command.trailing->usage, command.trailing->help);
  out.table("Arguments", rows);

  for (const auto& [title, flags] : flag_groups(command)) {
    rows.clear();
    for (const Flag* flag : flags) rows.emplace_back(flag_term(program, *flag), flag_help(*flag));
    out.table(title, rows);
  }
  rows.clear();
  for (const Flag& flag : common_flags(program, command))
    rows.emplace_back(flag_term(program, flag), flag_help(flag));
  out.table("General", rows);

  for (const Section& section : command.sections) out.section(section.title, section.paragraphs);
  out.examples(command.examples);
  out.table("Exit status", to_rows(exit_statuses(program, command)));
  if (is_root) out.table("Environment", to_rows(program.environment));
  if (is_root && !program.commands.empty()) {
    out.blank();
    out.paragraph(
        fmt::format("'{0} COMMAND --help' says more of a command, as does 'man {0}-COMMAND'.",
                    program.root.name));
  }
  return out.take();
}

std::string help_text(const Program& program, std::size_t width) {
  return help_text(program, program.root, width);
}

std::string parameters_text(const Command& command) {
  std::string text;
  for (const Flag& flag : command.flags) {
    if (flag.hidden) continue;
    const std::string term = fmt::format("{}={}", flag.name, flag.value_name);
    std::string line = fmt::format("{:<30}", term);
    const auto lines = wrap((flag.required ? "(required) " : "") + flag_help(flag), 60);
    if (term.size() >= 30) line += fmt::format("\n{:30}", "");
    for (std::size_t i = 0; i < lines.size(); ++i)
      text += i == 0 ? line + lines[i] : fmt::format("\n{:30}{}", "", lines[i]);
    text += '\n';
  }
  // nbdkit ends it with a newline of its own.
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace powercut::flags
