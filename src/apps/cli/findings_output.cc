// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/findings_output.h"

#include "report/html.h"
#include "report/junit.h"

namespace powercut::apps {

Result<FindingsOutput> FindingsOutput::open(const Paths& paths) {
  FindingsOutput output(POWERCUT_TRY(FindingsFile::open(
      paths.json, paths.is_kept ? FindingsFile::Content::kKept : FindingsFile::Content::kEmptied)));
  if (!paths.junit.empty()) output.junit_ = POWERCUT_TRY(ReportFile::open(paths.junit));
  if (!paths.html.empty()) output.html_ = POWERCUT_TRY(ReportFile::open(paths.html));
  output.digester_.begin_file("the findings");
  return output;
}

Status FindingsOutput::add_earlier(const findings::Record& record) {
  if (!has_reports()) return {};
  return digester_.add_line(to_json(record));
}

void FindingsOutput::write(const findings::Record& record) {
  file_.write(record);
  const Status added = add_earlier(record);
  if (!added && status_) status_ = added;
}

Status FindingsOutput::close() {
  POWERCUT_TRY_STATUS(file_.close());
  POWERCUT_TRY_STATUS(status_);
  if (!has_reports()) return {};
  POWERCUT_TRY_STATUS(digester_.end_file({}));
  const findings::Digest digest = POWERCUT_TRY(digester_.finish());
  if (junit_) POWERCUT_TRY_STATUS(junit_->write(report::report_junit(digest, {})));
  if (html_) POWERCUT_TRY_STATUS(html_->write(report::report_html(digest)));
  return {};
}

}  // namespace powercut::apps
