// SPDX-License-Identifier: Apache-2.0
// debugfs tells which inode a block belongs to, what that is called, and where the structures are that
// belong to none.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>

#include "check/places_by_tools.h"

namespace powercut::check {
namespace {

constexpr const char* kPackage = "e2fsprogs";
constexpr std::uint64_t kRootInode = 2;
constexpr std::uint64_t kResizeInode = 7;
constexpr ByteOffset kSuperBlockOffset = 1024;

struct Layout {
  std::uint64_t block_bytes = 0;
  std::uint64_t first_block = 0;
  std::uint64_t blocks_per_group = 0;
  std::uint64_t inode_table_blocks = 0;
  std::uint64_t descriptor_blocks = 0;
  std::uint64_t journal_inode = 0;
  struct Group {
    std::uint64_t block_bitmap = 0;
    std::uint64_t inode_bitmap = 0;
    std::uint64_t inode_table = 0;
  };
  std::vector<Group> groups;
};

std::optional<Layout> layout_of(std::string_view stats) {
  Layout layout;
  const auto number = [&](const char* name) { return number_behind(stats, name).value_or(0); };
  layout.block_bytes = number("\nBlock size:");
  layout.first_block = number("\nFirst block:");
  layout.blocks_per_group = number("\nBlocks per group:");
  layout.inode_table_blocks = number("\nInode blocks per group:");
  layout.journal_inode = number("\nJournal inode:");
  for (const std::string_view line : lines_of(stats)) {
    const auto bitmap = number_behind(line, ": block bitmap at");
    if (!bitmap) continue;
    layout.groups.push_back({*bitmap, number_behind(line, "inode bitmap at").value_or(0),
                             number_behind(line, "inode table at").value_or(0)});
  }
  if (layout.block_bytes == 0 || layout.groups.empty()) return std::nullopt;
  const std::uint64_t descriptor = std::max<std::uint64_t>(32, number("\nGroup descriptor size:"));
  layout.descriptor_blocks =
      (layout.groups.size() * descriptor + layout.block_bytes - 1) / layout.block_bytes;
  return layout;
}

std::string structure_at(const Layout& layout, std::uint64_t block) {
  const std::uint64_t super_block = kSuperBlockOffset / layout.block_bytes;
  if (block == super_block) return "super block";
  if (block > super_block && block <= super_block + layout.descriptor_blocks)
    return "group descriptors";
  for (std::size_t i = 0; i < layout.groups.size(); ++i) {
    const Layout::Group& group = layout.groups[i];
    if (block == group.block_bitmap) return fmt::format("block bitmap of group {}", i);
    if (block == group.inode_bitmap) return fmt::format("inode bitmap of group {}", i);
    if (block >= group.inode_table && block < group.inode_table + layout.inode_table_blocks)
      return fmt::format("inode table of group {}", i);
  }
  return {};
}

// Lines of a block and its inode.
std::map<std::uint64_t, std::uint64_t> inodes_of(std::string_view text) {
  std::map<std::uint64_t, std::uint64_t> inodes;
  for (const std::string_view line : lines_of(text)) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    const auto block = number_behind(line, "");
    const auto inode = number_behind(line.substr(tab), "\t");
    if (block && inode) inodes[*block] = *inode;
  }
  return inodes;
}

// Where in a file a block is, from "(0-292):9217-9509, (IND):9510"; nothing if it is none of its data.
std::optional<std::uint64_t> block_in_file(std::string_view extents, std::uint64_t block) {
  for (std::size_t at = extents.find('('); at != std::string_view::npos;
       at = extents.find('(', at + 1)) {
    const std::size_t close = extents.find("):", at);
    if (close == std::string_view::npos) break;
    const auto first_in_file = number_behind(extents.substr(at, close - at), "(");
    const auto first = number_behind(extents.substr(close), "):");
    if (!first_in_file || !first || block < *first) continue;
    const std::size_t end = std::min(extents.find_first_of(",\n", close), extents.size());
    const auto last = number_behind(extents.substr(close, end - close), "-").value_or(*first);
    if (block <= last) return *first_in_file + block - *first;
  }
  return std::nullopt;
}

struct Inode {
  bool is_directory = false;
  std::string_view extents;
  std::string path;
};

// What `stat` and `ncheck` say.
std::map<std::uint64_t, Inode> details_of(std::string_view text) {
  std::map<std::uint64_t, Inode> inodes;
  constexpr std::string_view kStat = "debugfs: stat <";
  for (std::size_t at = text.find(kStat); at != std::string_view::npos;
       at = text.find(kStat, at + 1)) {
    const std::string_view part = text.substr(at, text.find("\ndebugfs: ", at) - at);
    const auto number = number_behind(part, kStat);
    if (!number) continue;
    Inode& inode = inodes[*number];
    inode.is_directory = part.find("Type: directory") != std::string_view::npos;
    for (const std::string_view heading : {"\nEXTENTS:\n", "\nBLOCKS:\n"}) {
      const std::size_t extents = part.find(heading);
      if (extents != std::string_view::npos) inode.extents = part.substr(extents);
    }
  }
  const std::size_t names = std::min(text.find("\ndebugfs: ncheck"), text.size());
  for (const std::string_view line : lines_of(text.substr(names))) {
    const std::size_t tab = line.find('\t');
    const auto number = number_behind(line, "");
    if (tab == std::string_view::npos || !number || !inodes[*number].path.empty()) continue;
    std::string_view path = line.substr(tab + 1);
    if (path.starts_with("//")) path.remove_prefix(1);
    inodes[*number].path = path;
  }
  inodes[kRootInode].path = "/";
  return inodes;
}

std::string name_of(std::uint64_t number, const Inode& inode, std::uint64_t block,
                    const Layout& layout) {
  if (number == layout.journal_inode) return "journal";
  if (number == kResizeInode) return "reserved group descriptors";
  std::string name = inode.path.empty() ? fmt::format("inode {}", number) : inode.path;
  if (inode.is_directory) return "directory " + name;
  const auto in_file = block_in_file(inode.extents, block);
  if (!in_file) return name + " (its map of blocks)";
  return fmt::format("{} at byte {}", name, *in_file * layout.block_bytes);
}

class Debugfs {
 public:
  Debugfs(std::string disk_path, std::string directory)
      : disk_path_(std::move(disk_path)), commands_(std::move(directory) + "/debugfs") {}

  Result<std::optional<std::string>> run(const std::string& commands, std::string& note) const {
    std::ofstream file(commands_);
    file << commands;
    file.close();
    if (!file) return os_error(fmt::format("cannot write '{}'", commands_));
    return output_of("debugfs", kPackage, {"-f", commands_, disk_path_}, note);
  }

 private:
  const std::string disk_path_;
  const std::string commands_;
};

}  // namespace

Result<PlaceNames> ext_places(const std::string& disk_path, const std::string& directory,
                              const std::vector<ByteOffset>& offsets) {
  PlaceNames result;
  // What the journal holds belongs to the file system. Its status says that it was recovered, or that
  // something is wrong, of which there may be much.
  std::string of_recovery;
  (void)POWERCUT_TRY(
      output_of("e2fsck", kPackage, {"-y", "-E", "journal_only", disk_path}, of_recovery));
  const Debugfs debugfs(disk_path, directory);
  const auto stats = POWERCUT_TRY(debugfs.run("stats\n", result.note));
  const auto layout = stats ? layout_of(*stats) : std::nullopt;
  if (!layout) return result;

  std::string query = "icheck";
  for (const ByteOffset offset : offsets) query += fmt::format(" {}", offset / layout->block_bytes);
  const auto owners = POWERCUT_TRY(debugfs.run(query + "\n", result.note));
  if (!owners) return result;
  const auto inodes = inodes_of(*owners);
  std::set<std::uint64_t> numbers;
  for (const auto& [block, inode] : inodes) numbers.insert(inode);
  query.clear();
  for (const std::uint64_t number : numbers) query += fmt::format("stat <{}>\n", number);
  query += fmt::format("ncheck {}\n", fmt::join(numbers, " "));
  const auto details = POWERCUT_TRY(debugfs.run(query, result.note));
  if (!details) return result;
  auto known = details_of(*details);
  for (const ByteOffset offset : offsets) {
    const std::uint64_t block = offset / layout->block_bytes;
    const auto inode = inodes.find(block);
    result.names[offset] = inode == inodes.end()
                               ? structure_at(*layout, block)
                               : name_of(inode->second, known[inode->second], block, *layout);
  }
  return result;
}

}  // namespace powercut::check
