// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "index/segment_builder.h"

namespace powercut::index {

// The file into which new segments go, and from which they are mapped. Not thread-safe.
class SegmentStore {
 public:
  // A nameless file in $TMPDIR, which is gone with the last segment in it.
  [[nodiscard]] static Result<std::unique_ptr<SegmentStore>> make_nameless();

  [[nodiscard]] Result<std::shared_ptr<const Segment>> add(SegmentBuilder& builder,
                                                           std::uint32_t sector_size);

 private:
  explicit SegmentStore(std::unique_ptr<PosixFile> file) : file_(std::move(file)) {}

  const std::unique_ptr<PosixFile> file_;
  ByteOffset end_ = kBlockSize;  // behind the header
};

}  // namespace powercut::index
