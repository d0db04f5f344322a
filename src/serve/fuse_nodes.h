// SPDX-License-Identifier: Apache-2.0
// The files of a FUSE mount: which inode is which block device, and which requests are using it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "block/device.h"

namespace powercut::serve {

using InodeNumber = std::uint64_t;

// FUSE's root.
inline constexpr InodeNumber kRootInode = 1;

// A published device. Requests enter it and leave it, so that withdrawing can wait for them.
class FuseNode {
 public:
  FuseNode(InodeNumber inode, std::shared_ptr<BlockDevice> device)
      : inode_(inode), size_bytes_(device->size_bytes()), device_(std::move(device)) {}

  [[nodiscard]] InodeNumber inode() const { return inode_; }
  [[nodiscard]] ByteCount size_bytes() const { return size_bytes_; }

  // False once the node has been withdrawn.
  [[nodiscard]] bool enter();
  void leave();
  // Between enter() and leave().
  [[nodiscard]] BlockDevice& device() const { return *device_; }
  // Lets no further request enter, waits for those inside, and lets go of the device.
  void withdraw();

 private:
  const InodeNumber inode_;
  const ByteCount size_bytes_;
  // Not guarded: it changes only when nobody is inside and nobody can enter.
  std::shared_ptr<BlockDevice> device_;
  Mutex mutex_;
  CondVar nobody_inside_;
  std::uint64_t inside_ POWERCUT_GUARDED_BY(mutex_) = 0;
  bool withdrawn_ POWERCUT_GUARDED_BY(mutex_) = false;
};

// A request's stay in a node.
class FuseVisit {
 public:
  explicit FuseVisit(std::shared_ptr<FuseNode> node)
      : node_(node != nullptr && node->enter() ? std::move(node) : nullptr) {}
  ~FuseVisit() {
    if (node_ != nullptr) node_->leave();
  }
  FuseVisit(const FuseVisit&) = delete;
  FuseVisit& operator=(const FuseVisit&) = delete;

  // False if there is no such node (any more).
  explicit operator bool() const { return node_ != nullptr; }
  [[nodiscard]] BlockDevice& device() const { return node_->device(); }
  [[nodiscard]] const FuseNode& node() const { return *node_; }

 private:
  const std::shared_ptr<FuseNode> node_;
};

// Thread-safe. An inode number is never given twice, so that nothing the kernel remembers of one
// file can be taken for another.
class FuseNodes {
 public:
  struct Entry {
    std::string name;
    InodeNumber inode;
  };

  // The root is a regular file.
  void publish_root(std::shared_ptr<BlockDevice> device);
  // EEXIST if there is a file of that name, EINVAL if it is no file name.
  [[nodiscard]] Status publish(const std::string& name, std::shared_ptr<BlockDevice> device);
  // False if there is none of that name.
  bool withdraw(const std::string& name);
  void withdraw_all();

  [[nodiscard]] std::shared_ptr<FuseNode> find(InodeNumber inode) const;
  [[nodiscard]] std::shared_ptr<FuseNode> find(const std::string& name) const;
  // In the order of their inode numbers, those from `first` on.
  [[nodiscard]] std::vector<Entry> list(InodeNumber first) const;

 private:
  mutable Mutex mutex_;
  InodeNumber next_inode_ POWERCUT_GUARDED_BY(mutex_) = kRootInode + 1;
  std::map<InodeNumber, std::shared_ptr<FuseNode>> nodes_ POWERCUT_GUARDED_BY(mutex_);
  std::map<std::string, InodeNumber> names_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::serve
