// SPDX-License-Identifier: Apache-2.0
#include "state/cuts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace powercut::state {
namespace {

Result<std::uint64_t> parse_every(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    return usage_error(
        fmt::format("'every:{}': N in every:N is a number of entries, at least 1", text));
  }
  return number;
}

Status add_term(std::string_view term, CutSelection& selection) {
  constexpr std::string_view kEvery = "every:";
  if (term == "all") {
    selection.all = true;
  } else if (term == "flush") {
    selection.flushes = true;
  } else if (term == "fua") {
    selection.fua = true;
  } else if (term == "mark") {
    selection.marks = true;
  } else if (term.starts_with(kEvery)) {
    selection.every = POWERCUT_TRY(parse_every(term.substr(kEvery.size())));
  } else if (auto instant = parse_instant(term)) {
    selection.instants.push_back(*std::move(instant));
  } else {
    return usage_error(
        fmt::format("'{}' is no place to cut at; those are all, flush, fua, mark, every:N, and "
                    "instants: entry:N, "
                    "flush:K, mark:NAME, start, end",
                    term));
  }
  return {};
}

}  // namespace

Result<CutSelection> parse_cut_selection(const std::vector<std::string>& texts) {
  CutSelection selection;
  for (const std::string_view text : texts) {
    for (std::size_t begin = 0; begin <= text.size();) {
      const bool is_mark = text.substr(begin).starts_with("mark:");
      const std::size_t end = is_mark ? text.size() : std::min(text.find(',', begin), text.size());
      POWERCUT_TRY_STATUS(add_term(text.substr(begin, end - begin), selection));
      begin = end + 1;
    }
  }
  return selection;
}

CutFilter::CutFilter(const CutSelection& selection, EntryIndex from, EntryIndex to,
                     std::vector<EntryIndex> instants)
    : selection_(selection), from_(from), to_(to), instants_(std::move(instants)) {
  std::sort(instants_.begin(), instants_.end());
}

bool CutFilter::is_instant(EntryIndex cut) const {
  return std::binary_search(instants_.begin(), instants_.end(), cut);
}

bool CutFilter::in_front_of_all() const {
  return (selection_.all && is_in_limits(0)) || is_instant(0);
}

bool CutFilter::behind(const log::Entry& entry) const {
  const EntryIndex cut = entry.index + 1;
  if (is_instant(cut)) return true;
  if (!is_in_limits(cut)) return false;
  return selection_.all || (selection_.flushes && entry.is_flush()) ||
         (selection_.fua && entry.is_fua()) || (selection_.marks && entry.is_mark()) ||
         (selection_.every > 0 && cut % selection_.every == 0);
}

}  // namespace powercut::state
