// SPDX-License-Identifier: Apache-2.0
#include "apps/recording/image.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "io/image_lock.h"
#include "io/posix_file.h"

namespace powercut::apps {
namespace {

std::string temporary_folder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != 0 ? folder : "/tmp";
}

Result<std::string> make_temporary(ByteCount size_bytes) {
  std::string path = temporary_folder() + "/powercut-image.XXXXXX";
  const UniqueFd fd(::mkstemp(path.data()));
  if (!fd.valid()) return os_error(fmt::format("cannot make '{}'", path));
  if (::ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return os_error(fmt::format("cannot give '{}' {} bytes", path, size_bytes), error);
  }
  return path;
}

Status make_file(const std::string& path, ByteCount size_bytes) {
  const auto file = POWERCUT_TRY(
      PosixFile::open(path, {.writable = true, .create = OpenOptions::Create::kMustBeNew}));
  Status status = file->truncate(size_bytes);
  if (!status) ::unlink(path.c_str());
  return status;
}

Status use_existing(const Image::Options& options) {
  const auto file = POWERCUT_TRY(PosixFile::open(options.file, {.writable = true}));
  const ByteCount size = POWERCUT_TRY(file->size());
  if (options.size_bytes && *options.size_bytes != size) {
    return usage_error(
        fmt::format("'{}' exists and has {} bytes, not the {} of --size; leave --size out, or name "
                    "another file",
                    options.file, size, *options.size_bytes));
  }
  if (!options.must_be_blank || !POWERCUT_TRY(file->next_data(0))) return {};
  if (!options.overwrite) {
    return usage_error(
        fmt::format("'{}' is not blank, and making a file system would destroy what it holds; "
                    "--no-mkfs mounts the file system that is there, --overwrite makes a new one",
                    options.file));
  }
  POWERCUT_TRY_STATUS(lock_for_writing(*file));
  // So that what the log replays to begins with zeroes.
  return file->write_zeroes({0, size});
}

}  // namespace

bool is_path(const std::string& file) {
  return !file.starts_with("memory:") && file.find("://") == std::string::npos;
}

Result<Image> Image::prepare(const Options& options) {
  if (options.file.empty()) {
    if (!options.size_bytes) {
      return usage_error("what is to be recorded? Give --file IMAGE, or --size for a new one");
    }
    return Image(POWERCUT_TRY(make_temporary(*options.size_bytes)), true, true);
  }
  if (!is_path(options.file)) {
    if (options.size_bytes) {
      return usage_error(fmt::format("--size cannot be given for '{}'", options.file));
    }
    return Image(options.file, false, false);
  }
  std::error_code error;
  const std::string path = std::filesystem::absolute(options.file, error).string();
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    POWERCUT_TRY_STATUS(use_existing(options));
    return Image(path, false, false);
  }
  if (errno != ENOENT) return os_error(fmt::format("cannot stat '{}'", path));
  if (!options.size_bytes) {
    return usage_error(fmt::format("'{}' does not exist; give --size to make it", options.file));
  }
  POWERCUT_TRY_STATUS(make_file(path, *options.size_bytes));
  return Image(path, true, false);
}

Image::Image(Image&& other) noexcept
    : path_(std::move(other.path_)),
      was_made_(std::exchange(other.was_made_, false)),
      is_temporary_(other.is_temporary_) {}

Image::~Image() {
  if (was_made_) ::unlink(path_.c_str());
}

void Image::keep() {
  if (is_temporary_) ::unlink(path_.c_str());
  was_made_ = false;
}

}  // namespace powercut::apps
