// SPDX-License-Identifier: Apache-2.0
#include "io/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

namespace powercut {
namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Another process's, or another thread's, is another name.
std::string draft_path_for(const std::string& path) {
  static std::atomic<unsigned> counter = 0;
  return fmt::format("{}.new-{}-{}", path, ::getpid(), counter++);
}

bool is_not_supported(int os_errno) {
  return os_errno == EOPNOTSUPP || os_errno == EISDIR || os_errno == EINVAL;
}

}  // namespace

NewFile::NewFile(std::string path, std::string draft_path, bool has_draft_path,
                 std::unique_ptr<PosixFile> file)
    : path_(std::move(path)),
      draft_path_(std::move(draft_path)),
      has_draft_path_(has_draft_path),
      file_(std::move(file)) {}

NewFile::~NewFile() {
  if (has_draft_path_) ::unlink(draft_path_.c_str());
}

Result<std::unique_ptr<NewFile>> NewFile::make(const std::string& path) {
  std::string draft_path = draft_path_for(path);
  auto file = PosixFile::open_nameless_in(directory_of(path));
  bool has_draft_path = false;
  if (!file && is_not_supported(file.error().os_errno)) {
    file =
        PosixFile::open(draft_path, {.writable = true, .create = OpenOptions::Create::kMustBeNew});
    has_draft_path = true;
  }
  if (!file) return Unexpected(file.error());
  return std::unique_ptr<NewFile>(
      new NewFile(path, std::move(draft_path), has_draft_path, *std::move(file)));
}

Status NewFile::finish() {
  if (!has_draft_path_) {
    const std::string self = fmt::format("/proc/self/fd/{}", file_->fd());
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, draft_path_.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      return os_error(fmt::format("cannot make '{}'", draft_path_));
    }
    has_draft_path_ = true;
  }
  if (std::rename(draft_path_.c_str(), path_.c_str()) != 0) {
    return os_error(fmt::format("cannot rename '{}' to '{}'", draft_path_, path_));
  }
  has_draft_path_ = false;
  return {};
}

}  // namespace powercut
