// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/log_show.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <ctime>

namespace powercut::apps {

namespace {

constexpr std::array<std::pair<std::uint64_t, const char*>, 5> kFlagNames = {
    {{log::kFlagFlush, "FLUSH"},
     {log::kFlagFua, "FUA"},
     {log::kFlagDiscard, "DISCARD"},
     {log::kFlagMark, "MARK"},
     {log::kFlagMetadata, "METADATA"}}};

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

// The length of the UTF-8 sequence that `text` begins with; 0 if it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80   ? 1
                             : byte(0) < 0xc2 ? 0
                             : byte(0) < 0xe0 ? 2
                             : byte(0) < 0xf0 ? 3
                             : byte(0) < 0xf5 ? 4
                                              : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what lies beyond Unicode.
  if ((byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) > 0x9f) ||
      (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) > 0x8f))
    return 0;
  return length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

}  // namespace

Result<OpenLog> open_log(const std::string& path, const log::ReaderOptions& options) {
  auto file = POWERCUT_TRY(PosixFile::open(path, {}));
  auto reader = POWERCUT_TRY(log::Reader::open(*file, options));
  return OpenLog{std::move(file), std::move(reader)};
}

std::vector<std::string> flag_names(std::uint64_t flags) {
  std::vector<std::string> names;
  for (const auto& [flag, name] : kFlagNames) {
    if ((flags & flag) != 0) names.emplace_back(name);
  }
  return names;
}

std::string time_text(std::uint64_t time_ns) {
  const auto seconds = static_cast<std::time_t>(time_ns / kNsPerSecond);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(seconds), time_ns % kNsPerSecond);
}

std::string hash_text(std::uint64_t hash) {
  return fmt::format("{:#018x}", hash);
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text[0]);
    std::size_t length = utf8_length(text);
    // C1 control characters are two bytes in UTF-8: 0xc2 0x80 to 0xc2 0x9f.
    const bool is_control =
        first < 0x20 || first == 0x7f ||
        (first == 0xc2 && length == 2 && static_cast<unsigned char>(text[1]) < 0xa0);
    if (length == 0 || is_control) {
      length = std::max<std::size_t>(length, 1);
      for (const char c : text.substr(0, length))
        result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return result;
}

const char* operation_name(log::Operation operation) {
  switch (operation) {
    case log::Operation::kUnknown:
      return "unknown";
    case log::Operation::kWrite:
      return "write";
    case log::Operation::kZeroes:
      return "zeroes";
    case log::Operation::kZeroesUnmap:
      return "zeroes-unmap";
    case log::Operation::kDiscard:
      return "discard";
    case log::Operation::kFlush:
      return "flush";
    case log::Operation::kMark:
      return "mark";
    case log::Operation::kFlushPending:
      return "flush-pending";
    case log::Operation::kFlushFailed:
      return "flush-failed";
  }
  return "unknown";
}

const char* ending_name(log::Ending::Kind kind) {
  switch (kind) {
    case log::Ending::Kind::kCounted:
      return "counted";
    case log::Ending::Kind::kTorn:
      return "torn";
    case log::Ending::Kind::kCorrupt:
      return "corrupt";
    case log::Ending::Kind::kIoError:
      return "io-error";
  }
  return "unknown";
}

void set_text(Json& json, const std::string& name, std::string_view text) {
  json[name] = text;
  if (!is_utf8(text)) json[name + "_hex"] = to_hex(text);
}

Json entry_json(const log::Entry& entry) {
  Json json = {{"entry", entry.index},           {"log_offset", entry.log_offset},
               {"kind", log::kind_name(entry)},  {"sector", entry.sector},
               {"nr_sectors", entry.nr_sectors}, {"flags", flag_names(entry.flags)},
               {"flags_number", entry.flags}};
  if (entry.is_mark()) set_text(json, "mark", entry.mark);
  if (!entry.is_mark() && entry.data_len != 0) json["data_len"] = entry.data_len;
  if (entry.extension) {
    const log::EntryExtension& extension = *entry.extension;
    json["operation"] = operation_name(extension.operation);
    // 0 is "not known".
    if (extension.submit_tick != 0) json["submit_tick"] = extension.submit_tick;
    if (extension.complete_tick != 0) json["complete_tick"] = extension.complete_tick;
    json["time_ns"] = extension.wall_time_ns;
    json["time"] = time_text(extension.wall_time_ns);
    if (extension.payload_hash) json["payload_hash"] = hash_text(*extension.payload_hash);
  }
  if (entry.extension_damaged) json["extension_damaged"] = true;
  return json;
}

}  // namespace powercut::apps
