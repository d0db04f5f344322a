// SPDX-License-Identifier: Apache-2.0
#include "apps/recording/file_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace powercut::apps {
namespace {

struct KnownFileSystem {
  std::string_view name;
  std::string_view package;
  // Be quiet; a whole disk is meant; take the place of what is there.
  std::string_view options;
};
constexpr std::array<KnownFileSystem, 10> kKnown{{{"ext2", "e2fsprogs", "-q -F"},
                                                  {"ext3", "e2fsprogs", "-q -F"},
                                                  {"ext4", "e2fsprogs", "-q -F"},
                                                  {"xfs", "xfsprogs", "-q -f"},
                                                  {"btrfs", "btrfs-progs", "-q -f"},
                                                  {"vfat", "dosfstools", "-I"},
                                                  {"exfat", "exfatprogs", "-q"},
                                                  {"f2fs", "f2fs-tools", "-q -f"},
                                                  {"nilfs2", "nilfs-tools", "-q -f"},
                                                  {"bcachefs", "bcachefs-tools", "-q -f"}}};

const KnownFileSystem* find_known(const std::string& name) {
  const auto* found = std::ranges::find(kKnown, name, &KnownFileSystem::name);
  return found == kKnown.end() ? nullptr : found;
}

}  // namespace

std::vector<std::string> mkfs_command(const std::string& file_system,
                                      const std::vector<std::string>& options,
                                      std::uint32_t sector_size, const std::string& device) {
  std::vector<std::string> command{"mkfs." + file_system};
  if (const auto* known = find_known(file_system)) {
    const auto words = split_words(std::string(known->options));
    command.insert(command.end(), words->begin(), words->end());
  }
  // The others ask the device.
  if (file_system == "vfat") {
    command.insert(command.end(), {"-S", std::to_string(sector_size)});
  }
  command.insert(command.end(), options.begin(), options.end());
  command.push_back(device);
  return command;
}

Result<std::vector<std::string>> split_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word.push_back(c);
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word.push_back(c);
      in_word = true;
    }
  }
  if (quote != 0) return usage_error(fmt::format("a quote is not closed: {}", text));
  if (in_word) words.push_back(word);
  return words;
}

std::string package_of_mkfs(const std::string& file_system) {
  const auto* known = find_known(file_system);
  return known != nullptr ? std::string(known->package) : "";
}

}  // namespace powercut::apps
