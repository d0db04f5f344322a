// SPDX-License-Identifier: Apache-2.0
#include "explore/marks_file.h"

#include <fmt/format.h>

#include "io/posix_file.h"

namespace powercut::explore {
namespace {

bool is_same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

Result<MarksFile> MarksFile::make(const std::string& path) {
  MarksFile file(path);
  POWERCUT_TRY_STATUS(file.update(""));
  return file;
}

bool MarksFile::is_as_left() const {
  struct stat now {};
  return ::lstat(path_.c_str(), &now) == 0 && now.st_ino == left_.st_ino &&
         now.st_dev == left_.st_dev && now.st_size == left_.st_size &&
         is_same_time(now.st_mtim, left_.st_mtim) && is_same_time(now.st_ctim, left_.st_ctim);
}

Status MarksFile::update(const std::string& lines) {
  const bool is_anew = !is_as_left() || !lines.starts_with(written_);
  if (!is_anew && written_.size() == lines.size()) return {};
  if (is_anew) {
    ::unlink(path_.c_str());
    written_.clear();
  }
  OpenOptions options;
  options.writable = true;
  if (is_anew) options.create = OpenOptions::Create::kMustBeNew;
  const auto file = POWERCUT_TRY(PosixFile::open(path_, options));
  POWERCUT_TRY_STATUS(
      file->write_at(written_.size(), std::as_bytes(std::span(lines).subspan(written_.size()))));
  written_ = lines;
  if (::fstat(file->fd(), &left_) != 0) return os_error(fmt::format("cannot stat '{}'", path_));
  return {};
}

}  // namespace powercut::explore
