// SPDX-License-Identifier: Apache-2.0
#include "explore/keep.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "io/posix_file.h"
#include "log/codec.h"

namespace powercut::explore {
namespace {

constexpr ByteCount kPieceBytes = 64 * kKiB;
// A file system takes 255 bytes; something is put behind it.
constexpr std::size_t kLongestNameBytes = 200;

Result<std::unique_ptr<PosixFile>> open_new(const std::string& path) {
  OpenOptions options;
  options.writable = options.truncate = true;
  options.create = OpenOptions::Create::kIfAbsent;
  return PosixFile::open(path, options);
}

bool is_zero(ConstBytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

std::string file_name_of(std::string_view state) {
  std::string name(state);
  for (char& c : name) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '_';
    if (!is_plain) c = '-';
  }
  if (name.size() > kLongestNameBytes) {
    name.resize(kLongestNameBytes);
    name += fmt::format("-{:016x}", log::payload_hash(std::as_bytes(std::span(state))));
  }
  return name;
}

Status keep_image(BlockDevice& device, const std::string& path) {
  const auto file = POWERCUT_TRY(open_new(path));
  POWERCUT_TRY_STATUS(file->truncate(device.size_bytes()));
  std::vector<std::byte> piece(kPieceBytes);
  ByteOffset at = 0;
  while (const auto data = POWERCUT_TRY(device.next_data(at))) {
    for (at = data->begin; at < data->end;) {
      const MutableBytes part =
          MutableBytes(piece).first(std::min<ByteCount>(piece.size(), data->end - at));
      POWERCUT_TRY_STATUS(device.read(at, part));
      if (!is_zero(part)) POWERCUT_TRY_STATUS(file->write_at(at, part));
      at += part.size();
    }
  }
  return {};
}

Status keep_text(std::string_view text, const std::string& path) {
  return POWERCUT_TRY(open_new(path))->write_at(0, std::as_bytes(std::span(text)));
}

}  // namespace powercut::explore
