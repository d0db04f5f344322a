// SPDX-License-Identifier: Apache-2.0
// What a FUSE mount shows: the seam between the requests and the files. Private to this folder.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "block/device.h"
#include "serve/fuse_folder.h"

namespace powercut::serve {

using InodeNumber = std::uint64_t;

// FUSE's root.
inline constexpr InodeNumber kRootInode = 1;

// A block device that is a file. Requests enter it and leave it, so that withdrawing can wait for
// them.
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

// What stat(2) shows.
struct FuseAttributes {
  InodeNumber inode = 0;
  bool is_folder = false;
  bool is_read_only = false;
  // Copying programs look for holes only where a file takes less space than it has bytes.
  bool may_have_holes = false;
  ByteCount size_bytes = 0;  // of a file
  unsigned nr_folders = 0;   // in a folder
};

// Thread-safe. An inode number is never given to a second file, so that nothing the kernel remembers
// of one can be taken for another.
class FuseTree {
 public:
  virtual ~FuseTree() = default;
  FuseTree() = default;
  FuseTree(const FuseTree&) = delete;
  FuseTree& operator=(const FuseTree&) = delete;

  // ENOENT if there is none.
  [[nodiscard]] virtual Result<FuseAttributes> look_up(InodeNumber folder,
                                                       const std::string& name) = 0;
  [[nodiscard]] virtual std::optional<FuseAttributes> attributes(InodeNumber inode) const = 0;

  // Nothing: the kernel keeps nothing of the files.
  [[nodiscard]] virtual std::optional<FuseCaching> caching() const { return std::nullopt; }

  // Of a file; each open is followed by a close. Of files that are cached not all opens and closes are told.
  [[nodiscard]] virtual Status open(InodeNumber inode) = 0;
  virtual void close(InodeNumber inode) = 0;
  // Of an open file; null: it has been withdrawn.
  [[nodiscard]] virtual std::shared_ptr<FuseNode> find(InodeNumber inode) const = 0;

  // Gives out a folder's entries in an order that stays the same while others come and go, from
  // `position` on, until the sink has enough. `next` is the position behind the entry.
  struct Listed {
    std::string name;
    InodeNumber inode;
    bool is_folder;
    std::uint64_t next;
  };
  using ListSink = std::function<bool(const Listed&)>;
  [[nodiscard]] virtual Status list(InodeNumber folder, std::uint64_t position,
                                    const ListSink& sink) = 0;

  // EPERM where files cannot be removed.
  [[nodiscard]] virtual Status remove(InodeNumber folder, const std::string& name) = 0;

  struct Statistics {
    ByteCount bytes = 0;
    std::uint64_t files = 0;
  };
  [[nodiscard]] virtual Statistics statistics() const = 0;

  // Lets go of all devices.
  virtual void withdraw_all() = 0;
};

}  // namespace powercut::serve
