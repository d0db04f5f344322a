// SPDX-License-Identifier: Apache-2.0
#include "serve/fuse_catalogue_tree.h"

#include "base/check.h"
#include "block/memory_device.h"

namespace powercut::serve {
namespace {

// Inode numbers: 1 is the root, then come folders, then texts. In the highest byte stands a file's
// folder, counted from 1, or kFresh.
constexpr unsigned kFolderShift = 56;
constexpr InodeNumber kFirstFolder = kRootInode + 1;
constexpr InodeNumber kFirstText = 1000;
constexpr std::uint64_t kFresh = 255;

constexpr InodeNumber first_inode(std::size_t folder, std::uint64_t number) {
  return (static_cast<InodeNumber>(folder) + 1) << kFolderShift | number;
}
constexpr std::size_t folder_number(InodeNumber first) {
  return static_cast<std::size_t>((first >> kFolderShift) - 1);
}
constexpr std::uint64_t file_number(InodeNumber first) {
  return first & ((InodeNumber{1} << kFolderShift) - 1);
}

std::shared_ptr<FuseNode> make_text(InodeNumber inode, const std::string& text) {
  auto device = std::make_shared<MemoryDevice>(text.size());
  POWERCUT_CHECK(device->write(0, std::as_bytes(std::span(text)), Fua::kNo).has_value());
  return std::make_shared<FuseNode>(inode, std::move(device));
}

}  // namespace

FuseCatalogueTree::FuseCatalogueTree(Catalogue catalogue)
    : catalogue_(std::move(catalogue)), texts_(catalogue_.texts.size()) {
  POWERCUT_CHECK(catalogue_.folders.size() < kFirstText - kFirstFolder &&
                 catalogue_.folders.size() < kFresh - 1);
}

const Catalogue::Folder* FuseCatalogueTree::folder_of(InodeNumber inode) const {
  const bool is_folder = inode >= kFirstFolder && inode - kFirstFolder < catalogue_.folders.size();
  return is_folder ? &catalogue_.folders[inode - kFirstFolder] : nullptr;
}

std::optional<InodeNumber> FuseCatalogueTree::first_inode_of(InodeNumber inode) const {
  const std::uint64_t folder = inode >> kFolderShift;
  if (folder == kFresh) {
    const auto found = first_.find(inode);
    return found == first_.end() ? std::nullopt : std::optional(found->second);
  }
  if (folder == 0 || folder > catalogue_.folders.size() || fresh_.contains(inode))
    return std::nullopt;
  return inode;
}

InodeNumber FuseCatalogueTree::inode_now(InodeNumber first) const {
  const auto found = fresh_.find(first);
  return found == fresh_.end() ? first : found->second;
}

FuseAttributes FuseCatalogueTree::file_attributes(InodeNumber inode, InodeNumber first) const {
  const auto kept = files_.find(inode);
  const auto& files = catalogue_.folders[folder_number(first)].files;
  return {.inode = inode,
          .may_have_holes = true,
          .size_bytes = kept != files_.end() ? kept->second.node->size_bytes()
                                             : files->size_bytes(file_number(first))};
}

Result<FuseAttributes> FuseCatalogueTree::look_up_in_root(const std::string& name) {
  for (std::size_t i = 0; i < catalogue_.folders.size(); ++i) {
    if (catalogue_.folders[i].name == name)
      return FuseAttributes{.inode = kFirstFolder + i, .is_folder = true};
  }
  for (std::size_t i = 0; i < catalogue_.texts.size(); ++i) {
    if (catalogue_.texts[i].name != name) continue;
    auto text = make_text(kFirstText + i, catalogue_.texts[i].make());
    const FuseAttributes attributes{
        .inode = text->inode(), .is_read_only = true, .size_bytes = text->size_bytes()};
    const MutexLock lock(mutex_);
    texts_[i] = std::move(text);
    return attributes;
  }
  return os_error(name, ENOENT);
}

Result<FuseAttributes> FuseCatalogueTree::look_up(InodeNumber folder, const std::string& name) {
  if (folder == kRootInode) return look_up_in_root(name);
  const Catalogue::Folder* found = folder_of(folder);
  if (found == nullptr) return os_error(name, ENOTDIR);
  const auto number = POWERCUT_TRY(found->files->find(name));
  if (!number) return os_error(name, ENOENT);
  const InodeNumber first = first_inode(folder - kFirstFolder, *number);
  const MutexLock lock(mutex_);
  return file_attributes(inode_now(first), first);
}

std::optional<FuseAttributes> FuseCatalogueTree::attributes(InodeNumber inode) const {
  if (inode == kRootInode) {
    return FuseAttributes{.inode = inode,
                          .is_folder = true,
                          .nr_folders = static_cast<unsigned>(catalogue_.folders.size())};
  }
  if (folder_of(inode) != nullptr) return FuseAttributes{.inode = inode, .is_folder = true};
  const MutexLock lock(mutex_);
  if (inode >= kFirstText && inode - kFirstText < texts_.size()) {
    const auto& text = texts_[inode - kFirstText];
    if (text == nullptr) return std::nullopt;
    return FuseAttributes{.inode = inode, .is_read_only = true, .size_bytes = text->size_bytes()};
  }
  if (const auto kept = files_.find(inode); kept != files_.end()) {
    return FuseAttributes{
        .inode = inode, .may_have_holes = true, .size_bytes = kept->second.node->size_bytes()};
  }
  const auto first = first_inode_of(inode);
  if (!first) return std::nullopt;
  return file_attributes(inode, *first);
}

Status FuseCatalogueTree::open(InodeNumber inode) {
  std::optional<InodeNumber> first;
  {
    const MutexLock lock(mutex_);
    if (is_withdrawn_) return os_error("open", EIO);
    if (inode >= kFirstText && inode - kFirstText < texts_.size()) return {};
    if (const auto kept = files_.find(inode); kept != files_.end()) {
      ++kept->second.opens;
      return {};
    }
    first = first_inode_of(inode);
  }
  // Has been removed since it was looked up: the kernel looks again.
  if (!first) return os_error("open", ESTALE);
  const auto& files = catalogue_.folders[folder_number(*first)].files;
  File file;
  file.overlay = OverlayDevice::make_lazily(POWERCUT_TRY(files->open(file_number(*first))));
  file.node = std::make_shared<FuseNode>(inode, file.overlay);
  const MutexLock lock(mutex_);
  if (is_withdrawn_) return os_error("open", EIO);
  if (!first_inode_of(inode)) return os_error("open", ESTALE);
  ++files_.try_emplace(inode, std::move(file)).first->second.opens;
  return {};
}

void FuseCatalogueTree::close(InodeNumber inode) {
  File last;  // goes when the lock has been let go of
  const MutexLock lock(mutex_);
  const auto kept = files_.find(inode);
  if (kept == files_.end()) return;
  File& file = kept->second;
  POWERCUT_CHECK(file.opens > 0);
  if (--file.opens > 0) return;
  if (!file.is_removed && file.overlay->overlaid_bytes() > 0) return;
  last = std::move(file);
  files_.erase(kept);
}

std::shared_ptr<FuseNode> FuseCatalogueTree::find(InodeNumber inode) const {
  const MutexLock lock(mutex_);
  if (inode >= kFirstText && inode - kFirstText < texts_.size()) return texts_[inode - kFirstText];
  const auto kept = files_.find(inode);
  return kept == files_.end() ? nullptr : kept->second.node;
}

Status FuseCatalogueTree::list(InodeNumber folder, std::uint64_t position, const ListSink& sink) {
  if (folder == kRootInode) {
    const std::size_t nr_folders = catalogue_.folders.size();
    for (; position < nr_folders; ++position) {
      const auto& name = catalogue_.folders[position].name;
      if (!sink({name, kFirstFolder + position, true, position + 1})) return {};
    }
    for (; position - nr_folders < catalogue_.texts.size(); ++position) {
      const auto& name = catalogue_.texts[position - nr_folders].name;
      if (!sink({name, kFirstText + (position - nr_folders), false, position + 1})) return {};
    }
    return {};
  }
  const Catalogue::Folder* found = folder_of(folder);
  if (found == nullptr) return os_error("list", ENOTDIR);
  return found->files->list(position, [&](std::uint64_t number, const std::string& name) {
    InodeNumber inode = first_inode(folder - kFirstFolder, number);
    {
      const MutexLock lock(mutex_);
      inode = inode_now(inode);
    }
    return sink({name, inode, false, number + 1});
  });
}

Status FuseCatalogueTree::remove(InodeNumber folder, const std::string& name) {
  const Catalogue::Folder* found = folder_of(folder);
  if (found == nullptr) return os_error(name, EPERM);
  const auto number = POWERCUT_TRY(found->files->find(name));
  if (!number) return os_error(name, ENOENT);
  const InodeNumber first = first_inode(folder - kFirstFolder, *number);
  File removed;  // goes when the lock has been let go of
  const MutexLock lock(mutex_);
  const InodeNumber inode = inode_now(first);
  const auto kept = files_.find(inode);
  // It is as at first.
  if (kept == files_.end()) return {};
  const InodeNumber next = kFresh << kFolderShift | ++nr_fresh_;
  fresh_[first] = next;
  first_.erase(inode);
  first_[next] = first;
  kept->second.is_removed = true;
  if (kept->second.opens > 0) return {};
  removed = std::move(kept->second);
  files_.erase(kept);
  return {};
}

void FuseCatalogueTree::withdraw_all() {
  std::unordered_map<InodeNumber, File> files;
  {
    const MutexLock lock(mutex_);
    is_withdrawn_ = true;
    files.swap(files_);
  }
  for (auto& [inode, file] : files) file.node->withdraw();
}

std::uint64_t FuseCatalogueTree::nr_written() const {
  const MutexLock lock(mutex_);
  std::uint64_t count = 0;
  for (const auto& [inode, file] : files_) {
    if (!file.is_removed && file.overlay->overlaid_bytes() > 0) ++count;
  }
  return count;
}

std::size_t FuseCatalogueTree::nr_kept() const {
  const MutexLock lock(mutex_);
  return files_.size();
}

}  // namespace powercut::serve
