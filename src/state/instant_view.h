// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "index/log_index.h"
#include "state/crash_model.h"
#include "state/log_view.h"

namespace powercut::state {

// The device as it was behind the first N entries of a log: initial content, log and index put
// together when something is read. Making one costs the same for every N and every log. No lock is held
// while reading; the log may grow meanwhile.
class InstantView final : public LogView {
 public:
  // `entries` is at most index->nr_entries(). `base` is the initial content: null is all zero, and
  // behind the end of one that is shorter than the device there are zeroes. With a policy other than
  // zeroes, reading what was discarded costs a look-up for each discard there.
  InstantView(std::shared_ptr<const index::LogIndex> index, EntryIndex entries,
              ByteCount size_bytes, std::shared_ptr<BlockDevice> base, DiscardPolicy discard = {});

  [[nodiscard]] EntryIndex entries() const { return entries_; }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] ByteCount size_bytes() const override { return size_bytes_; }
  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override;
  // Holes are what was never written over a hole of the initial content, zeroes and discards.
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) override;
  // As the index, but what was discarded is as the policy has it: with stale no extent comes from a
  // discard, with random those that do are noise.
  [[nodiscard]] Status look_up(ByteRange range, const Sink& sink) const override {
    return look_up(range, entries_, sink);
  }

 private:
  class Gather;
  [[nodiscard]] Status look_up(ByteRange range, EntryIndex limit, const Sink& sink) const;
  [[nodiscard]] Status read_initial(ByteOffset offset, MutableBytes buffer) const;
  // The first data in `extent`; nothing if it is a hole.
  [[nodiscard]] Result<std::optional<ByteRange>> data_in(const index::Extent& extent,
                                                         bool is_noise) const;

  const std::shared_ptr<const index::LogIndex> index_;
  const EntryIndex entries_;
  const ByteCount size_bytes_;
  const std::shared_ptr<BlockDevice> base_;
  const ByteCount base_size_bytes_;
  const DiscardPolicy discard_;
  const std::string name_;
};

}  // namespace powercut::state
