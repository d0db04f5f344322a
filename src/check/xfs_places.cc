// SPDX-License-Identifier: Apache-2.0
// xfs_db goes through the whole file system once (blockget) and then tells what each block is.
#include <fmt/format.h>

#include <algorithm>

#include "check/places_by_tools.h"

namespace powercut::check {
namespace {

constexpr ByteCount kDaddrBytes = 512;

// As xfs_db calls what belongs to no file.
constexpr std::pair<std::string_view, const char*> kTypes[] = {
    {"sb", "super block and headers"},
    {"agf", "free space header"},
    {"agi", "inode header"},
    {"agfl", "free list"},
    {"btbno", "free space tree"},
    {"btcnt", "free space tree"},
    {"btino", "inode tree"},
    {"btfino", "free inode tree"},
    {"btrmap", "reverse map"},
    {"btrefc", "reference tree"},
    {"freelist", "free list"},
    {"inode", "inodes"},
    {"log", "log"},
    {"rtbitmap", "realtime bitmap"},
    {"rtsum", "realtime summary"},
    {"quota", "quota"},
};

// "block 32778 (1/10) type data inode 262273 sub/app.log"
std::string name_of(std::string_view line) {
  constexpr std::string_view kType = ") type ";
  const std::size_t at = line.find(kType);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + kType.size());
  const std::string_view type = line.substr(0, line.find(' '));
  for (const auto& [word, name] : kTypes) {
    if (type == word) return name;
  }
  constexpr std::string_view kInode = " inode ";
  const std::size_t inode = line.find(kInode);
  if (inode == std::string_view::npos) return {};
  const std::string_view owner = line.substr(inode + kInode.size());
  const std::size_t space = owner.find(' ');
  const std::string name = space == std::string_view::npos
                               ? fmt::format("inode {}", owner)
                               : fmt::format("/{}", owner.substr(space + 1));
  if (type == "dir") return "directory " + name;
  return type == "data" ? name : fmt::format("{} ({})", name, type);
}

}  // namespace

Result<PlaceNames> xfs_places(const std::string& disk_path,
                              const std::vector<ByteOffset>& offsets) {
  PlaceNames result;
  std::vector<std::string> arguments = {"-r", "-c", "blockget -n"};
  for (const ByteOffset offset : offsets) {
    arguments.insert(arguments.end(),
                     {"-c", fmt::format("daddr {}", offset / kDaddrBytes), "-c", "blockuse -n"});
  }
  arguments.push_back(disk_path);
  const auto output = POWERCUT_TRY(output_of("xfs_db", "xfsprogs", arguments, result.note));
  if (!output) return result;
  auto offset = offsets.begin();
  for (const std::string_view line : lines_of(*output)) {
    // Complaints may stand in between.
    if (!line.starts_with("block ") || line.find(") type ") == std::string_view::npos) continue;
    if (offset == offsets.end()) break;
    result.names[*offset++] = name_of(line);
  }
  return result;
}

}  // namespace powercut::check
