// SPDX-License-Identifier: Apache-2.0
#include "check/disk_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "check/shell.h"
#include "serve/fuse_folder.h"

namespace powercut::check {
namespace {

constexpr ByteCount kObservedReadaheadBytes = 16 * kKiB;

// A path with a blank in it would have to be quoted by every checker.
std::string temporary_parent() {
  const char* parent = std::getenv("TMPDIR");
  return parent == nullptr || *parent != '/' || shell_quoted(parent) != parent ? "/tmp" : parent;
}

Status make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directory(path, error);
  // A checker may do its work as another user, whatever the umask.
  if (!error) std::filesystem::permissions(path, std::filesystem::perms{0711}, error);
  if (error) return os_error(fmt::format("cannot make directory '{}'", path), error.value());
  return {};
}

void remove_directory(const std::string& path) {
  std::error_code ignored;
  // One by one from the top: should something be mounted in it still, nothing below that may be
  // touched.
  if (::rmdir((path + "/disks").c_str()) != 0 && errno != ENOENT) return;
  if (::rmdir((path + "/check/mnt").c_str()) != 0 && errno != ENOENT) return;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace

void DiskFolder::clean_up_behind_the_killed() {
  clean_up_behind_the_dead(temporary_parent());
}

Result<std::unique_ptr<DiskFolder>> DiskFolder::make(DiskUse use) {
  const std::string parent = temporary_parent();
  clean_up_behind_the_dead(parent);
  OwnedDirectory directory = POWERCUT_TRY(make_owned_directory(parent));
  const std::string disks = directory.path + "/disks";
  auto folder = [&]() -> Result<std::unique_ptr<serve::FuseFolder>> {
    POWERCUT_TRY_STATUS(make_directory(disks));
    POWERCUT_TRY_STATUS(make_directory(directory.path + "/check"));
    serve::FuseMountOptions options;
    options.is_below_file_system = ::geteuid() == 0;
    options.caching.emplace().passes_flushes = use.flushes;
    if (use.reads) options.caching->readahead_bytes = kObservedReadaheadBytes;
    return serve::FuseFolder::mount(disks, options);
  }();
  if (!folder) {
    remove_directory(directory.path);
    return tl::unexpected(folder.error());
  }
  return std::unique_ptr<DiskFolder>(new DiskFolder(std::move(directory), *std::move(folder), use));
}

DiskFolder::DiskFolder(OwnedDirectory directory, std::unique_ptr<serve::FuseFolder> folder,
                       DiskUse use)
    : directory_(std::move(directory)), folder_(std::move(folder)), use_(use) {}

DiskFolder::~DiskFolder() {
  static_cast<void>(close());
}

Result<std::string> DiskFolder::publish(const std::string& name,
                                        std::shared_ptr<BlockDevice> device) {
  return folder_->publish(name, std::move(device));
}

void DiskFolder::withdraw(const std::string& name) {
  if (use_.loop_devices) release_file(fmt::format("{}/disks/{}", directory_.path, name));
  folder_->withdraw(name);
}

Status DiskFolder::close() {
  if (folder_ == nullptr) return {};
  Status status = folder_->unmount();
  folder_.reset();
  remove_directory(directory_.path);
  return status;
}

}  // namespace powercut::check
