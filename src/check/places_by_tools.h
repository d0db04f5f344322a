// SPDX-License-Identifier: Apache-2.0
// The parts of places.h: one for each family of file systems.
#pragma once

#include <map>

#include "check/places.h"

namespace powercut::check {

// By places of the device: what stands there.
struct PlaceNames {
  std::map<ByteOffset, std::string> names;
  std::string note;
};

[[nodiscard]] Result<PlaceNames> ext_places(const std::string& disk_path,
                                            const std::string& directory,
                                            const std::vector<ByteOffset>& offsets);
[[nodiscard]] Result<PlaceNames> xfs_places(const std::string& disk_path,
                                            const std::vector<ByteOffset>& offsets);
[[nodiscard]] Result<PlaceNames> btrfs_places(const std::string& disk_path,
                                              const std::vector<ByteOffset>& offsets);

// What a tool wrote to standard output; nothing if it is missing or failed, which `note` then says.
[[nodiscard]] Result<std::optional<std::string>> output_of(const std::string& program,
                                                           const std::string& package,
                                                           std::vector<std::string> arguments,
                                                           std::string& note);

[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);
// The first number in the text behind `word`; nothing if there is no such word or number.
[[nodiscard]] std::optional<std::uint64_t> number_behind(std::string_view text,
                                                         std::string_view word);

}  // namespace powercut::check
