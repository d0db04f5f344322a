// SPDX-License-Identifier: Apache-2.0
// A catalogue's files and folders as FUSE sees them. Private to this folder.
#pragma once

#include <unordered_map>

#include "block/overlay_device.h"
#include "serve/fuse_catalogue.h"
#include "serve/fuse_tree.h"

namespace powercut::serve {

// An inode number is computed: from the folder and the file's number. Only a file that was removed
// while it was open or written gets another, a fresh one, from then on.
class FuseCatalogueTree final : public FuseTree {
 public:
  explicit FuseCatalogueTree(Catalogue catalogue);

  [[nodiscard]] Result<FuseAttributes> look_up(InodeNumber folder,
                                               const std::string& name) override;
  [[nodiscard]] std::optional<FuseAttributes> attributes(InodeNumber inode) const override;
  [[nodiscard]] Status open(InodeNumber inode) override;
  void close(InodeNumber inode) override;
  [[nodiscard]] std::shared_ptr<FuseNode> find(InodeNumber inode) const override;
  [[nodiscard]] Status list(InodeNumber folder, std::uint64_t position,
                            const ListSink& sink) override;
  [[nodiscard]] Status remove(InodeNumber folder, const std::string& name) override;
  [[nodiscard]] Statistics statistics() const override { return {}; }
  void withdraw_all() override;

  [[nodiscard]] std::uint64_t nr_written() const;
  // How many files take memory.
  [[nodiscard]] std::size_t nr_kept() const;

 private:
  // A file that is open, or has been written.
  struct File {
    std::shared_ptr<FuseNode> node;
    std::shared_ptr<OverlayDevice> overlay;  // the node's device
    std::uint64_t opens = 0;
    bool is_removed = false;
  };

  [[nodiscard]] const Catalogue::Folder* folder_of(InodeNumber inode) const;
  [[nodiscard]] Result<FuseAttributes> look_up_in_root(const std::string& name);
  // What a file's number is, whichever inode it has now; nothing if that is no file's any more.
  [[nodiscard]] std::optional<InodeNumber> first_inode_of(InodeNumber inode) const
      POWERCUT_REQUIRES(mutex_);
  [[nodiscard]] InodeNumber inode_now(InodeNumber first) const POWERCUT_REQUIRES(mutex_);
  [[nodiscard]] FuseAttributes file_attributes(InodeNumber inode, InodeNumber first) const
      POWERCUT_REQUIRES(mutex_);

  const Catalogue catalogue_;

  mutable Mutex mutex_;
  bool is_withdrawn_ POWERCUT_GUARDED_BY(mutex_) = false;
  std::unordered_map<InodeNumber, File> files_ POWERCUT_GUARDED_BY(mutex_);
  // Of files that have been removed: which inode they have now, by the one they had at first; and
  // back.
  std::unordered_map<InodeNumber, InodeNumber> fresh_ POWERCUT_GUARDED_BY(mutex_);
  std::unordered_map<InodeNumber, InodeNumber> first_ POWERCUT_GUARDED_BY(mutex_);
  std::uint64_t nr_fresh_ POWERCUT_GUARDED_BY(mutex_) = 0;
  // As they were when they were looked up last.
  std::vector<std::shared_ptr<FuseNode>> texts_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::serve
