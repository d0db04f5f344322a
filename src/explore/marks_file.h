// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "base/units.h"
#include "io/posix_file.h"

namespace powercut::explore {

// $POWERCUT_MARKS: all marks in front of a cut, in order, one line of JSON for each:
//   {"entry":17,"mark":"committed 4"}
// It grows as the cut moves on, so that a run writes each mark once. Not thread-safe.
class MarksFile {
 public:
  // `path` is made, or emptied.
  [[nodiscard]] static Result<MarksFile> make(const std::string& path);

  void add(EntryIndex entry, const std::string& mark);
  // Brings the file up to date; to be called before a checker sees it. Had a checker changed the
  // file, it is written anew.
  [[nodiscard]] Status update();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit MarksFile(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] bool is_as_left() const;

  std::string path_;
  std::string lines_;              // all
  std::size_t written_bytes_ = 0;  // of them
  struct stat left_ {};            // the file as it was left
};

}  // namespace powercut::explore
