// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "index/segment_builder.h"
#include "io/new_file.h"

namespace powercut::index {

// The file into which new segments go, and from which they are mapped. Not thread-safe.
class SegmentStore {
 public:
  // A nameless file in $TMPDIR, which is gone with the last segment in it.
  [[nodiscard]] static Result<std::unique_ptr<SegmentStore>> make_nameless();
  // One that becomes the sidecar `path` when it is finished.
  [[nodiscard]] static Result<std::unique_ptr<SegmentStore>> make_sidecar(const std::string& path);

  [[nodiscard]] Result<std::shared_ptr<const Segment>> add(SegmentBuilder& builder,
                                                           std::uint32_t sector_size);
  // One that is in another file; of use for a sidecar only.
  [[nodiscard]] Status add_copy(const Segment& segment);

  // Of a sidecar that has all segments: writes its header, whose fields about segments and hashes are
  // filled in here, and puts it in its place.
  [[nodiscard]] Status finish(IndexHeaderDisk header);

 private:
  SegmentStore(std::unique_ptr<PosixFile> nameless, std::unique_ptr<NewFile> sidecar)
      : nameless_(std::move(nameless)),
        sidecar_(std::move(sidecar)),
        file_(sidecar_ ? sidecar_->file() : *nameless_) {}

  const std::unique_ptr<PosixFile> nameless_;
  const std::unique_ptr<NewFile> sidecar_;
  PosixFile& file_;
  std::vector<SegmentDisk> table_;
  ByteOffset end_ = sizeof(IndexHeaderDisk);
};

}  // namespace powercut::index
