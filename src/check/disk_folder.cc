// SPDX-License-Identifier: Apache-2.0
#include "check/disk_folder.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "check/shell.h"
#include "serve/fuse_folder.h"

namespace powercut::check {
namespace {

Result<std::string> make_temporary_directory() {
  const char* parent = std::getenv("TMPDIR");
  // A path with a blank in it would have to be quoted by every checker.
  if (parent == nullptr || *parent != '/' || shell_quoted(parent) != parent) parent = "/tmp";
  std::string path = fmt::format("{}/powercut-explore-XXXXXX", parent);
  if (::mkdtemp(path.data()) == nullptr)
    return os_error(fmt::format("cannot make a directory in '{}'", parent));
  return path;
}

Status make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directory(path, error);
  if (error) return os_error(fmt::format("cannot make directory '{}'", path), error.value());
  return {};
}

void remove_directory(const std::string& path) {
  std::error_code ignored;
  // One by one from the top: should something be mounted in it still, nothing below that may be
  // touched.
  if (::rmdir((path + "/disks").c_str()) != 0 && errno != ENOENT) return;
  for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
    if (::rmdir((entry.path() / "mnt").c_str()) != 0 && errno != ENOENT) return;
  }
  std::filesystem::remove_all(path, ignored);
}

}  // namespace

Result<std::unique_ptr<DiskFolder>> DiskFolder::make() {
  std::string directory = POWERCUT_TRY(make_temporary_directory());
  const std::string disks = directory + "/disks";
  auto folder = [&]() -> Result<std::unique_ptr<serve::FuseFolder>> {
    POWERCUT_TRY_STATUS(make_directory(disks));
    serve::FuseMountOptions options;
    options.is_below_file_system = ::geteuid() == 0;
    return serve::FuseFolder::mount(disks, options);
  }();
  if (!folder) {
    remove_directory(directory);
    return tl::unexpected(folder.error());
  }
  return std::unique_ptr<DiskFolder>(new DiskFolder(std::move(directory), *std::move(folder)));
}

DiskFolder::DiskFolder(std::string directory, std::unique_ptr<serve::FuseFolder> folder)
    : directory_(std::move(directory)), folder_(std::move(folder)) {}

DiskFolder::~DiskFolder() {
  static_cast<void>(close());
}

Result<std::string> DiskFolder::publish(const std::string& name,
                                        std::shared_ptr<BlockDevice> device) {
  return folder_->publish(name, std::move(device));
}

void DiskFolder::withdraw(const std::string& name) {
  folder_->withdraw(name);
}

Result<std::string> DiskFolder::worker_directory(unsigned worker) {
  std::string path = fmt::format("{}/{}", directory_, worker);
  POWERCUT_TRY_STATUS(make_directory(path));
  return path;
}

Status DiskFolder::close() {
  if (folder_ == nullptr) return {};
  Status status = folder_->unmount();
  folder_.reset();
  remove_directory(directory_);
  return status;
}

Result<bool> enter_private_mounts() {
  if (::geteuid() != 0) return false;
  if (::unshare(CLONE_NEWNS) != 0) {
    if (errno == EPERM) return false;
    return os_error("cannot get a mount namespace");
  }
  if (::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return os_error("cannot keep mounts to this process");
  }
  return true;
}

}  // namespace powercut::check
