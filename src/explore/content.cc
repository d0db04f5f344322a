// SPDX-License-Identifier: Apache-2.0
#include "explore/content.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/endian.h"

namespace powercut::explore {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kTextShown = 32;

// What begins with, or has at an offset, these bytes. The first that fits counts.
struct Magic {
  std::size_t offset = 0;
  std::string_view bytes;
  const char* name;
};
constexpr Magic kMagics[] = {
    {0, "\xc0\x3b\x39\x98\0\0\0\1"sv, "ext4 journal descriptor block"},
    {0, "\xc0\x3b\x39\x98\0\0\0\2"sv, "ext4 journal commit block"},
    {0, "\xc0\x3b\x39\x98\0\0\0\3"sv, "ext4 journal super block"},
    {0, "\xc0\x3b\x39\x98\0\0\0\4"sv, "ext4 journal super block"},
    {0, "\xc0\x3b\x39\x98\0\0\0\5"sv, "ext4 journal revoke block"},
    {0, "SQLite format 3\0"sv, "SQLite database header"},
    {0, "\x37\x7f\x06\x82"sv, "SQLite WAL header"},
    {0, "\x37\x7f\x06\x83"sv, "SQLite WAL header"},
    {0, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"sv, "SQLite journal header"},
    {0, "XFSB"sv, "XFS super block"},
    {0, "XAGF"sv, "XFS free space header"},
    {0, "XAGI"sv, "XFS inode header"},
    {0, "XAFL"sv, "XFS free list"},
    {0, "\xfe\xed\xba\xbe"sv, "XFS log record"},
    {0, "IN\x81"sv, "XFS inodes"},
    {0, "IN\x41"sv, "XFS inodes"},
    {0, "AB3B"sv, "XFS free space tree"},
    {0, "AB3C"sv, "XFS free space tree"},
    {0, "IAB3"sv, "XFS inode tree"},
    {0, "FIB3"sv, "XFS free inode tree"},
    {0, "R3FC"sv, "XFS reference tree"},
    {0, "RMB3"sv, "XFS reverse map"},
    {0, "BMA3"sv, "XFS extent tree"},
    {0, "XDB3"sv, "XFS directory"},
    {0, "XDD3"sv, "XFS directory"},
    {0x40, "_BHRfS_M"sv, "btrfs super block"},
    {0x438, "\x53\xef"sv, "ext4 super block"},
    {0x38, "\x53\xef"sv, "ext4 super block"},
    {0,
     "\x7f"
     "ELF"sv,
     "ELF program"},
    {0, "\x1f\x8b\x08"sv, "gzip data"},
    {0, "\x28\xb5\x2f\xfd"sv, "zstd data"},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "xz data"},
    {0, "PK\3\4"sv, "ZIP archive"},
    {0, "\x89PNG\r\n"sv, "PNG image"},
};

bool has_magic(ConstBytes bytes, const Magic& magic) {
  return bytes.size() >= magic.offset + magic.bytes.size() &&
         std::memcmp(bytes.data() + magic.offset, magic.bytes.data(), magic.bytes.size()) == 0;
}

std::uint16_t load16(ConstBytes bytes, std::size_t offset) {
  Le16 value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// A page has no magic, but a size with a version behind three offsets that rise.
bool is_postgresql_page(ConstBytes bytes) {
  constexpr std::uint16_t kSizeAndVersion = 0x2004;  // 8 KiB, layout 4
  constexpr std::uint16_t kHeaderBytes = 24;
  if (bytes.size() < kHeaderBytes || load16(bytes, 18) != kSizeAndVersion) return false;
  const std::uint16_t lower = load16(bytes, 12);
  const std::uint16_t upper = load16(bytes, 14);
  const std::uint16_t special = load16(bytes, 16);
  return kHeaderBytes <= lower && lower <= upper && upper <= special && special <= 0x2000;
}

bool is_text_byte(std::byte byte) {
  const auto c = static_cast<unsigned char>(byte);
  return (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t' || c == '\r';
}

// With zeroes behind it, as the last block of a file has.
std::size_t text_bytes(ConstBytes bytes) {
  const auto end = std::find(bytes.begin(), bytes.end(), std::byte{0});
  const bool is_text =
      std::all_of(bytes.begin(), end, is_text_byte) &&
      std::all_of(end, bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
  return is_text ? static_cast<std::size_t>(end - bytes.begin()) : 0;
}

std::string beginning(ConstBytes text) {
  std::string shown;
  for (const std::byte byte : text) {
    const char c = static_cast<char>(byte);
    // A line's beginning tells enough; what is not ASCII could be cut in two.
    if (c == '\n' || c == '\r' || shown.size() == kTextShown) return shown + "...";
    const auto code = static_cast<unsigned char>(c);
    shown += code < 0x80 && c != '"' && c != '\t' ? c : '.';
  }
  return shown;
}

}  // namespace

std::string content_class(ConstBytes bytes) {
  if (std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; }))
    return "zeroes";
  for (const Magic& magic : kMagics) {
    if (has_magic(bytes, magic)) return magic.name;
  }
  if (is_postgresql_page(bytes)) return "PostgreSQL page";
  const std::size_t length = text_bytes(bytes);
  if (length == 0) return "data";
  return "text \"" + beginning(bytes.first(length)) + "\"";
}

}  // namespace powercut::explore
