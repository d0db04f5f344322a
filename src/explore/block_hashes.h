// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/mutex.h"
#include "block/block_set.h"
#include "state/timeline.h"

namespace powercut::explore {

// Hashes of what is in the blocks (check::kObservedBlockBytes) of crash states; the last block of a
// device may be shorter. Each content is read once as long as it is remembered: of a block it is known
// which entries wrote it, so states that have the same of them there need no look at it. Thread-safe.
class BlockHashes {
 public:
  // For states of groups whose base is at or behind `first_base`. The timeline outlives this, and
  // is not refreshed meanwhile. Takes a pass over the index.
  [[nodiscard]] static Result<std::unique_ptr<BlockHashes>> make(const state::Timeline& timeline,
                                                                 EntryIndex first_base);

  [[nodiscard]] bool is_for(const state::CrashState& state) const {
    return state.group->base >= first_base_;
  }
  // Whether an entry behind first_base writes the block; others are the same in all states.
  [[nodiscard]] bool can_differ(std::uint64_t block) const { return changing_.contains(block); }
  // `view` is the state's.
  [[nodiscard]] Result<Hash128> hash(const state::CrashState& state, state::CrashView& view,
                                     std::uint64_t block);
  // What is in the block at first_base. The block lies in the device.
  [[nodiscard]] Result<Hash128> first_hash(const state::DiscardPolicy& discard,
                                           std::uint64_t block);

  // Whether there is such a block.
  [[nodiscard]] bool is_in_device(std::uint64_t block) const;

 private:
  // Entries that write a block, rising.
  using Writers = std::vector<EntryIndex>;

  BlockHashes(const state::Timeline& timeline, EntryIndex first_base, BlockSet changing);
  // The block's part of the device.
  [[nodiscard]] ByteRange range_of(std::uint64_t block) const;
  [[nodiscard]] Result<std::uint64_t> version(std::uint64_t block, EntryIndex base)
      POWERCUT_EXCLUDES(mutex_);
  // `key` is another one for each content that the block can have.
  [[nodiscard]] Result<Hash128> hash_known_as(const Hash128& key, BlockDevice& device,
                                              std::uint64_t block) POWERCUT_EXCLUDES(mutex_);
  [[nodiscard]] Result<Hash128> key_of(const state::CrashState& state, const state::CrashView& view,
                                       std::uint64_t block) POWERCUT_EXCLUDES(mutex_);

  const state::Timeline& timeline_;
  const EntryIndex first_base_;
  const EntryIndex nr_entries_;
  const BlockSet changing_;

  Mutex mutex_;
  std::unordered_map<std::uint64_t, Writers> writers_ POWERCUT_GUARDED_BY(mutex_);
  std::unordered_map<Hash128, Hash128, HashOfHash128> known_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::explore
