// SPDX-License-Identifier: Apache-2.0
#include "serve/fuse_nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
namespace powercut::serve {

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

std::optional<InodeNumber> FuseNodes::withdraw(const std::string& name) {
  std::shared_ptr<FuseNode> node;
  {
    const MutexLock lock(mutex_);
    const auto found = names_.find(name);
    if (found == names_.end()) return std::nullopt;
    node = std::move(nodes_[found->second]);
    nodes_.erase(found->second);
    names_.erase(found);
  }
  node->withdraw();
  return node->inode();
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

Result<FuseAttributes> FuseNodes::look_up(InodeNumber folder, const std::string& name) {
  const MutexLock lock(mutex_);
  const auto found = names_.find(name);
  if (folder != kRootInode || found == names_.end()) return os_error(name, ENOENT);
  return FuseAttributes{.inode = found->second,
                        .size_bytes = nodes_.at(found->second)->size_bytes()};
}

std::optional<FuseAttributes> FuseNodes::attributes(InodeNumber inode) const {
  if (const auto node = find(inode))
    return FuseAttributes{.inode = inode, .size_bytes = node->size_bytes()};
  if (inode == kRootInode) return FuseAttributes{.inode = inode, .is_folder = true};
  return std::nullopt;
}

Status FuseNodes::open(InodeNumber inode) {
  return find(inode) != nullptr ? Status() : os_error("open", EIO);
}

std::vector<FuseNodes::Entry> FuseNodes::entries(InodeNumber first) const {
  std::vector<Entry> entries;
  const MutexLock lock(mutex_);
  for (const auto& [name, inode] : names_) {
    if (inode >= first) entries.push_back({name, inode});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.inode < b.inode; });
  return entries;
}

// Positions are inode numbers + 1, which stay right while files come and go between two calls.
Status FuseNodes::list(InodeNumber folder, std::uint64_t position, const ListSink& sink) {
  if (folder != kRootInode) return os_error("list", ENOTDIR);
  for (const Entry& entry : entries(position)) {
    if (!sink({entry.name, entry.inode, false, entry.inode + 1})) break;
  }
  return {};
}

Status FuseNodes::remove(InodeNumber, const std::string& name) {
  return os_error(name, EPERM);
}

FuseTree::Statistics FuseNodes::statistics() const {
  Statistics result;
  const MutexLock lock(mutex_);
  for (const auto& [inode, node] : nodes_) {
    result.bytes += node->size_bytes();
    ++result.files;
  }
  return result;
}

}  // namespace powercut::serve
