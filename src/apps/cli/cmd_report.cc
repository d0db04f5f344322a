// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/report_file.h"
#include "apps/support/output.h"
#include "apps/support/progress.h"
#include "findings/digest.h"
#include "report/html.h"
#include "report/junit.h"
#include "report/text.h"

namespace powercut::apps {
namespace {

using flags::Arguments;

// The output of a checker in a line is an excerpt of some KiB: what is longer is no line of findings.
constexpr std::size_t kMostLineBytes = 4 * kMiB;
constexpr std::size_t kBufferBytes = 64 * kKiB;

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Stream = std::unique_ptr<std::FILE, Closer>;

// Hands over the lines of a file, whatever its length.
class LineReader {
 public:
  LineReader(const std::string& name, findings::Digester& digester, Progress& progress)
      : name_(name), digester_(digester), progress_(progress) {}

  Status read(std::FILE* file) {
    digester_.begin_file(name_);
    std::string buffer(kBufferBytes, '\0');
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file)) {
      POWERCUT_TRY_STATUS(add(std::string_view(buffer).substr(0, count)));
    }
    if (std::ferror(file) != 0) {
      if (errno == EISDIR) return bad_input(fmt::format("'{}' is a directory", name_));
      return os_error(fmt::format("cannot read '{}'", name_));
    }
    return digester_.end_file(rest_);
  }

 private:
  Status add(std::string_view text) {
    rest_ += text;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      POWERCUT_TRY_STATUS(digester_.add_line(std::string_view(rest_).substr(begin, end - begin)));
      progress_.update(++lines_);
    }
    rest_.erase(0, begin);
    if (rest_.size() > kMostLineBytes) {
      return bad_input(
          fmt::format("'{}': its line {} is too long for findings", name_, lines_ + 1));
    }
    return {};
  }

  const std::string name_;
  findings::Digester& digester_;
  Progress& progress_;
  std::string rest_;  // behind the last newline
  std::uint64_t lines_ = 0;
};

Status read_findings(const std::string& path, findings::Digester& digester) {
  Progress progress("reading", 0);
  if (path == "-") return LineReader("standard input", digester, progress).read(stdin);
  const Stream file(std::fopen(path.c_str(), "re"));
  // As of a log: a path that leads nowhere is bad input.
  if (file == nullptr)
    return bad_input(fmt::format("cannot open '{}': {}", path, describe_errno(errno)));
  return LineReader(path, digester, progress).read(file.get());
}

std::string rendered(const findings::Digest& digest, const Arguments& arguments, bool colour) {
  const std::string& format = arguments.text("format");
  if (format == "text") return report::report_text(digest, {colour});
  if (format == "html") return report::report_html(digest);
  if (format == "junit")
    return report::report_junit(digest, arguments.optional_text("suite").value_or(""));
  std::string lines;
  digest.for_each_record(
      [&](const findings::Record& record) { lines += findings::to_json(record) + "\n"; });
  return lines;
}

Result<int> run_report(const Arguments& arguments) {
  if (arguments.given("suite") && arguments.text("format") != "junit")
    return usage_error("--suite goes with --format junit");
  ReportFile destination = POWERCUT_TRY(ReportFile::open(arguments.text("output")));
  findings::Digester digester;
  for (const auto& path : arguments.texts("FILE"))
    POWERCUT_TRY_STATUS(read_findings(path, digester));
  const findings::Digest digest = POWERCUT_TRY(digester.finish());
  const bool colour = destination.is_standard_output() && wants_colour(stdout);
  POWERCUT_TRY_STATUS(destination.write(rendered(digest, arguments, colour)));
  return digest.summary.succeeded() ? 0 : 1;
}

}  // namespace

const flags::Command& report_command() {
  static const flags::Command command = {
      .name = "report",
      .summary = "show findings as text, JSON, JUnit XML or a page of HTML",
      .description =
          {"Reads findings that powercut-explore(1) and powercut-test(1) wrote with --json, and "
           "makes a report of them: what failed and why, which flushes are needed, and how much "
           "was looked at.",
           "Several files are the shards of one run (--shard), which are put together: numbers are "
           "added, and a failure that several of them found is one. They have to be of the same "
           "log, explored in the same way. A shard that is missing is named, and so is a run that "
           "was killed before its end: the report is of what is there, and the exit status 1.",
           "A report of millions of states takes no more memory than one of a few: of the failing "
           "states the first 500 are shown, and 200 causes."},
      .positionals = {{.name = "FILE",
                       .help = "Findings: lines of JSON. - is standard input.",
                       .repeated = true}},
      .flags = {{.name = "format",
                 .value_name = "FORMAT",
                 .help = "text: for people. html: one page that needs nothing else, to be sent and "
                         "kept. junit: XML for CI systems; a suite with a case for all states, "
                         "and one more for each cause. json: findings again, of all files as of "
                         "one run, without the states that passed.",
                 .default_value = "text",
                 .choices = {"text", "html", "junit", "json"}},
                {.name = "output",
                 .short_name = 'o',
                 .value_name = "FILE",
                 .help = "Where the report goes. It takes the place of what is there when it is "
                         "complete. - is standard output.",
                 .default_value = "-"},
                {.name = "suite",
                 .value_name = "NAME",
                 .help = "Of junit: the name of the test suite, which tells a run's cases from "
                         "those of another, and is to be the same every time.",
                 .default_text = "the checker and the log"}},
      .examples = {{"A page to look at:",
                    "powercut report findings.jsonl --format html --output report.html"},
                   {"What came of three shards, which ran on three machines, for a CI system:",
                    "powercut report shard1.jsonl shard2.jsonl shard3.jsonl \\\n"
                    "    --format junit --suite ledger --output report.xml"}},
      .exit_statuses = {{"0", "States were checked, and all of them passed."},
                        {"1", "A state failed, there was none, or a part of the run is missing."},
                        {"2", "The command line is wrong."},
                        {"3", "A file is not of findings, or they do not belong together."},
                        {"4", "The environment failed: an I/O error, no permission."}},
      .see_also = {"powercut-explore(1)", "powercut-test(1)"},
      .run = run_report,
  };
  return command;
}

}  // namespace powercut::apps
