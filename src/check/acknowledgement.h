// SPDX-License-Identifier: Apache-2.0
// The texts of acknowledgement marks: what a program has promised of a file, or is about to do to
// it. docs/marks.md describes them, and is changed together with this.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/units.h"

namespace powercut::check {

struct FileContent {
  ByteCount size_bytes = 0;
  std::string sha256;  // lower-case hexadecimal digits

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the compiler's own 0 for somebody's
  friend auto operator<=>(const FileContent&, const FileContent&) = default;
};

struct Acknowledgement {
  enum class Kind {
    kContent,   // the file is durable with this content
    kRemoved,   // it is durably gone
    kChanging,  // from here on it is being made, replaced or removed
  };
  Kind kind = Kind::kContent;
  std::string file;  // relative to the file system's root; '/' between the names

  FileContent content;  // of kContent
  // Of kChanging:
  bool exists = true;        // there was a file at that moment
  bool is_in_place = false;  // the file itself is written, so that it may be anything meanwhile

  friend bool operator==(const Acknowledgement&, const Acknowledgement&) = default;
};

// Compact JSON. kUsage if the file's name is not UTF-8.
[[nodiscard]] Result<std::string> mark_text(const Acknowledgement& acknowledgement);

// Nothing if the mark is none of these. kBadInput if it is one, but one that cannot be understood.
[[nodiscard]] Result<std::optional<Acknowledgement>> parse_acknowledgement(std::string_view mark);

}  // namespace powercut::check
