// SPDX-License-Identifier: Apache-2.0
#include "index/segment_store.h"

namespace powercut::index {

Result<std::unique_ptr<SegmentStore>> SegmentStore::make_nameless() {
  return std::unique_ptr<SegmentStore>(new SegmentStore(POWERCUT_TRY(PosixFile::open_temporary())));
}

Result<std::shared_ptr<const Segment>> SegmentStore::add(SegmentBuilder& builder,
                                                         std::uint32_t sector_size) {
  const SegmentDisk disk = POWERCUT_TRY(builder.write_to(*file_, end_));
  const ByteOffset end = end_ + SegmentLayout::of(disk)->total_bytes;
  auto bytes = POWERCUT_TRY(MappedFile::map(*file_, {end_, end}));
  end_ = align_up(end, kBlockSize);
  return Segment::open(std::move(bytes), disk, sector_size);
}

}  // namespace powercut::index
