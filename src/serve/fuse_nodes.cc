// SPDX-License-Identifier: Apache-2.0
#include "serve/fuse_nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>

#include "base/check.h"

namespace powercut::serve {

bool FuseNode::enter() {
  const MutexLock lock(mutex_);
  if (withdrawn_) return false;
  ++inside_;
  return true;
}

void FuseNode::leave() {
  const MutexLock lock(mutex_);
  POWERCUT_CHECK(inside_ > 0);
  if (--inside_ == 0) nobody_inside_.notify_all();
}

void FuseNode::withdraw() {
  MutexLock lock(mutex_);
  withdrawn_ = true;
  while (inside_ > 0) nobody_inside_.wait(lock);
  device_.reset();
}

void FuseNodes::publish_root(std::shared_ptr<BlockDevice> device) {
  const MutexLock lock(mutex_);
  nodes_[kRootInode] = std::make_shared<FuseNode>(kRootInode, std::move(device));
}

Status FuseNodes::publish(const std::string& name, std::shared_ptr<BlockDevice> device) {
  if (name.empty() || name == "." || name == ".." || name.size() > NAME_MAX ||
      name.find('/') != std::string::npos || name.find('\0') != std::string::npos) {
    return environment_error(fmt::format("'{}' cannot be a file's name", name), EINVAL);
  }
  const MutexLock lock(mutex_);
  if (names_.contains(name)) {
    return environment_error(fmt::format("there is a file named '{}' already", name), EEXIST);
  }
  const InodeNumber inode = next_inode_++;
  nodes_[inode] = std::make_shared<FuseNode>(inode, std::move(device));
  names_[name] = inode;
  return {};
}

bool FuseNodes::withdraw(const std::string& name) {
  std::shared_ptr<FuseNode> node;
  {
    const MutexLock lock(mutex_);
    const auto found = names_.find(name);
    if (found == names_.end()) return false;
    node = std::move(nodes_[found->second]);
    nodes_.erase(found->second);
    names_.erase(found);
  }
  node->withdraw();
  return true;
}

void FuseNodes::withdraw_all() {
  std::map<InodeNumber, std::shared_ptr<FuseNode>> nodes;
  {
    const MutexLock lock(mutex_);
    nodes.swap(nodes_);
    names_.clear();
  }
  for (auto& [inode, node] : nodes) node->withdraw();
}

std::shared_ptr<FuseNode> FuseNodes::find(InodeNumber inode) const {
  const MutexLock lock(mutex_);
  const auto found = nodes_.find(inode);
  return found == nodes_.end() ? nullptr : found->second;
}

std::shared_ptr<FuseNode> FuseNodes::find(const std::string& name) const {
  const MutexLock lock(mutex_);
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : nodes_.at(found->second);
}

std::vector<FuseNodes::Entry> FuseNodes::list(InodeNumber first) const {
  std::vector<Entry> entries;
  const MutexLock lock(mutex_);
  for (const auto& [name, inode] : names_) {
    if (inode >= first) entries.push_back({name, inode});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.inode < b.inode; });
  return entries;
}

}  // namespace powercut::serve
