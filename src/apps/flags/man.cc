// SPDX-License-Identifier: Apache-2.0
// Pages in the man macros of troff (man(7)).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <system_error>

#include "apps/flags/documents.h"
#include "apps/flags/layout.h"

namespace powercut::flags {

namespace {

// Text as troff takes it literally: no requests at the start of a line, real dashes and quotes.
std::string escape(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '\\':
        result += "\\e";
        break;
      case '-':
        result += "\\-";
        break;
      case '\'':
        result += "\\(aq";
        break;
      case '`':
        result += "\\(ga";
        break;
      case '^':
        result += "\\(ha";
        break;
      case '~':
        result += "\\(ti";
        break;
      default:
        result += c;
    }
  }
  if (result.starts_with('.')) result.insert(0, "\\&");
  return result;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

class PageWriter {
 public:
  PageWriter(const Program& program, const Command& command) {
    text_ = fmt::format(
        ".\\\" SPDX-License-Identifier: Apache-2.0\n.TH {} 1 \"\" \"{} {}\" \"User Commands\"\n",
        upper(escape(page_name(program, command))), "powercut", escape(program.version));
    text_ += ".nh\n.ad l\n";
  }

  void section(const std::string& title) {
    text_ += fmt::format(".SH \"{}\"\n", upper(escape(title)));
  }
  void line(std::string_view text) { text_ += escape(text) + '\n'; }
  void bold(std::string_view text) { text_ += fmt::format(".B {}\n", escape(text)); }
  void paragraph(std::string_view text) {
    text_ += ".PP\n";
    line(text);
  }
  void item(std::string_view term, std::string_view help) {
    text_ += fmt::format(".TP\n\\fB{}\\fR\n", escape(term));
    bool first = true;
    for (const std::string& part : split_paragraphs(help)) {
      if (!first) text_ += ".sp\n";
      line(part);
      first = false;
    }
  }
  void verbatim(std::string_view text) {
    text_ += ".PP\n.RS 4\n.nf\n";
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      line(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    text_ += ".fi\n.RE\n";
  }
  void items(const std::string& title, const std::vector<Item>& items) {
    if (items.empty()) return;
    section(title);
    for (const Item& entry : items) item(entry.term, entry.help);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void write_options(PageWriter& page, const Program& program, const Command& command) {
  if (!command.positionals.empty() || command.trailing) {
    page.section("Arguments");
    for (const Positional& positional : command.positionals)
      page.item(positional.name, positional.help);
    if (command.trailing) page.item(command.trailing->usage, command.trailing->help);
  }
  for (const auto& [title, flags] : flag_groups(command)) {
    page.section(program.is_nbdkit_plugin && title == "Options" ? "Parameters" : title);
    for (const Flag* flag : flags) page.item(flag_term(program, *flag), flag_help(*flag));
  }
  const auto common = common_flags(program, command);
  if (!common.empty()) page.section("General options");
  for (const Flag& flag : common) page.item(flag_term(program, flag), flag_help(flag));
}

void write_see_also(PageWriter& page, const Program& program, const Command& command) {
  std::vector<std::string> pages(command.see_also.begin(), command.see_also.end());
  if (&command != &program.root) pages.insert(pages.begin(), program.root.name + "(1)");
  if (&command == &program.root) {
    for (const Command* child : program.commands) {
      if (!child->hidden) pages.push_back(page_name(program, *child) + "(1)");
    }
  }
  if (pages.empty()) return;
  page.section("See also");
  page.line(fmt::format("{}", fmt::join(pages, ", ")));
}

}  // namespace

std::string man_page(const Program& program, const Command& command) {
  PageWriter page(program, command);
  const bool is_root = &command == &program.root;
  page.section("Name");
  page.line(fmt::format("{} - {}", page_name(program, command), command.summary));
  page.section("Synopsis");
  page.bold(usage_line(program, command));
  page.section("Description");
  for (const Text& paragraph : command.description) page.paragraph(paragraph);
  if (is_root && !program.commands.empty()) {
    page.section("Commands");
    for (const Command* child : program.commands) {
      if (!child->hidden) page.item(child->name, child->summary);
    }
  }
  write_options(page, program, command);
  for (const Section& section : command.sections) {
    page.section(section.title);
    for (const Text& paragraph : section.paragraphs) page.paragraph(paragraph);
  }
  if (!command.examples.empty()) page.section("Examples");
  for (const Example& example : command.examples) {
    page.paragraph(example.text);
    page.verbatim(example.command);
  }
  page.items("Exit status", exit_statuses(program, command));
  if (is_root) page.items("Environment", program.environment);
  if (is_root) page.items("Files", program.files);
  write_see_also(page, program, command);
  return page.take();
}

std::string man_page(const Program& program) {
  return man_page(program, program.root);
}

Status write_man_pages(const Program& program, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return os_error("cannot make the folder " + folder.string(), error.value());
  std::vector<const Command*> commands = {&program.root};
  commands.insert(commands.end(), program.commands.begin(), program.commands.end());
  for (const Command* command : commands) {
    if (command->hidden) continue;
    const auto path = folder / (page_name(program, *command) + ".1");
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << man_page(program, *command);
    file.close();
    if (!file) return os_error("cannot write " + path.string());
  }
  return {};
}

}  // namespace powercut::flags
