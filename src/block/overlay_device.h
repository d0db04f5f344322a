// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/mutex.h"
#include "block/block_set.h"
#include "block/device.h"
#include "io/posix_file.h"

namespace powercut {

// Copy on write: reads come from a base device that is never written; writes stay in a nameless
// sparse temporary file. Memory is at most one bit for each 4 KiB block, in those parts of the
// device that have been written to (BlockSet). Takes requests of any alignment.
//
// Whoever owns the base must not change it while an overlay stands on it; reset() empties the
// overlay, after which the base may be exchanged. Thread-safe, but for reset(), which wants no
// request in flight.
class OverlayDevice final : public BlockDevice {
 public:
  static constexpr ByteCount kBlockSize = 4096;

  [[nodiscard]] static Result<std::unique_ptr<OverlayDevice>> make(
      std::shared_ptr<BlockDevice> base);

  [[nodiscard]] const std::string& name() const override { return base_->name(); }
  [[nodiscard]] ByteCount size_bytes() const override { return base_->size_bytes(); }
  [[nodiscard]] bool discard_zeroes() const override { return true; }

  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override;
  [[nodiscard]] Status write(ByteOffset offset, ConstBytes bytes, Fua fua) override;
  [[nodiscard]] Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) override;
  [[nodiscard]] Status discard(ByteRange range, Fua fua) override {
    return write_zeroes(range, Unmap::kYes, fua);
  }
  // Nothing survives this process, so there is nothing to make durable.
  [[nodiscard]] Status flush() override { return {}; }

  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) override;

  // Forgets everything written.
  [[nodiscard]] Status reset();
  // How many bytes stand in the overlay, in whole blocks.
  [[nodiscard]] ByteCount overlaid_bytes() const;

 private:
  OverlayDevice(std::shared_ptr<BlockDevice> base, std::unique_ptr<File> file);

  // The end of the run of blocks from `offset` on that are all in the overlay or all not, at most
  // `end`.
  [[nodiscard]] ByteOffset run_end(ByteOffset offset, ByteOffset end) const
      POWERCUT_REQUIRES(mutex_);
  // Fills the parts of the first and last block that a write leaves untouched.
  [[nodiscard]] Status claim(ByteRange range) POWERCUT_REQUIRES(mutex_);
  void mark_overlaid(ByteRange range) POWERCUT_REQUIRES(mutex_);
  [[nodiscard]] Status copy_up(std::uint64_t block) POWERCUT_REQUIRES(mutex_);

  const std::shared_ptr<BlockDevice> base_;
  const std::unique_ptr<File> file_;
  // One lock: overlays serve one checker each, whose requests are few and short.
  mutable Mutex mutex_;
  BlockSet overlaid_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut
