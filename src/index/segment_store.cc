// SPDX-License-Identifier: Apache-2.0
#include "index/segment_store.h"

#include "base/check.h"
#include "index/sidecar.h"
#include "log/codec.h"

namespace powercut::index {

Result<std::unique_ptr<SegmentStore>> SegmentStore::make_nameless() {
  auto file = POWERCUT_TRY(PosixFile::open_temporary());
  return std::unique_ptr<SegmentStore>(new SegmentStore(std::move(file), nullptr));
}

Result<std::unique_ptr<SegmentStore>> SegmentStore::make_sidecar(const std::string& path) {
  auto file = POWERCUT_TRY(NewFile::make(path));
  return std::unique_ptr<SegmentStore>(new SegmentStore(nullptr, std::move(file)));
}

Result<std::shared_ptr<const Segment>> SegmentStore::add(SegmentBuilder& builder,
                                                         std::uint32_t sector_size) {
  const ByteOffset begin = align_up(end_, kSegmentAlignment);
  const SegmentDisk disk = POWERCUT_TRY(builder.write_to(file_, begin));
  end_ = begin + SegmentLayout::of(disk)->total_bytes;
  table_.push_back(disk);
  auto bytes = POWERCUT_TRY(MappedFile::map(file_, {begin, end_}));
  return Segment::open(std::move(bytes), disk, sector_size);
}

Status SegmentStore::add_copy(const Segment& segment) {
  SegmentDisk disk = segment.disk();
  disk.segment_offset = align_up(end_, kSegmentAlignment);
  POWERCUT_TRY_STATUS(file_.write_at(disk.segment_offset, segment.raw_bytes()));
  end_ = disk.segment_offset + segment.raw_bytes().size();
  table_.push_back(disk);
  return {};
}

Status SegmentStore::finish(IndexHeaderDisk header) {
  POWERCUT_CHECK(sidecar_ != nullptr);
  const ConstBytes table = std::as_bytes(std::span(table_));
  header.magic = kIndexMagic;
  header.version = kIndexVersion;
  header.nr_segments = table_.size();
  header.table_offset = align_up(end_, 8);
  header.table_hash = log::payload_hash(table);
  header.header_hash = hash_of(header);
  POWERCUT_TRY_STATUS(file_.write_at(header.table_offset, table));
  POWERCUT_TRY_STATUS(file_.write_at(0, std::as_bytes(std::span(&header, 1))));
  return sidecar_->finish();
}

}  // namespace powercut::index
