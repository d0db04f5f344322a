// SPDX-License-Identifier: Apache-2.0
#include "report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/html_cause.h"
#include "report/html_timeline.h"
#include "report/test_samples.h"

namespace powercut::report {
namespace {

using findings::Digest;
using testing::HasSubstr;
using testing::Not;

TEST(Fill, PutsEscapedTextIntoATemplate) {
  EXPECT_EQ(fill("<b>{{a}}</b>{{b}}{{a}}", {{"a", html_text("<&")}, {"b", Html{"<hr/>"}}}).markup,
            "<b>&lt;&amp;</b><hr/>&lt;&amp;");
  // What is put in is not looked at again.
  EXPECT_EQ(fill("{{a}}", {{"a", html_text("{{a}}")}}).markup, "{{a}}");
}

TEST(FillDeathTest, NamesHaveToBeTheSame) {
  EXPECT_DEATH(static_cast<void>(fill("{{a}}", {})), "");
  EXPECT_DEATH(static_cast<void>(fill("", {{"a", Html{}}})), "");
  EXPECT_DEATH(static_cast<void>(fill("{{a", {{"a", Html{}}})), "");
}

TEST(WhatIsWrong, SeesWhatItIsFor) {
  EXPECT_EQ(what_is_wrong("<a x=\"1\"><meta y=\"2\"><b/>t</a>"), "");
  for (const char* wrong : {"<a>", "</a>", "<a><b></a></b>", "<a x=\"1></a>", "<a", "a>b", "<a<b>"})
    EXPECT_NE(what_is_wrong(wrong), "") << wrong;
}

TEST(HtmlCause, TellsTheStoryInTheOrderOfTheLog) {
  EXPECT_EQ(html_cause(sample_digest().causes[0]).markup,
            R"(<article class="cause" id="cause-1">
<h3><span class="number">1</span>./check.sh exited with status 1<span class="count">30 states</span></h3>
<pre class="output">row 7 is missing
</pre>
<div class="story">
<p class="legend">In the order of the log, the fewest lost writes with which it fails:</p>
<ol>
<li class="lost"><i></i><span class="fate">lost</span><span class="entry">entry 409</span><span class="what">write of 4 KiB at byte 65,536</span><span class="place"><b>/app.db</b>, text, behind mark row 6</span></li>
<li class="torn"><i></i><span class="fate">torn</span><span class="entry">entry 410</span><span class="what">write of 4 KiB at byte 0<span class="units" title="units 0-2, 5 of 8 survived"><u class="in"></u><u class="in"></u><u class="in"></u><u></u><u></u><u class="in"></u><u></u><u></u></span>
</span><span class="place">units 0-2, 5 of 8 survived</span></li>
<li class="barrier"><i></i><span class="fate">missing</span><span class="said">a flush here would have ruled it out</span></li>
<li class="survived"><i></i><span class="fate">survived</span><span class="entry">entry 411</span><span class="what">zeroes of 4 KiB at byte 4,096</span><span class="place"></span></li>
<li class="promise"><i></i><span class="fate">promise</span><span class="said">entry 412: mark row 7</span></li>
<li class="cut"><i></i><span class="fate">power cut</span><span class="said">exact:900:lost:409</span></li>
</ol>
</div>
<p class="advice">A flush behind entry 410 and in front of entry 412 (mark row 7), or FUA on entry 410, would have ruled this out.</p>
<pre class="command">powercut explore run.log --at exact:900:lost:409</pre>
</article>
)");
}

TEST(HtmlCause, WithoutExplanationHasNoStory) {
  const std::string text = html_cause(sample_digest().causes[1]).markup;
  EXPECT_THAT(text, Not(HasSubstr("story")));
  EXPECT_THAT(text, HasSubstr("e2fsck -fn did not end in time"));
}

TEST(HtmlPage, HasEverySectionAndNothingFromOutside) {
  const std::string page = report_html(sample_digest());
  EXPECT_EQ(what_is_wrong(page), "");
  EXPECT_THAT(page, testing::StartsWith("<!DOCTYPE html>"));
  for (const char* id : {"numbers", "timeline", "causes", "audit", "flushes", "states", "run"})
    EXPECT_THAT(page, HasSubstr("<section id=\"" + std::string(id) + "\">"));
  for (const char* outside : {"src=", "href=", "url(", "http:", "https:", "@import", "<script"})
    EXPECT_THAT(page, Not(HasSubstr(outside))) << outside;
  EXPECT_THAT(page, HasSubstr("<h1>31 of 1,234 crash states fail</h1>"));
  EXPECT_THAT(page, HasSubstr("<b>2<sup>70.5</sup></b><span>states possible</span>"));
  EXPECT_THAT(page, HasSubstr("800 run, 400 read the same, 34 cached"));
  EXPECT_THAT(page, HasSubstr("3,700 had a content that was known"));
}

TEST(HtmlPage, HostileTextsStayTexts) {
  Digest digest = sample_digest(hostile_text());
  const std::string page = report_html(digest);
  EXPECT_EQ(what_is_wrong(page), "");
  for (const char* evil : {"<script", "\x1b", "\x07", "\x7f", "\xff", "<!--", "\u009b", "\ufffe"})
    EXPECT_THAT(page, Not(HasSubstr(evil))) << evil;
  EXPECT_EQ(page.find('\0'), std::string::npos);
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;amp;]]&gt;"));
}

std::string headline_of(const Digest& digest) {
  const std::string page = report_html(digest);
  EXPECT_EQ(what_is_wrong(page), "");
  const std::size_t begin = page.find("<h1>") + 4;
  const std::size_t kind = page.find("<header class=\"") + 15;
  return page.substr(kind, page.find('"', kind) - kind) + ": " +
         page.substr(begin, page.find("</h1>") - begin);
}

TEST(HtmlPage, HeadlineIsTheVerdict) {
  Digest digest;
  EXPECT_EQ(headline_of(digest), "unknown: No crash state was checked");
  digest.summary.checked = digest.summary.passed = 1'000;
  EXPECT_EQ(headline_of(digest), "passed: All 1,000 crash states pass");
  digest.summary.interrupted = true;
  EXPECT_EQ(headline_of(digest), "unknown: No verdict: the run is not complete");
  digest.summary.disagreements = 1;
  EXPECT_EQ(headline_of(digest), "unknown: The verdicts cannot be relied on");
  digest.summary.failed = 1;
  EXPECT_EQ(headline_of(digest), "failed: 1 of 1,000 crash states fails");
  digest.summary = {};
  digest.summary.checked = digest.summary.passed = 1;
  EXPECT_EQ(headline_of(digest), "passed: The one crash state passes");
}

TEST(HtmlPage, LeavesOutWhatAKilledRunDoesNotSay) {
  Digest digest = sample_digest();
  digest.summary = {};
  digest.summary.checked = digest.summary.passed = 5;
  const std::string page = report_html(digest);
  EXPECT_THAT(page, Not(HasSubstr("<span>cuts</span>")));
  EXPECT_THAT(page, Not(HasSubstr("<span>taken</span>")));
}

TEST(HtmlPage, SaysHowManyItDoesNotShow) {
  Digest digest = sample_digest();
  digest.causes_left_out = 7;
  EXPECT_THAT(report_html(digest), HasSubstr("7 causes more are not shown here."));
  EXPECT_THAT(report_html(digest), HasSubstr("The first 1 of 31 failing states"));
  digest.flushes.assign(201, digest.flushes[1]);
  EXPECT_THAT(report_html(digest),
              HasSubstr("1 needed ones are not shown here. All of them are needed."));
}

TEST(HtmlTimeline, DrawsWhatThereIs) {
  EXPECT_TRUE(html_timeline(Digest{}).empty());
  const std::string drawing = html_timeline(sample_digest()).markup;
  EXPECT_EQ(what_is_wrong(drawing), "");
  EXPECT_THAT(drawing, HasSubstr("<title>7 passed, 0 failed</title>"));
  EXPECT_THAT(drawing, HasSubstr("<title>100 passed, 31 failed</title>"));
  EXPECT_THAT(drawing, HasSubstr("class=\"needed\""));
  EXPECT_THAT(drawing, HasSubstr("class=\"idle\""));
  EXPECT_THAT(drawing, HasSubstr("class=\"pin\""));
}

TEST(HtmlTimeline, BearsNumbersThatMakeNoSense) {
  Digest digest = sample_digest();
  digest.run.log_entries = 0;
  digest.run.from = ~EntryIndex{0};
  digest.causes.assign(100, digest.causes[0]);
  const std::string drawing = html_timeline(digest).markup;
  EXPECT_EQ(what_is_wrong(drawing), "");
  EXPECT_THAT(drawing, Not(HasSubstr("nan")));
  EXPECT_THAT(drawing, Not(HasSubstr("inf")));
}

}  // namespace
}  // namespace powercut::report
