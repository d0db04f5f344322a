// SPDX-License-Identifier: Apache-2.0
#include "serve/fuse_catalogue.h"

#include "serve/fuse_catalogue_tree.h"
#include "serve/fuse_session.h"

namespace powercut::serve {

FuseCatalogue::FuseCatalogue(std::shared_ptr<FuseCatalogueTree> tree,
                             std::unique_ptr<FuseSession> session)
    : tree_(std::move(tree)), session_(std::move(session)) {}
FuseCatalogue::~FuseCatalogue() {
  [[maybe_unused]] const Status status = unmount();
}

Result<std::unique_ptr<FuseCatalogue>> FuseCatalogue::mount(const std::string& path,
                                                            Catalogue catalogue,
                                                            FuseMountOptions options) {
  POWERCUT_TRY_STATUS(check_mount_point(path, MountPoint::kDirectory));
  auto tree = std::make_shared<FuseCatalogueTree>(std::move(catalogue));
  auto session = POWERCUT_TRY(FuseSession::mount(path, tree, std::move(options)));
  return std::unique_ptr<FuseCatalogue>(new FuseCatalogue(std::move(tree), std::move(session)));
}

Status FuseCatalogue::unmount(std::chrono::milliseconds patience) {
  return session_->unmount(patience);
}

int FuseCatalogue::ended_fd() const {
  return session_->ended_fd();
}

std::uint64_t FuseCatalogue::nr_written() const {
  return tree_->nr_written();
}

}  // namespace powercut::serve
