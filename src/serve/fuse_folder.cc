// SPDX-License-Identifier: Apache-2.0
#include "serve/fuse_folder.h"

#include "serve/fuse_nodes.h"
#include "serve/fuse_session.h"

namespace powercut::serve {
FuseFolder::FuseFolder(std::string path, std::shared_ptr<FuseNodes> nodes,
                       std::unique_ptr<FuseSession> session)
    : path_(std::move(path)), nodes_(std::move(nodes)), session_(std::move(session)) {}
FuseFolder::~FuseFolder() {
  [[maybe_unused]] const Status status = unmount();
}

Result<std::unique_ptr<FuseFolder>> FuseFolder::mount(const std::string& path,
                                                      FuseMountOptions options) {
  POWERCUT_TRY_STATUS(check_mount_point(path, MountPoint::kDirectory));
  auto nodes = std::make_shared<FuseNodes>(options.caching);
  auto session = POWERCUT_TRY(FuseSession::mount(path, nodes, std::move(options)));
  return std::unique_ptr<FuseFolder>(new FuseFolder(path, std::move(nodes), std::move(session)));
}

Result<std::string> FuseFolder::publish(const std::string& name,
                                        std::shared_ptr<BlockDevice> device) {
  POWERCUT_TRY_STATUS(nodes_->publish(name, std::move(device)));
  return path_ + "/" + name;
}

bool FuseFolder::withdraw(const std::string& name) {
  const auto inode = nodes_->withdraw(name);
  if (!inode) return false;
  session_->forget(name, *inode);
  return true;
}

Status FuseFolder::unmount(std::chrono::milliseconds patience) {
  nodes_->withdraw_all();
  return session_->unmount(patience);
}

int FuseFolder::ended_fd() const {
  return session_->ended_fd();
}

FuseFile::FuseFile(std::string path, std::unique_ptr<FuseSession> session)
    : path_(std::move(path)), session_(std::move(session)) {}
FuseFile::~FuseFile() {
  [[maybe_unused]] const Status status = unmount();
}

Result<std::unique_ptr<FuseFile>> FuseFile::mount(const std::string& path,
                                                  std::shared_ptr<BlockDevice> device,
                                                  FuseMountOptions options) {
  POWERCUT_TRY_STATUS(check_mount_point(path, MountPoint::kFile));
  auto nodes = std::make_shared<FuseNodes>();
  nodes->publish_root(std::move(device));
  auto session = POWERCUT_TRY(FuseSession::mount(path, nodes, std::move(options)));
  return std::unique_ptr<FuseFile>(new FuseFile(path, std::move(session)));
}

Status FuseFile::unmount(std::chrono::milliseconds patience) {
  return session_->unmount(patience);
}

int FuseFile::ended_fd() const {
  return session_->ended_fd();
}

}  // namespace powercut::serve
