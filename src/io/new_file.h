// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/posix_file.h"

namespace powercut {

// A file that is given its path when it is complete, in the place of what was there: whoever opens
// the path finds the old one or the new one whole. Nothing stays behind if it is not finished, nor,
// where the file system has O_TMPFILE, if the process is killed. Not synced: for what can be made
// again. Not thread-safe.
class NewFile {
 public:
  [[nodiscard]] static Result<std::unique_ptr<NewFile>> make(const std::string& path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  [[nodiscard]] PosixFile& file() { return *file_; }
  // Can still be read and written afterwards.
  [[nodiscard]] Status finish();

 private:
  NewFile(std::string path, std::string draft_path, bool has_draft_path,
          std::unique_ptr<PosixFile> file);

  const std::string path_;
  const std::string draft_path_;
  bool has_draft_path_;
  const std::unique_ptr<PosixFile> file_;
};

}  // namespace powercut
