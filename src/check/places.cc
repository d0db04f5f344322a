// SPDX-License-Identifier: Apache-2.0
#include "check/places.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/subprocess.h"
#include "block/open.h"
#include "check/check_run.h"
#include "check/places_by_tools.h"

namespace powercut::check {
namespace {

using namespace std::string_view_literals;

constexpr std::chrono::seconds kToolPatience{20};
constexpr ByteCount kMostOutput = 64 * kMiB;
constexpr ByteCount kLeastBlock = 4 * kKiB;
constexpr std::uint64_t kMostLooks = 16;  // for each range
constexpr std::size_t kMostNames = 3;

bool has(BlockDevice& disk, ByteOffset offset, std::string_view magic) {
  std::array<std::byte, 8> bytes{};
  return offset + magic.size() <= disk.size_bytes() &&
         disk.read(offset, MutableBytes(bytes).first(magic.size())) &&
         std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

// Of the range's blocks the first, and others at even distances.
std::vector<ByteOffset> looks_at(const ByteRange& range) {
  const std::uint64_t blocks = std::max<std::uint64_t>(1, range.size() / kLeastBlock);
  const std::uint64_t looks = std::min(blocks, kMostLooks);
  std::vector<ByteOffset> offsets;
  for (std::uint64_t i = 0; i < looks; ++i)
    offsets.push_back(range.begin + blocks * i / looks * kLeastBlock);
  return offsets;
}

std::string joined(const ByteRange& range, const std::map<ByteOffset, std::string>& names) {
  std::vector<std::string> distinct;
  for (const ByteOffset offset : looks_at(range)) {
    const auto name = names.find(offset);
    if (name == names.end() || name->second.empty()) continue;
    // "at byte ..." is that of the first.
    const std::string file = name->second.substr(0, name->second.find(" at byte "));
    const bool is_known = std::any_of(distinct.begin(), distinct.end(), [&](const auto& known) {
      return known.substr(0, known.find(" at byte ")) == file;
    });
    if (!is_known) distinct.push_back(name->second);
  }
  const bool is_cut = distinct.size() > kMostNames;
  if (is_cut) distinct.resize(kMostNames);
  return fmt::format("{}{}", fmt::join(distinct, ", "), is_cut ? ", ..." : "");
}

}  // namespace

Result<std::optional<std::string>> output_of(const std::string& program, const std::string& package,
                                             std::vector<std::string> arguments,
                                             std::string& note) {
  const auto path = find_program(program, package);
  if (!path) {
    note = fmt::format("what stands where is not known: {}", path.error().message);
    return std::optional<std::string>();
  }
  SubprocessOptions options;
  options.argv = {*path};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.output = SubprocessOptions::Output::kCapture;
  options.error_output = SubprocessOptions::Output::kNull;
  options.max_captured_bytes = kMostOutput;
  const SubprocessResult result = POWERCUT_TRY(run_subprocess(options, kToolPatience));
  if (result.succeeded() && !result.output_cut) return std::optional(result.output);
  note = fmt::format("what stands where is not known: {} {}", program,
                     result.output_cut ? "says too much" : result.describe());
  return std::optional<std::string>();
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + word.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

Result<Places> find_places(const std::string& disk_path, const std::string& directory,
                           const std::vector<ByteRange>& ranges) {
  std::vector<ByteOffset> offsets;
  for (const auto& range : ranges) {
    const auto looks = looks_at(range);
    offsets.insert(offsets.end(), looks.begin(), looks.end());
  }
  PlaceNames found;
  const auto disk = POWERCUT_TRY(open_read_only_device(disk_path));
  if (has(*disk, 1024 + 0x38, "\x53\xef"sv)) {
    found = POWERCUT_TRY(ext_places(disk_path, directory, offsets));
  } else if (has(*disk, 0, "XFSB"sv)) {
    found = POWERCUT_TRY(xfs_places(disk_path, offsets));
  } else if (has(*disk, 64 * kKiB + 0x40, "_BHRfS_M"sv)) {
    found = POWERCUT_TRY(btrfs_places(disk_path, offsets));
  }
  Places places{.names = {}, .note = found.note};
  for (const auto& range : ranges) places.names.push_back(joined(range, found.names));
  return places;
}

}  // namespace powercut::check
