// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "index/log_index.h"

namespace powercut::apps {

// The names under which a log's marks are files: that of the instant (NAME, or NAME#2 for the second
// of that name) as file_names.h escapes it; one that is longer than a file's name can be is cut, and
// "%entry=" and the mark's entry are put behind it.
//
// In memory there are the marks' texts and about 30 bytes for each. Not thread-safe.
class MarkNames {
 public:
  // Takes in the marks that have come since.
  [[nodiscard]] Status refresh(const index::LogIndex& index);

  // The mark's entry; nothing if no mark has that name.
  [[nodiscard]] std::optional<EntryIndex> find(const std::string& name) const;

  [[nodiscard]] std::size_t size() const { return marks_.size(); }
  // In the order of the log; `number` is below size().
  [[nodiscard]] EntryIndex entry(std::size_t number) const { return marks_[number].entry; }
  [[nodiscard]] std::string name(std::size_t number) const;
  // The first mark at or behind an entry, or size().
  [[nodiscard]] std::size_t first_from(EntryIndex entry) const;

 private:
  struct Mark {
    std::size_t text_begin;  // in texts_; it ends where the next begins
    EntryIndex entry;
    std::uint32_t which;  // of its name, from 1
  };
  [[nodiscard]] Status take_in(const index::LogIndex& index);
  void forget();
  [[nodiscard]] std::string_view text(std::size_t number) const;
  void number_from(std::size_t first);

  std::string texts_;
  std::vector<Mark> marks_;
  std::vector<std::uint32_t> by_text_;  // their numbers, by text, then in the order of the log
};

}  // namespace powercut::apps
