// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "block/device.h"
#include "log/reader.h"

namespace powercut::test {

// A device's content as a log proceeds: it stands behind a number of entries, and moves on to
// greater ones. Takes space for what has been written, in a nameless temporary file. For one
// thread; device() may be read from several while it does not move.
class PrefixImage {
 public:
  // `log` outlives the image. `base` is the initial content, and is not written; null is all zero.
  [[nodiscard]] static Result<PrefixImage> make(const File& log, ByteCount size_bytes,
                                                std::shared_ptr<BlockDevice> base);

  // To `entries`, at least entries() and at most as many as the log has (kBadInput if it ends
  // before).
  [[nodiscard]] Status advance_to(EntryIndex entries);

  [[nodiscard]] const std::shared_ptr<BlockDevice>& device() const { return device_; }

 private:
  PrefixImage(log::Reader reader, std::shared_ptr<BlockDevice> device)
      : reader_(std::move(reader)), device_(std::move(device)) {}

  log::Reader reader_;
  std::shared_ptr<BlockDevice> device_;
};

}  // namespace powercut::test
