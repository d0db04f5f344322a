// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/units.h"
#include "findings/finding.h"

namespace powercut::apps {

// Findings as lines of JSON in a file. Each line is handed to the system as it comes, so that a run
// that is killed leaves what it had. For one thread at a time.
class FindingsFile {
 public:
  // Made or emptied now, before any work, unless what is there is `kept`. "-" is standard output; an
  // empty path writes nothing. Errors: another run is writing to it.
  enum class Content { kEmptied, kKept };
  [[nodiscard]] static Result<FindingsFile> open(const std::string& path,
                                                 Content content = Content::kEmptied);

  // Takes away what stands behind the first `bytes`; what is written follows them.
  [[nodiscard]] Status cut(ByteCount bytes);

  // An error is kept until close().
  void write(const findings::Record& record);
  [[nodiscard]] Status close();

 private:
  struct Closer {
    void operator()(std::FILE* file) const {
      if (file != stdout) std::fclose(file);
    }
  };
  FindingsFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  int os_errno_ = 0;
};

}  // namespace powercut::apps
