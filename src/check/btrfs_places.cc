// SPDX-License-Identifier: Apache-2.0
// btrfs prints its trees: chunks say what kind of block a place of the device holds and which logical
// address it has, the tree of files which file has its data there.
#include <fmt/format.h>

#include <algorithm>

#include "check/places_by_tools.h"

namespace powercut::check {
namespace {

constexpr ByteOffset kSuperBlocks[] = {64 * kKiB, 64 * kMiB, 256 * kGiB};
constexpr ByteCount kSuperBlockBytes = 4 * kKiB;
constexpr std::uint64_t kRootDirectory = 256;

// Where a stripe of a chunk is. Of chunks over several devices the places are those of the first.
struct Stripe {
  ByteOffset device = 0;
  ByteOffset logical = 0;
  ByteCount length = 0;
  std::string type;  // "DATA|single"
};

std::vector<Stripe> stripes_of(std::string_view text) {
  std::vector<Stripe> stripes;
  Stripe chunk;
  for (const std::string_view line : lines_of(text)) {
    if (const auto logical = number_behind(line, " CHUNK_ITEM ")) chunk.logical = *logical;
    if (const auto length = number_behind(line, "\t\tlength ")) {
      chunk.length = *length;
      const std::size_t type = line.find(" type ");
      chunk.type = type == std::string_view::npos ? "" : line.substr(type + 6);
    }
    if (line.find("stripe ") == std::string_view::npos) continue;
    const auto offset = number_behind(line, " offset ");
    if (!offset) continue;
    chunk.device = *offset;
    stripes.push_back(chunk);
  }
  return stripes;
}

struct Extent {
  ByteOffset logical = 0;
  ByteCount length = 0;
  std::uint64_t inode = 0;
  ByteOffset in_file = 0;
};
struct Name {
  std::uint64_t parent = 0;
  std::string name;
};
struct Files {
  std::vector<Extent> extents;
  std::map<std::uint64_t, Name> names;
};

// The tree of files: "item 11 key (10953489 INODE_REF 10953473) ..." with the name in the line behind,
// "item 15 key (10953505 EXTENT_DATA 0) ..." with "extent data disk byte 13631488 nr 303104".
Files files_of(std::string_view text) {
  Files files;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  bool is_reference = false;
  for (const std::string_view line : lines_of(text)) {
    if (line.find(" key (") != std::string_view::npos) {
      inode = number_behind(line, " key (").value_or(0);
      is_reference = line.find(" INODE_REF ") != std::string_view::npos;
      offset = number_behind(line, is_reference ? " INODE_REF " : " EXTENT_DATA ").value_or(0);
    }
    const std::size_t name = line.find(" name: ");
    if (is_reference && name != std::string_view::npos)
      files.names.try_emplace(inode, Name{offset, std::string(line.substr(name + 7))});
    const auto logical = number_behind(line, "extent data disk byte ");
    if (logical && *logical != 0)
      files.extents.push_back({*logical, number_behind(line, " nr ").value_or(0), inode, offset});
  }
  return files;
}

std::string path_of(const Files& files, std::uint64_t inode) {
  std::string path;
  // A damaged tree could have a circle.
  for (int depth = 0; inode != kRootDirectory && depth < 256; ++depth) {
    const auto name = files.names.find(inode);
    if (name == files.names.end()) return fmt::format("inode {}{}", inode, path);
    path.insert(0, "/" + name->second.name);
    inode = name->second.parent;
  }
  return path;
}

std::string file_at(const Files& files, ByteOffset logical) {
  for (const Extent& extent : files.extents) {
    if (logical < extent.logical || logical - extent.logical >= extent.length) continue;
    return fmt::format("{} at byte {}", path_of(files, extent.inode),
                       extent.in_file + logical - extent.logical);
  }
  return {};
}

std::string name_at(const std::vector<Stripe>& stripes, const Files& files, ByteOffset offset) {
  for (const ByteOffset super_block : kSuperBlocks) {
    if (offset >= super_block && offset < super_block + kSuperBlockBytes) return "super block";
  }
  for (const Stripe& stripe : stripes) {
    if (offset < stripe.device || offset - stripe.device >= stripe.length) continue;
    if (stripe.type.find("DATA") == 0)
      return file_at(files, stripe.logical + offset - stripe.device);
    return stripe.type.find("SYSTEM") == 0 ? "tree of chunks" : "metadata";
  }
  return {};
}

}  // namespace

Result<PlaceNames> btrfs_places(const std::string& disk_path,
                                const std::vector<ByteOffset>& offsets) {
  PlaceNames result;
  const auto tree = [&](const char* name) {
    return output_of("btrfs", "btrfs-progs",
                     {"inspect-internal", "dump-tree", "-t", name, disk_path}, result.note);
  };
  const auto chunks = POWERCUT_TRY(tree("chunk"));
  if (!chunks) return result;
  const auto stripes = stripes_of(*chunks);
  // Files of subvolumes are not looked for.
  const auto of_files = POWERCUT_TRY(tree("fs"));
  const Files files = of_files ? files_of(*of_files) : Files();
  for (const ByteOffset offset : offsets) result.names[offset] = name_at(stripes, files, offset);
  return result;
}

}  // namespace powercut::check
