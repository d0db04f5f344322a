// SPDX-License-Identifier: Apache-2.0
// What acknowledgement marks demand of files after a power cut; docs/marks.md has it in words.
//
// The marks of one file divide time. Between two of them the file is
//   as the last acknowledgement has it (a content, or gone), or
//   as the next one has it, if that change may have begun: it has been announced (`changing`), or
//     it never is, so that it may have begun as soon as the mark before was put.
// It may be anything where nothing has been promised yet: before the first mark, and where that is
// a `changing` that found a file there, up to the first acknowledgement; while it is written in
// place; and where a change was announced whose outcome no mark tells.
//
// A state knows of two places among the marks: those in front of the first had surely been put when
// the power went, those in front of the second may have been. It may be any of the times in
// between.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check/acknowledgement.h"

namespace powercut::check {

// A mark's place among all marks: they rise, and are not used otherwise.
using MarkPlace = std::uint64_t;

// What a file may be in a state.
struct AllowedFile {
  std::string file;
  bool absent = false;
  std::vector<FileContent> contents;  // each once, in the order of their acknowledgements
};

// Constant once it is made, so that many threads may use it.
class AcknowledgementHistory {
 public:
  // Marks come in order. Those that acknowledge nothing are passed over; for errors see
  // parse_acknowledgement().
  [[nodiscard]] Status add(MarkPlace place, std::string_view mark);

  [[nodiscard]] bool empty() const { return files_.empty(); }

  // The files that may not be just anything, by name. Marks in front of `in_front` had surely been
  // put, those in front of `reached` may have been.
  [[nodiscard]] std::vector<AllowedFile> allowed(MarkPlace in_front, MarkPlace reached) const;

  // Which files have been acknowledged with that content at any time, and where in the order of
  // marks.
  struct Origin {
    std::string file;
    MarkPlace place = 0;
  };
  [[nodiscard]] std::vector<Origin> origins(const FileContent& content) const;

 private:
  struct Mark {
    MarkPlace place = 0;
    Acknowledgement what;
  };
  using Marks = std::vector<Mark>;

  [[nodiscard]] static bool allow_after(const Marks& marks, std::size_t put, AllowedFile& file);
  [[nodiscard]] static std::optional<AllowedFile> allowed_of(const Marks& marks, MarkPlace in_front,
                                                             MarkPlace reached);

  std::map<std::string, Marks> files_;
  std::multimap<FileContent, Origin> origins_;
};

}  // namespace powercut::check
