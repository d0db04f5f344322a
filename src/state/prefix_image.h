// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "block/device.h"
#include "log/reader.h"

namespace powercut::state {

// Carries out on `device` what the entry did: its payload or zeroes (also for a discard) at its
// place; nothing for flushes and marks. Read-only use of the reader.
[[nodiscard]] Status apply_entry(const log::Reader& reader, const log::Entry& entry,
                                 BlockDevice& device);

// A device's content as a log proceeds: it stands behind a number of entries, and moves on to
// greater ones. Takes space for what has been written, in a nameless temporary file. For one
// thread; device() may be read from several while it does not move.
class PrefixImage {
 public:
  // `log` outlives the image. `base` is the initial content, and is not written; null is all zero.
  [[nodiscard]] static Result<PrefixImage> make(const File& log, ByteCount size_bytes,
                                                std::shared_ptr<BlockDevice> base);

  // Called for each entry on the way.
  using Observer = std::function<void(const log::Entry& entry)>;
  // To `entries`, at least entries() and at most as many as the log has (kBadInput if it ends
  // before).
  [[nodiscard]] Status advance_to(EntryIndex entries, const Observer& observer);

  [[nodiscard]] EntryIndex entries() const { return reader_.position(); }
  [[nodiscard]] const std::shared_ptr<BlockDevice>& device() const { return device_; }

 private:
  PrefixImage(log::Reader reader, std::shared_ptr<BlockDevice> device)
      : reader_(std::move(reader)), device_(std::move(device)) {}

  log::Reader reader_;
  std::shared_ptr<BlockDevice> device_;
};

}  // namespace powercut::state
