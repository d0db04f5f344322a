// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "io/new_file.h"

namespace powercut::apps {

// Where a report goes. A place that cannot be written shows before the work; a regular file is
// replaced when the report is complete.
class ReportFile {
 public:
  // "-" is standard output.
  [[nodiscard]] static Result<ReportFile> open(const std::string& path);

  [[nodiscard]] bool is_standard_output() const { return !file_ && !stream_; }
  // Once.
  [[nodiscard]] Status write(const std::string& text);

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<NewFile> file_;
  std::unique_ptr<std::FILE, Closer> stream_;
};

}  // namespace powercut::apps
