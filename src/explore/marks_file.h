// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace powercut::explore {

// $POWERCUT_MARKS, kept from check to check: where a cut has moved on, only what is new is written.
// Not thread-safe.
class MarksFile {
 public:
  // `path` is made, or emptied.
  [[nodiscard]] static Result<MarksFile> make(const std::string& path);

  // Gives it this content; to be called before a checker sees it. Had a checker changed the file, it
  // is written anew.
  [[nodiscard]] Status update(const std::string& lines);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit MarksFile(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] bool is_as_left() const;

  std::string path_;
  std::string written_;
  struct stat left_ {};  // the file as it was left
};

}  // namespace powercut::explore
