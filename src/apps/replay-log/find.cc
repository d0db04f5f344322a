// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cinttypes>
#include <cstdio>

#include "apps/replay-log/replay_log.h"

namespace powercut::apps::replay_log {

std::string flag_text(std::uint64_t flags) {
  static constexpr std::pair<std::uint64_t, std::string_view> kNames[] = {
      {log::kFlagFlush, "FLUSH"}, {log::kFlagFua, "FUA"},           {log::kFlagDiscard, "DISCARD"},
      {log::kFlagMark, "MARK"},   {log::kFlagMetadata, "METADATA"},
  };
  std::string text;
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) == 0) continue;
    if (!text.empty()) text += '|';
    text += name;
  }
  return text.empty() ? "NONE" : text;
}

void print_seek(const log::Entry& entry) {
  std::printf("seek entry %" PRIu64 "@%" PRIu64 ": %" PRIu64 ", size %" PRIu64 ", flags 0x%" PRIx64
              "(%s)\n",
              entry.index, entry.payload_offset() / entry.sector_size, entry.sector,
              entry.nr_sectors, entry.flags, flag_text(entry.flags).c_str());
}

void print_error(const Error& error) {
  std::fprintf(stderr, "replay-log: %s\n", error.message.c_str());
}

bool is_last(const Options& options, const log::Entry& entry, std::uint64_t count) {
  if (options.limit != 0 && count == options.limit) return true;
  if (options.end_mark) return entry.is_mark() && entry.mark == *options.end_mark;
  return (options.next_flush && entry.is_flush()) || (options.next_fua && entry.is_fua());
}

int find(const Options& options, log::Reader& reader) {
  for (std::uint64_t count = 1; const auto entry = reader.next(); ++count) {
    if (options.verbosity > 1) print_seek(*entry);
    if (!is_last(options, *entry, count)) continue;
    if (options.find_plain) {
      std::printf("%" PRIu64 "\n", entry->index);
    } else {
      std::printf("%" PRIu64 "@%" PRIu64 "\n", entry->index,
                  entry->end_offset() / entry->sector_size);
    }
    return kSuccess;
  }
  if (const Status whole = to_status(reader.ending()); !whole) {
    print_error(whole.error());
    return kDamagedSearch;
  }
  std::fprintf(stderr, "Couldn't find entry\n");
  return kFailure;
}

}  // namespace powercut::apps::replay_log
