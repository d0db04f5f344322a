// SPDX-License-Identifier: Apache-2.0
#include "explore/block_hashes.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "check/observed_device.h"

namespace powercut::explore {
namespace {

constexpr ByteCount kBlockBytes = check::kObservedBlockBytes;
// About 100 bytes each. When there are so many, all are forgotten: what is needed comes again.
constexpr std::size_t kMostKnown = 1'000'000;

// Behind it stand the pieces that lie on the block.
std::vector<std::uint64_t> beginning_of_key(std::uint64_t block,
                                            const state::DiscardPolicy& discard,
                                            std::uint64_t version) {
  return {block, static_cast<std::uint64_t>(discard.kind), discard.seed, version};
}

}  // namespace

Result<std::unique_ptr<BlockHashes>> BlockHashes::make(const state::Timeline& timeline,
                                                       EntryIndex first_base) {
  const index::LogIndex& index = timeline.index();
  BlockSet changing;
  const ByteCount end = align_up(timeline.device_size_bytes(), index.sector_size());
  POWERCUT_TRY_STATUS(index.changes(
      {0, end}, first_base, index.nr_entries(), [&](const index::Extent& extent) -> Status {
        changing.insert(extent.range.begin / kBlockBytes, (extent.range.end - 1) / kBlockBytes + 1);
        return {};
      }));
  return std::unique_ptr<BlockHashes>(new BlockHashes(timeline, first_base, std::move(changing)));
}

BlockHashes::BlockHashes(const state::Timeline& timeline, EntryIndex first_base, BlockSet changing)
    : timeline_(timeline),
      first_base_(first_base),
      nr_entries_(timeline.index().nr_entries()),
      changing_(std::move(changing)) {}

ByteRange BlockHashes::range_of(std::uint64_t block) const {
  return {block * kBlockBytes, std::min((block + 1) * kBlockBytes, timeline_.device_size_bytes())};
}

Result<std::uint64_t> BlockHashes::version(std::uint64_t block, EntryIndex base) {
  const auto number_of = [base](const Writers& writers) {
    return static_cast<std::uint64_t>(std::lower_bound(writers.begin(), writers.end(), base) -
                                      writers.begin());
  };
  if (!can_differ(block)) return 0;
  {
    const MutexLock lock(mutex_);
    const auto known = writers_.find(block);
    if (known != writers_.end()) return number_of(known->second);
  }
  const index::LogIndex& index = timeline_.index();
  const auto [begin, end] = range_of(block);
  Writers writers;
  POWERCUT_TRY_STATUS(index.writers({begin, align_up(end, index.sector_size())}, first_base_,
                                    nr_entries_, [&](EntryIndex entry, const auto&) -> Status {
                                      writers.push_back(entry);
                                      return {};
                                    }));
  const std::uint64_t number = number_of(writers);
  const MutexLock lock(mutex_);
  writers_.emplace(block, std::move(writers));
  return number;
}

Result<Hash128> BlockHashes::key_of(const state::CrashState& state, const state::CrashView& view,
                                    std::uint64_t block) {
  const ByteRange range = range_of(block);
  std::vector<std::uint64_t> key =
      beginning_of_key(block, state.discard, POWERCUT_TRY(version(block, state.group->base)));
  const auto& pieces = view.pieces();
  auto piece = std::upper_bound(
      pieces.begin(), pieces.end(), range.begin,
      [](ByteOffset at, const state::CrashPiece& candidate) { return at < candidate.range.end; });
  for (; piece != pieces.end() && piece->range.begin < range.end; ++piece) {
    key.insert(key.end(), {std::max(piece->range.begin, range.begin),
                           std::min(piece->range.end, range.end), piece->entry});
  }
  return hash128(std::as_bytes(std::span(key)));
}

Result<Hash128> BlockHashes::hash(const state::CrashState& state, state::CrashView& view,
                                  std::uint64_t block) {
  POWERCUT_CHECK(is_for(state));
  return hash_known_as(POWERCUT_TRY(key_of(state, view, block)), view, block);
}

bool BlockHashes::is_in_device(std::uint64_t block) const {
  return block < (timeline_.device_size_bytes() + kBlockBytes - 1) / kBlockBytes;
}

Result<Hash128> BlockHashes::first_hash(const state::DiscardPolicy& discard, std::uint64_t block) {
  const std::vector<std::uint64_t> key = beginning_of_key(block, discard, 0);
  const auto view = timeline_.view(first_base_, discard);
  return hash_known_as(hash128(std::as_bytes(std::span(key))), *view, block);
}

Result<Hash128> BlockHashes::hash_known_as(const Hash128& key, BlockDevice& device,
                                           std::uint64_t block) {
  {
    const MutexLock lock(mutex_);
    const auto known = known_.find(key);
    if (known != known_.end()) return known->second;
  }
  const ByteRange range = range_of(block);
  std::array<std::byte, kBlockBytes> buffer;
  const MutableBytes content = MutableBytes(buffer).first(range.size());
  POWERCUT_TRY_STATUS(device.read(range.begin, content));
  const Hash128 hash = hash128(content);
  const MutexLock lock(mutex_);
  if (known_.size() >= kMostKnown) known_.clear();
  known_.emplace(key, hash);
  return hash;
}

}  // namespace powercut::explore
