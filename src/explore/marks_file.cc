// SPDX-License-Identifier: Apache-2.0
#include "explore/marks_file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace powercut::explore {
namespace {

ConstBytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

bool is_same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

Result<MarksFile> MarksFile::make(const std::string& path) {
  MarksFile file(path);
  POWERCUT_TRY_STATUS(file.update());
  return file;
}

void MarksFile::add(EntryIndex entry, const std::string& mark) {
  nlohmann::ordered_json line;
  line["entry"] = entry;
  line["mark"] = mark;
  lines_ += line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

bool MarksFile::is_as_left() const {
  struct stat now {};
  return ::lstat(path_.c_str(), &now) == 0 && now.st_ino == left_.st_ino &&
         now.st_dev == left_.st_dev && now.st_size == left_.st_size &&
         is_same_time(now.st_mtim, left_.st_mtim) && is_same_time(now.st_ctim, left_.st_ctim);
}

Status MarksFile::update() {
  const bool is_anew = !is_as_left();
  if (!is_anew && written_bytes_ == lines_.size()) return {};
  if (is_anew) {
    ::unlink(path_.c_str());
    written_bytes_ = 0;
  }
  OpenOptions options;
  options.writable = true;
  if (is_anew) options.create = OpenOptions::Create::kMustBeNew;
  const auto file = POWERCUT_TRY(PosixFile::open(path_, options));
  POWERCUT_TRY_STATUS(
      file->write_at(written_bytes_, bytes_of(std::string_view(lines_).substr(written_bytes_))));
  written_bytes_ = lines_.size();
  if (::fstat(file->fd(), &left_) != 0) return os_error(fmt::format("cannot stat '{}'", path_));
  return {};
}

}  // namespace powercut::explore
