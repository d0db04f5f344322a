// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/acknowledgement.h"

#include <fmt/format.h>

#include <filesystem>

#include "check/acknowledgement.h"
#include "check/file_content.h"
#include "io/posix_file.h"

namespace powercut::apps {
namespace {

namespace fs = std::filesystem;

using check::Acknowledgement;

// By place, not by spelling; also where the end of the path is gone.
std::string path_within(const std::string& path, const std::string& mount_point) {
  if (mount_point.empty()) return path;
  std::error_code error;
  const fs::path root = fs::canonical(mount_point, error);
  if (error) return path;
  const fs::path real = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error) return path;
  const fs::path relative = real.lexically_relative(root);
  return relative.empty() || *relative.begin() == ".." ? path : relative.string();
}

// A link that leads nowhere is something, too.
Result<bool> is_there(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::none) {
    return os_error(fmt::format("cannot look at '{}'", path), error.value());
  }
  return fs::exists(status);
}

}  // namespace

Result<std::string> content_mark(const std::string& path, const std::string& mount_point) {
  const auto file = POWERCUT_TRY(PosixFile::open(path, {}));
  const auto reading = check::read_file(file->fd(), [] { return false; });
  if (!reading) return with_context(reading.error(), fmt::format("'{}'", path));
  Acknowledgement mark;
  mark.kind = Acknowledgement::Kind::kContent;
  mark.file = path_within(path, mount_point);
  mark.content = (*reading)->content;
  return check::mark_text(mark);
}

Result<std::string> removal_mark(const std::string& path, const std::string& mount_point) {
  if (POWERCUT_TRY(is_there(path))) {
    return usage_error(fmt::format("'{}' is there, so it has not been removed", path));
  }
  Acknowledgement mark;
  mark.kind = Acknowledgement::Kind::kRemoved;
  mark.file = path_within(path, mount_point);
  return check::mark_text(mark);
}

Result<std::string> change_mark(const std::string& path, const std::string& mount_point,
                                bool is_in_place) {
  Acknowledgement mark;
  mark.kind = Acknowledgement::Kind::kChanging;
  mark.file = path_within(path, mount_point);
  mark.exists = POWERCUT_TRY(is_there(path));
  mark.is_in_place = is_in_place;
  return check::mark_text(mark);
}

}  // namespace powercut::apps
