// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "apps/cli/commands.h"
#include "apps/cli/log_show.h"
#include "apps/support/output.h"
#include "apps/support/progress.h"
#include "state/log_summary.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using flags::Kind;

constexpr std::size_t kMarksShown = 20;
static_assert(kMarksShown == 20, "the help of --marks says so, too");

struct Amount {
  std::string name;
  std::uint64_t entries = 0;
  ByteCount bytes = 0;  // on the device
};

// What `info` wants to know beyond state::LogSummary.
class Totals {
 public:
  void add(const log::Entry& entry) {
    const ByteCount bytes = entry.device_range().size();
    count(kinds_, log::kind_name(entry), bytes);
    for (const std::string& flag : flag_names(entry.flags)) count(flags_, flag, bytes);
    // An epoch ends with its flush.
    ++epoch_.entries;
    epoch_.bytes += bytes;
    if (entry.is_flush()) end_epoch();
  }
  void end() {
    if (epoch_.entries > 0) end_epoch();
  }

  [[nodiscard]] const std::vector<Amount>& kinds() const { return kinds_; }
  [[nodiscard]] const std::vector<Amount>& flags() const { return flags_; }
  [[nodiscard]] std::uint64_t epochs() const { return epochs_; }
  [[nodiscard]] const Amount& largest_epoch() const { return largest_; }

 private:
  static void count(std::vector<Amount>& amounts, std::string_view name, ByteCount bytes) {
    auto found = std::ranges::find(amounts, name, &Amount::name);
    if (found == amounts.end()) found = amounts.insert(amounts.end(), {std::string(name)});
    ++found->entries;
    found->bytes += bytes;
  }
  void end_epoch() {
    ++epochs_;
    if (epoch_.entries > largest_.entries) largest_ = epoch_;
    epoch_ = {};
  }

  std::vector<Amount> kinds_ = {{"write"}, {"zeroes"}, {"discard"}, {"flush"}, {"mark"}, {"none"}};
  std::vector<Amount> flags_ = {{"FLUSH"}, {"FUA"}, {"DISCARD"}, {"MARK"}, {"METADATA"}};
  std::uint64_t epochs_ = 0;
  Amount epoch_;
  Amount largest_;
};

struct Facts {
  std::string path;
  ByteCount file_size_bytes = 0;
  log::SuperBlock super_block;
  state::LogSummary summary;
  Totals totals;

  [[nodiscard]] bool device_size_is_inferred() const {
    return !super_block.extension || super_block.extension->device_size_bytes == 0;
  }
  [[nodiscard]] ByteCount device_size_bytes() const {
    return device_size_is_inferred() ? summary.least_device_size_bytes
                                     : super_block.extension->device_size_bytes;
  }
};

Facts gather(const std::string& path, log::Reader& reader) {
  Facts facts;
  facts.path = path;
  facts.super_block = reader.super_block();
  facts.summary.log_name = path;
  facts.summary.end_offset = reader.log_offset();
  Progress progress("reading", facts.super_block.nr_entries);
  while (const auto entry = reader.next()) {
    facts.summary.add(*entry);
    facts.totals.add(*entry);
    progress.update(entry->index);
  }
  facts.totals.end();
  facts.summary.ending = reader.ending();
  facts.file_size_bytes = reader.file_size();
  return facts;
}

const char* content_name(log::InitialContent content) {
  switch (content) {
    case log::InitialContent::kZero:
      return "zeroes";
    case log::InitialContent::kImage:
      return "image";
    case log::InitialContent::kUnknown:
      break;
  }
  return "unknown";
}

Json extension_json(const log::SuperBlockExtension& extension) {
  Json json = {{"uuid", log::to_string(extension.uuid)},
               {"creation_time_ns", extension.creation_time_ns},
               {"creation_time", time_text(extension.creation_time_ns)},
               {"initial_content", content_name(extension.initial_content)}};
  set_text(json, "origin_path", extension.origin_path);
  if (extension.stopped_errno != 0) {
    json["stopped_at_entry"] = extension.stopped_at_entry;
    json["stopped_errno"] = extension.stopped_errno;
  }
  return json;
}

void print_json(const Facts& facts) {
  Json json;
  set_text(json, "log", facts.path);
  json["version"] = log::kVersion;
  json["sector_size"] = facts.super_block.sector_size;
  json["nr_entries"] = facts.summary.nr_entries;
  json["nr_entries_counted"] = facts.super_block.nr_entries;
  json["log_file_bytes"] = facts.file_size_bytes;
  json["log_used_bytes"] = facts.summary.end_offset;
  json["device_size_bytes"] = facts.device_size_bytes();
  json["device_size_inferred"] = facts.device_size_is_inferred();
  json["extension"] =
      facts.super_block.extension ? extension_json(*facts.super_block.extension) : Json(nullptr);
  if (facts.super_block.extension_damaged) json["extension_damaged"] = true;
  for (const auto& [name, amounts] :
       {std::pair{"kinds", &facts.totals.kinds()}, std::pair{"flags", &facts.totals.flags()}}) {
    for (const Amount& amount : *amounts)
      json[name][amount.name] = {{"entries", amount.entries}, {"device_bytes", amount.bytes}};
  }
  json["epochs"] = facts.totals.epochs();
  json["largest_epoch_entries"] = facts.totals.largest_epoch().entries;
  json["largest_epoch_device_bytes"] = facts.totals.largest_epoch().bytes;
  json["marks"] = Json::array();
  for (const auto& mark : facts.summary.marks) {
    Json item = {{"entry", mark.entry}};
    set_text(item, "name", mark.name);
    json["marks"].push_back(item);
  }
  const log::Ending& ending = facts.summary.ending;
  json["ending"] = {{"kind", ending_name(ending.kind)},
                    {"entry", ending.entry},
                    {"log_offset", ending.log_offset}};
  if (!ending.is_whole()) set_text(json["ending"], "message", ending.message);
  Output::standard().print("{}\n", json.to_text());
}

void print_row(std::string_view name, const std::string& value) {
  Output::standard().print("  {:<16} {}\n", name, value);
}

std::string size_text(ByteCount bytes) {
  if (bytes < kKiB) return human_bytes(bytes);
  return fmt::format("{} ({} bytes)", human_bytes(bytes), with_commas(bytes));
}

void print_origin(const log::SuperBlockExtension& extension) {
  print_row("recorded", time_text(extension.creation_time_ns).substr(0, 19) + "Z");
  if (!extension.origin_path.empty()) print_row("from", printable(extension.origin_path));
  print_row("began as", extension.initial_content == log::InitialContent::kZero ? "all zeroes"
                        : extension.initial_content == log::InitialContent::kImage
                            ? "an image with content"
                            : "not known");
  print_row("uuid", log::to_string(extension.uuid));
  if (extension.stopped_errno != 0) {
    print_row("STOPPED",
              fmt::format("recording ended in front of entry {}: {}", extension.stopped_at_entry,
                          std::strerror(static_cast<int>(extension.stopped_errno))));
  }
}

void print_super_block(const Facts& facts) {
  const auto& super_block = facts.super_block;
  Output::standard().print("{}: dm-log-writes version {}{}\n\n", printable(facts.path),
                           log::kVersion,
                           super_block.extension ? ", with powercut's extension" : "");
  print_row("sector size", size_text(super_block.sector_size));
  std::string entries = with_commas(facts.summary.nr_entries);
  if (facts.summary.nr_entries != super_block.nr_entries) {
    entries += fmt::format(" readable, {} counted by the super block",
                           with_commas(super_block.nr_entries));
  }
  print_row("entries", entries);
  print_row("log", size_text(facts.summary.end_offset));
  if (facts.file_size_bytes != facts.summary.end_offset)
    print_row("log file", size_text(facts.file_size_bytes));
  print_row(
      "device",
      size_text(facts.device_size_bytes()) +
          (facts.device_size_is_inferred() ? ", inferred: the least that holds every entry" : ""));
  if (super_block.extension) print_origin(*super_block.extension);
  if (super_block.extension_damaged) print_row("extension", "DAMAGED: not used");
}

void print_amounts(const Facts& facts) {
  Output& out = Output::standard();
  out.print("\n  {:<16} {:>12}  {:>12}\n", "KIND", "ENTRIES", "ON DEVICE");
  const auto print_amount = [&](const std::string& name, const Amount& amount) {
    if (amount.entries == 0) return;
    out.print("  {:<16} {:>12}  {:>12}\n", name, with_commas(amount.entries),
              amount.bytes > 0 ? human_bytes(amount.bytes) : "-");
  };
  for (const Amount& amount : facts.totals.kinds()) print_amount(amount.name, amount);
  for (const Amount& amount : facts.totals.flags()) {
    if (amount.name == "FUA" || amount.name == "METADATA")
      print_amount("with " + amount.name, amount);
  }
  const Amount& largest = facts.totals.largest_epoch();
  out.print("\n  {}, {}; the largest epoch has {}, {}\n", counted(facts.totals.epochs(), "epoch"),
            counted(facts.summary.flushes.size(), "flush", "flushes"),
            counted(largest.entries, "entry", "entries"), human_bytes(largest.bytes));
}

void print_marks(const Facts& facts, bool all) {
  Output& out = Output::standard();
  const auto& marks = facts.summary.marks;
  if (marks.empty()) {
    out.print("  no marks\n");
    return;
  }
  out.print("\n  {:>10}  MARK\n", "ENTRY");
  const std::size_t shown = all ? marks.size() : std::min(marks.size(), kMarksShown);
  for (std::size_t i = 0; i < shown; ++i)
    out.print("  {:>10}  {}\n", marks[i].entry, printable(marks[i].name));
  if (shown < marks.size())
    out.print("  {:>10}  and {} more; --marks lists all\n", "", with_commas(marks.size() - shown));
}

Result<int> run_info(const Arguments& arguments) {
  OpenLog log = POWERCUT_TRY(open_log(arguments.text("LOG")));
  const Facts facts = gather(arguments.text("LOG"), log.reader);
  if (arguments.is_set("json")) {
    print_json(facts);
  } else {
    print_super_block(facts);
    print_amounts(facts);
    print_marks(facts, arguments.is_set("marks"));
  }
  Output::standard().flush();
  POWERCUT_TRY_STATUS(log::to_status(facts.summary.ending));
  return 0;
}

}  // namespace

const flags::Command& info_command() {
  static const flags::Command command = {
      .name = "info",
      .summary = "show what is in a log",
      .description =
          {"Shows LOG's super block, how many entries of each kind it has and how much of the "
           "device they "
           "cover, its epochs (the entries up to and including a flush) and its marks. The "
           "device's size is that "
           "which the log states; a log that states none has it inferred, and the output says so.",
           "If the log is not whole, what can be read is shown, and then the error says where and "
           "how it "
           "ends."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."}},
      .flags = {{.name = "marks",
                 .help = "List every mark, not only the first 20.",
                 .kind = Kind::kBool},
                {.name = "json",
                 .help = "The same facts as one JSON object, all marks included.",
                 .kind = Kind::kBool}},
      .examples = {{"What was recorded:", "powercut info run.log"}},
      .see_also = {"powercut-log(1)", "powercut-verify(1)"},
      .run = run_info,
  };
  return command;
}

}  // namespace powercut::apps
