// SPDX-License-Identifier: Apache-2.0
// The templates of the HTML page, which are files in html/, and their filling. What comes into a page
// is Html, and there are two ways to it: escaping a text, and filling a template with Html.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace powercut::report {

struct Html {
  std::string markup;

  Html& operator+=(const Html& other) {
    markup += other.markup;
    return *this;
  }
  [[nodiscard]] bool empty() const { return markup.empty(); }
};

// Any text.
[[nodiscard]] Html html_text(std::string_view text);

// `text` with each {{name}} replaced by the value of that name. That both have the same names is
// checked.
[[nodiscard]] Html fill(std::string_view text,
                        std::initializer_list<std::pair<std::string_view, Html>> values);

// html/NAME.html and html/style.css, built in.
namespace templates {
extern const std::string_view kAside;
extern const std::string_view kCause;
extern const std::string_view kCommand;
extern const std::string_view kDisagreement;
extern const std::string_view kDisagreements;
extern const std::string_view kFact;
extern const std::string_view kFacts;
extern const std::string_view kFlush;
extern const std::string_view kFlushes;
extern const std::string_view kFlushTable;
extern const std::string_view kLine;
extern const std::string_view kNote;
extern const std::string_view kOutput;
extern const std::string_view kPage;
extern const std::string_view kSection;
extern const std::string_view kState;
extern const std::string_view kStates;
extern const std::string_view kStory;
extern const std::string_view kStyle;
extern const std::string_view kTile;
extern const std::string_view kTiles;
extern const std::string_view kTimeline;
extern const std::string_view kUnits;
extern const std::string_view kWrite;
}  // namespace templates

}  // namespace powercut::report
