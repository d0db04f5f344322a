// SPDX-License-Identifier: Apache-2.0
// The files of a FUSE mount that come and go one by one: which inode is which block device.
#pragma once

#include <map>
#include <vector>

#include "serve/fuse_tree.h"

namespace powercut::serve {

// Thread-safe. An inode number is never given twice, so that nothing the kernel remembers of one
// file can be taken for another.
class FuseNodes final : public FuseTree {
 public:
  struct Entry {
    std::string name;
    InodeNumber inode;
  };

  explicit FuseNodes(std::optional<FuseCaching> caching = {}) : caching_(caching) {}

  // The root is a regular file.
  void publish_root(std::shared_ptr<BlockDevice> device);
  // EEXIST if there is a file of that name, EINVAL if it is no file name.
  [[nodiscard]] Status publish(const std::string& name, std::shared_ptr<BlockDevice> device);
  // Gives the number that the file had; nothing if there is none of that name.
  std::optional<InodeNumber> withdraw(const std::string& name);

  [[nodiscard]] Result<FuseAttributes> look_up(InodeNumber folder,
                                               const std::string& name) override;
  [[nodiscard]] std::optional<FuseAttributes> attributes(InodeNumber inode) const override;
  [[nodiscard]] std::optional<FuseCaching> caching() const override { return caching_; }
  // Files stay until they are withdrawn, open or not.
  [[nodiscard]] Status open(InodeNumber inode) override;
  void close(InodeNumber) override {}
  [[nodiscard]] std::shared_ptr<FuseNode> find(InodeNumber inode) const override;
  [[nodiscard]] Status list(InodeNumber folder, std::uint64_t position,
                            const ListSink& sink) override;
  [[nodiscard]] Status remove(InodeNumber folder, const std::string& name) override;
  [[nodiscard]] Statistics statistics() const override;
  void withdraw_all() override;

 private:
  // In the order of their inode numbers, those from `first` on.
  [[nodiscard]] std::vector<Entry> entries(InodeNumber first) const;

  const std::optional<FuseCaching> caching_;
  mutable Mutex mutex_;
  InodeNumber next_inode_ POWERCUT_GUARDED_BY(mutex_) = kRootInode + 1;
  std::map<InodeNumber, std::shared_ptr<FuseNode>> nodes_ POWERCUT_GUARDED_BY(mutex_);
  std::map<std::string, InodeNumber> names_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::serve
