// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/report_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "apps/support/output.h"

namespace powercut::apps {

Result<ReportFile> ReportFile::open(const std::string& path) {
  ReportFile report;
  if (path == "-") return report;
  struct stat status {};
  // What is no regular file (a pipe, /dev/null) is written to; nothing can take its place.
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    report.stream_.reset(std::fopen(path.c_str(), "we"));
    if (report.stream_ == nullptr) return os_error(fmt::format("cannot write '{}'", path));
  } else {
    report.file_ = POWERCUT_TRY(NewFile::make(path));
  }
  return report;
}

Status ReportFile::write(const std::string& text) {
  if (is_standard_output()) {
    Output::standard().write(text);
    return {};
  }
  if (stream_) {
    const bool is_written = std::fwrite(text.data(), 1, text.size(), stream_.get()) == text.size();
    if (!is_written || std::fflush(stream_.get()) != 0) return os_error("cannot write the report");
    return {};
  }
  POWERCUT_TRY_STATUS(file_->file().write_at(0, std::as_bytes(std::span(text))));
  return file_->finish();
}

}  // namespace powercut::apps
