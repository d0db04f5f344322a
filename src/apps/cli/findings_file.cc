// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/findings_file.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace powercut::apps {

namespace {

// One that has been killed takes its time to end.
constexpr auto kPatience = std::chrono::seconds(10);

// True also where there are no locks.
bool lock_in_time(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace

Result<FindingsFile> FindingsFile::open(const std::string& path, Content content) {
  if (path.empty()) return FindingsFile(path, nullptr);
  if (path == "-") return FindingsFile(path, stdout);
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return os_error(fmt::format("cannot write findings to '{}'", path));
  FindingsFile findings(path, file);
  struct stat info {};
  const bool is_regular = ::fstat(::fileno(file), &info) == 0 && S_ISREG(info.st_mode);
  if (!is_regular) return findings;
  if (!lock_in_time(::fileno(file)))
    return environment_error(fmt::format("another run is writing its findings to '{}'", path));
  if (content == Content::kEmptied) POWERCUT_TRY_STATUS(findings.cut(0));
  return findings;
}

Status FindingsFile::cut(ByteCount bytes) {
  if (::ftruncate(::fileno(file_.get()), static_cast<off_t>(bytes)) == 0) return {};
  return os_error(fmt::format("cannot cut '{}'", path_));
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
