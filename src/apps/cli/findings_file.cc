// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/findings_file.h"

#include <fmt/format.h>

#include <cerrno>

namespace powercut::apps {

Result<FindingsFile> FindingsFile::open(const std::string& path) {
  if (path.empty()) return FindingsFile(path, nullptr);
  if (path == "-") return FindingsFile(path, stdout);
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return os_error(fmt::format("cannot write findings to '{}'", path));
  return FindingsFile(path, file);
}

void FindingsFile::write(const findings::Record& record) {
  if (file_ == nullptr || os_errno_ != 0) return;
  const std::string line = findings::to_json(record) + "\n";
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() ||
      std::fflush(file_.get()) != 0) {
    os_errno_ = errno;
  }
}

Status FindingsFile::close() {
  // Whoever read standard output may have seen enough.
  if (os_errno_ == 0 || (os_errno_ == EPIPE && path_ == "-")) return {};
  return os_error(fmt::format("cannot write findings to '{}'", path_), os_errno_);
}

}  // namespace powercut::apps
