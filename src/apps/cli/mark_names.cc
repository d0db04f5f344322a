// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/mark_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <numeric>

#include "apps/cli/file_names.h"
#include "state/instant.h"

namespace powercut::apps {
namespace {

using state::Instant;

constexpr std::string_view kCut = "%entry=";
constexpr std::size_t kCutBytes = 200;

// Not within an escape or a character of UTF-8.
std::string cut(const std::string& name) {
  std::size_t end = kCutBytes;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  for (const std::size_t back : {std::size_t{1}, std::size_t{2}}) {
    if (end >= back && name[end - back] == '%') end -= back;
  }
  return name.substr(0, end);
}

}  // namespace

std::string_view MarkNames::text(std::size_t number) const {
  const std::size_t begin = marks_[number].text_begin;
  const std::size_t end =
      number + 1 < marks_.size() ? marks_[number + 1].text_begin : texts_.size();
  return std::string_view(texts_).substr(begin, end - begin);
}

std::size_t MarkNames::first_from(EntryIndex entry) const {
  const auto found =
      std::lower_bound(marks_.begin(), marks_.end(), entry,
                       [](const Mark& mark, EntryIndex value) { return mark.entry < value; });
  return static_cast<std::size_t>(found - marks_.begin());
}

Status MarkNames::refresh(const index::LogIndex& index) {
  Status status = take_in(index);
  if (status) return status;
  // While they are read, marks that held the place of a flush may become one: there are fewer then.
  forget();
  status = take_in(index);
  if (!status) forget();
  return status;
}

void MarkNames::forget() {
  texts_.clear();
  marks_.clear();
  by_text_.clear();
}

Status MarkNames::take_in(const index::LogIndex& index) {
  const std::uint64_t count = index.nr_marks();
  if (!marks_.empty()) {
    // If one in front has become a flush, all have moved up.
    const std::size_t last = marks_.size() - 1;
    if (last >= count || POWERCUT_TRY(index.mark(last)).entry != marks_[last].entry) forget();
  }
  const std::size_t first = marks_.size();
  for (std::uint64_t number = first; number < count; ++number) {
    const index::Mark mark = POWERCUT_TRY(index.mark(number));
    marks_.push_back({texts_.size(), mark.entry, 0});
    texts_ += mark.text;
  }
  if (first < marks_.size()) number_from(first);
  return {};
}

void MarkNames::number_from(std::size_t first) {
  by_text_.resize(marks_.size());
  const auto middle = by_text_.begin() + static_cast<std::ptrdiff_t>(first);
  std::iota(middle, by_text_.end(), static_cast<std::uint32_t>(first));
  const auto is_before = [&](std::uint32_t a, std::uint32_t b) {
    const int order = text(a).compare(text(b));
    return order != 0 ? order < 0 : a < b;
  };
  std::sort(middle, by_text_.end(), is_before);
  std::inplace_merge(by_text_.begin(), middle, by_text_.end(), is_before);
  std::uint32_t which = 0;
  for (std::size_t i = 0; i < by_text_.size(); ++i) {
    const bool is_repeated = i > 0 && text(by_text_[i]) == text(by_text_[i - 1]);
    which = is_repeated ? which + 1 : 1;
    marks_[by_text_[i]].which = which;
  }
}

std::string MarkNames::name(std::size_t number) const {
  const Instant instant{Instant::Kind::kMark, marks_[number].which, std::string(text(number))};
  std::string name = file_name_of(to_string(instant).substr(std::string_view("mark:").size()));
  if (name.size() <= NAME_MAX) return name;
  return fmt::format("{}{}{}", cut(name), kCut, marks_[number].entry);
}

std::optional<EntryIndex> MarkNames::find(const std::string& name) const {
  if (const std::size_t at = name.rfind(kCut); at != std::string::npos) {
    EntryIndex entry = 0;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + at + kCut.size(), end, entry);
    const std::size_t number = first_from(entry);
    if (error != std::errc() || stop != end || number == marks_.size() ||
        marks_[number].entry != entry || this->name(number) != name) {
      return std::nullopt;
    }
    return entry;
  }
  const auto unescaped = text_of_file_name(name);
  if (!unescaped) return std::nullopt;
  const auto instant = state::parse_instant("mark:" + *unescaped);
  if (!instant) return std::nullopt;
  const auto first = std::lower_bound(
      by_text_.begin(), by_text_.end(), std::string_view(instant->mark),
      [&](std::uint32_t number, std::string_view value) { return text(number) < value; });
  if (static_cast<std::uint64_t>(by_text_.end() - first) < instant->number) return std::nullopt;
  const std::uint32_t number = *(first + static_cast<std::ptrdiff_t>(instant->number - 1));
  if (text(number) != instant->mark) return std::nullopt;
  return marks_[number].entry;
}

}  // namespace powercut::apps
