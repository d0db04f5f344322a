// SPDX-License-Identifier: Apache-2.0
#include "check/acknowledgement_history.h"

#include <algorithm>

#include "base/check.h"

namespace powercut::check {
namespace {

using Kind = Acknowledgement::Kind;

// "a//b/./c" -> "a/b/c", so that a file has one name.
std::string plain_path(std::string_view path) {
  std::string result;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    if (!name.empty() && name != ".") {
      if (!result.empty()) result += '/';
      result += name;
    }
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return result;
}

void allow(AllowedFile& file, const Acknowledgement& settled) {
  if (settled.kind == Kind::kRemoved) {
    file.absent = true;
  } else if (std::find(file.contents.begin(), file.contents.end(), settled.content) ==
             file.contents.end()) {
    file.contents.push_back(settled.content);
  }
}

}  // namespace

Status AcknowledgementHistory::add(MarkPlace place, std::string_view mark) {
  auto acknowledgement = POWERCUT_TRY(parse_acknowledgement(mark));
  if (!acknowledgement) return {};
  acknowledgement->file = plain_path(acknowledgement->file);
  Marks& marks = files_[acknowledgement->file];
  POWERCUT_CHECK(marks.empty() || marks.back().place < place);
  if (acknowledgement->kind == Kind::kContent) {
    origins_.emplace(acknowledgement->content, Origin{acknowledgement->file, place});
  }
  marks.push_back({place, *std::move(acknowledgement)});
  return {};
}

std::vector<AllowedFile> AcknowledgementHistory::allowed(MarkPlace in_front,
                                                         MarkPlace reached) const {
  POWERCUT_CHECK(in_front <= reached);
  std::vector<AllowedFile> result;
  for (const auto& [name, marks] : files_) {
    auto file = allowed_of(marks, in_front, reached);
    if (!file) continue;
    file->file = name;
    result.push_back(*std::move(file));
  }
  return result;
}

// Adds what the file may be when the first `put` of its marks have been put; false: anything.
bool AcknowledgementHistory::allow_after(const Marks& marks, std::size_t put, AllowedFile& file) {
  std::size_t settled = put;
  bool is_in_place = false;
  while (settled > 0 && marks[settled - 1].what.kind == Kind::kChanging) {
    --settled;
    is_in_place = is_in_place || marks[settled].what.is_in_place;
  }
  if (is_in_place) return false;
  const bool is_announced = settled < put;
  if (settled > 0) {
    allow(file, marks[settled - 1].what);
  } else if (is_announced && !marks.front().what.exists) {
    file.absent = true;
  } else {
    return false;
  }
  std::size_t next = put;
  while (is_announced && next < marks.size() && marks[next].what.kind == Kind::kChanging) ++next;
  if (next == marks.size()) return !is_announced;
  if (marks[next].what.kind != Kind::kChanging) allow(file, marks[next].what);
  return true;
}

std::optional<AllowedFile> AcknowledgementHistory::allowed_of(const Marks& marks,
                                                              MarkPlace in_front,
                                                              MarkPlace reached) {
  const auto put_before = [&](MarkPlace place) {
    const auto first = std::partition_point(marks.begin(), marks.end(),
                                            [&](const Mark& mark) { return mark.place < place; });
    return static_cast<std::size_t>(first - marks.begin());
  };
  AllowedFile file;
  const std::size_t last = put_before(reached);
  for (std::size_t put = put_before(in_front); put <= last; ++put) {
    if (!allow_after(marks, put, file)) return std::nullopt;
  }
  return file;
}

std::vector<AcknowledgementHistory::Origin> AcknowledgementHistory::origins(
    const FileContent& content) const {
  std::vector<Origin> result;
  const auto [begin, end] = origins_.equal_range(content);
  for (auto origin = begin; origin != end; ++origin) result.push_back(origin->second);
  return result;
}

}  // namespace powercut::check
