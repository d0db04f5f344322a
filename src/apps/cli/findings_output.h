// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "apps/cli/findings_file.h"
#include "apps/cli/report_file.h"
#include "findings/digest.h"

namespace powercut::apps {

// Where findings go: lines of JSON as they come, and reports at the end. For one thread at a time.
class FindingsOutput {
 public:
  struct Paths {
    std::string json;  // empty: nowhere; of each
    std::string junit;
    std::string html;
    bool is_kept = false;  // what stands in `json`
  };
  // Everything is opened now, before any work.
  [[nodiscard]] static Result<FindingsOutput> open(const Paths& paths);

  // What stands in the file from an earlier run, for the reports; behind `bytes` nothing is kept.
  [[nodiscard]] Status add_earlier(const findings::Record& record);
  [[nodiscard]] Status cut(ByteCount bytes) { return file_.cut(bytes); }
  // An error is kept until close().
  void write(const findings::Record& record);
  // Writes the reports.
  [[nodiscard]] Status close();

 private:
  explicit FindingsOutput(FindingsFile file) : file_(std::move(file)) {}
  [[nodiscard]] bool has_reports() const { return junit_ || html_; }

  FindingsFile file_;
  std::optional<ReportFile> junit_;
  std::optional<ReportFile> html_;
  findings::Digester digester_;
  Status status_;
};

}  // namespace powercut::apps
