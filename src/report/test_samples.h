// SPDX-License-Identifier: Apache-2.0
// For the tests of this folder: digests, and a look at markup.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "findings/digest.h"

namespace powercut::report {

// A run that found something of every kind. Each text in it is `text`, where one is given.
inline findings::Digest sample_digest(const std::string& text = {}) {
  const auto or_text = [&text](const char* otherwise) {
    return text.empty() ? std::string(otherwise) : text;
  };
  findings::Digest digest;
  auto& run = digest.run;
  run.log = or_text("run.log");
  run.log_id = or_text("0a1b2c");
  run.log_entries = 688;
  run.device_size_bytes = 64 * kMiB;
  run.model = or_text("exact");
  run.strategy = or_text("auto");
  run.torn = or_text("512");
  run.discard = or_text("zeroes");
  run.at = or_text("flush,mark");
  run.from = 98;
  run.from_reason = or_text("mark mkfs");
  run.to = 688;
  run.cuts = 131;
  run.checker = or_text("./check.sh {}");
  run.jobs = 2;
  run.notes = {or_text("the log has a torn tail")};

  auto& summary = digest.summary;
  summary.cuts = 131;
  summary.possible_log2 = 70.5;
  summary.looked_at = 5'000;
  summary.distinct = 1'300;
  summary.checked = 1'234;
  summary.run = 800;
  summary.by_reads = 400;
  summary.by_cache = 34;
  summary.passed = 1'203;
  summary.failed = 31;
  summary.audited = 12;
  summary.disagreements = 1;
  summary.pairs = 5'000;
  summary.pairs_covered = 4'950;
  summary.causes = 2;
  summary.seconds = 2;
  summary.first_failure = or_text("exact:900:lost:409");
  summary.stopped_at_limit = or_text("--time");

  findings::Cause cause;
  cause.number = 1;
  cause.outcome = findings::Outcome::kExitStatus;
  cause.code = 1;
  cause.step = or_text("./check.sh");
  cause.message = or_text("row 7 is missing");
  cause.states = 30;
  cause.first = or_text("exact:900:lost:409-411");
  cause.minimal = or_text("exact:900:lost:409");
  cause.lost = {{.entry = 409,
                 .kind = or_text("write"),
                 .begin = 65'536,
                 .end = 69'632,
                 .content = or_text("text"),
                 .place = or_text("/app.db"),
                 .mark = or_text("row 6")}};
  cause.torn = {
      {.entry = 410, .kind = or_text("write"), .end = 4096, .units = 8, .survived = {0, 1, 2, 5}}};
  cause.survivors = {{.entry = 411, .kind = or_text("zeroes"), .begin = 4096, .end = 8192}};
  cause.barrier = findings::Barrier{410, 412, or_text("mark row 7")};
  cause.reproduce = or_text("powercut explore run.log --at exact:900:lost:409");
  findings::Cause other;
  other.number = 2;
  other.outcome = findings::Outcome::kTimeout;
  other.step = or_text("e2fsck -fn");
  other.states = 1;
  other.first = or_text("exact:800");
  digest.causes = {cause, other};

  digest.flushes = {{.entry = 120, .kind = or_text("flush")},
                    {.entry = 408,
                     .kind = or_text("flush"),
                     .mark = or_text("row 6"),
                     .is_needed = true,
                     .state = or_text("exact:900:without:408"),
                     .outcome = findings::Outcome::kExitStatus,
                     .code = 1,
                     .step = or_text("./check.sh"),
                     .reproduce = or_text("powercut explore run.log")}};
  digest.disagreements = {{or_text("exact:9"), or_text("exact:8"), or_text("passed"),
                           or_text("./check.sh exited with status 1")}};
  findings::StateResult failure;
  failure.state = or_text("exact:900:lost:409-411");
  failure.entries = 412;
  failure.mark = or_text("row 7");
  failure.outcome = findings::Outcome::kExitStatus;
  failure.code = 1;
  failure.step = or_text("./check.sh");
  failure.output = or_text("checking\nrow 7 is missing\n");
  failure.reproduce = or_text("powercut explore run.log --at exact:900:lost:409-411");
  failure.kept_image = or_text("keep/x.img");
  failure.kept_output = or_text("keep/x.out");
  digest.failures = {failure};
  digest.stretches.assign(findings::Digester::kStretches, {});
  digest.stretches[60] = {7, 0};
  digest.stretches[143] = {100, 31};
  return digest;
}

// A text that would be markup, commands of a terminal, and what XML and UTF-8 do not have.
inline std::string hostile_text() {
  return std::string("<script>alert(1)</script>\"'&amp;]]>{{style}}<!--\x1b[31m\x07\x7f\xff\xc3",
                     56) +
         '\0' + "\u009b\ufffe";
}

// Whether the tags of XML, or of a page whose only elements without an end are <meta>, are balanced, and
// nothing is wrong with their attributes. What is wrong; empty: nothing.
inline std::string what_is_wrong(std::string_view markup) {
  std::vector<std::string> open;
  while (true) {
    const std::size_t begin = markup.find('<');
    if (markup.substr(0, begin).find('>') != std::string_view::npos) return "a '>' outside of tags";
    if (begin == std::string_view::npos) break;
    markup.remove_prefix(begin + 1);
    const std::size_t end = markup.find('>');
    if (end == std::string_view::npos) return "a tag that does not end";
    const std::string tag(markup.substr(0, end));
    markup.remove_prefix(end + 1);
    if (tag.find('<') != std::string::npos) return "a '<' in tag " + tag;
    if (tag.starts_with("?") || tag.starts_with("!")) continue;
    std::size_t quotes = 0;
    for (const char c : tag) quotes += c == '"' ? 1 : 0;
    if (quotes % 2 != 0) return "quotes in tag " + tag;
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (name == "style") markup.remove_prefix(markup.find("</style>"));
    if (tag.ends_with("/") || name == "meta") continue;
    if (!tag.starts_with("/")) {
      open.push_back(name);
    } else if (open.empty() || "/" + open.back() != tag) {
      return "</" + tag.substr(1) + "> ends " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back() + " does not end";
}

}  // namespace powercut::report
