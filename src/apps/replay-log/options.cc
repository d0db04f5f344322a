// SPDX-License-Identifier: Apache-2.0
#include "apps/replay-log/options.h"

#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace powercut::apps::replay_log {

namespace {

// As the C library reads numbers: 0x and 0 set the base, blanks may lead, a minus wraps around, what
// is too large becomes the largest; scripts rely on -1 for "all". An empty text is 0.
std::optional<std::uint64_t> parse_number(const char* text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 0);
  if (*end != '\0') return std::nullopt;
  return value;
}

bool set_number(const char* text, const char* what, std::uint64_t& target) {
  const auto value = parse_number(text);
  if (!value) {
    std::fprintf(stderr, "Invalid %s number\n", what);
    return false;
  }
  target = *value;
  return true;
}

bool set_check(std::string_view text, std::optional<Check>& target) {
  Check check;
  if (text == "flush") {
    check.when = Check::When::kFlush;
  } else if (text == "fua") {
    check.when = Check::When::kFua;
  } else if (text == "discard") {
    check.when = Check::When::kDiscard;
  } else {
    if (!set_number(std::string(text).c_str(), "entry", check.every)) return false;
    if (check.every == 0) {
      std::fprintf(stderr, "Invalid entry number\n");
      return false;
    }
  }
  target = check;
  return true;
}

bool set_find_format(std::string_view text, bool& plain) {
  if (text != "plain" && text != "offset") {
    std::fprintf(stderr, "Invalid find format: it is 'offset' or 'plain'\n");
    return false;
  }
  plain = text == "plain";
  return true;
}

// False after a complaint.
bool set(Options& options, std::string_view name, const char* value) {
  if (name == "limit") return set_number(value, "entry", options.limit);
  if (name == "start-entry") return set_number(value, "entry", options.start_entry);
  if (name == "start-sector") return set_number(value, "sector", options.start_sector);
  if (name == "end-sector") return set_number(value, "sector", options.end_sector);
  if (name == "check") return set_check(value, options.check);
  if (name == "find-format") return set_find_format(value, options.find_plain);
  if (name == "log") options.log_path = value;
  if (name == "replay") options.replay_path = value;
  if (name == "start-mark") options.start_mark = value;
  if (name == "end-mark") options.end_mark = value;
  if (name == "fsck") options.fsck = value;
  if (name == "next-flush") options.next_flush = true;
  if (name == "next-fua") options.next_fua = true;
  if (name == "find") options.find = true;
  if (name == "num-entries") options.num_entries = true;
  if (name == "no-discard") options.no_discard = true;
  if (name == "verbose") ++options.verbosity;
  if (name == "help") options.ask = Options::Ask::kHelp;
  if (name == "version") options.ask = Options::Ask::kVersion;
  return true;
}

std::nullopt_t usage() {
  std::fprintf(stderr,
               "Usage: replay-log --log LOG [--replay DEVICE | --find | --num-entries] [OPTIONS]\n"
               "'replay-log --help' explains the options.\n");
  return std::nullopt;
}

}  // namespace

std::optional<Options> parse_options(const flags::Command& command, int argc, char** argv) {
  // No entry has a value of its own: of several that a shortened option may mean, and that take a
  // value alike, the first is chosen.
  std::vector<option> table;
  for (const flags::Flag& flag : command.flags) {
    const bool has_value = flag.kind != flags::Kind::kBool;
    table.push_back({flag.name.c_str(), has_value ? required_argument : no_argument, nullptr, 0});
  }
  table.push_back({"help", no_argument, nullptr, 0});
  table.push_back({"version", no_argument, nullptr, 0});
  table.push_back({});

  Options options;
  bool has_log = false;
  while (true) {
    int index = 0;
    const int found = ::getopt_long(argc, argv, "vh", table.data(), &index);
    if (found == -1) break;
    if (found == '?') return usage();
    const std::string_view name = found == 'v'   ? "verbose"
                                  : found == 'h' ? "help"
                                                 : table[static_cast<std::size_t>(index)].name;
    if (!set(options, name, ::optarg)) return std::nullopt;
    has_log = has_log || name == "log";
  }
  if (options.ask != Options::Ask::kNothing) return options;
  if (!has_log) return usage();
  if (options.fsck.has_value() != options.check.has_value()) return usage();
  return options;
}

}  // namespace powercut::apps::replay_log
