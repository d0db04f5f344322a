// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/mutex.h"
#include "block/block_set.h"
#include "block/device.h"
#include "io/posix_file.h"

namespace powercut {

// Copy on write: reads come from a base device that is never written; writes stay in a nameless
// sparse temporary file. In memory there is only which blocks of 4 KiB were written (block_set.h): at
// most 3 % of what was written, and never more than 1/17000 of the device. Making one costs the same
// for every device. Takes requests of any alignment.
//
// Whoever owns the base must not change it while an overlay stands on it; reset() empties the
// overlay, after which the base may be exchanged. Thread-safe, but for reset(), which wants no
// request in flight.
class OverlayDevice final : public BlockDevice {
 public:
  // A write's edges are filled up to this, with what the base holds.
  static constexpr ByteCount kBlockSize = 4096;

  // Makes its file at once, so that an unusable $TMPDIR is known before anything depends on it.
  [[nodiscard]] static Result<std::unique_ptr<OverlayDevice>> make(
      std::shared_ptr<BlockDevice> base);
  // Makes its file with the first write: for the many that are never written.
  [[nodiscard]] static std::unique_ptr<OverlayDevice> make_lazily(
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
  // How many bytes stand in the overlay, in whole blocks. Waits for nobody.
  [[nodiscard]] ByteCount overlaid_bytes() const { return overlaid_bytes_; }

 private:
  explicit OverlayDevice(std::shared_ptr<BlockDevice> base) : base_(std::move(base)) {}

  // The end of the run of blocks from `offset` on that are all in the overlay or all not, at most
  // `end`.
  [[nodiscard]] ByteOffset run_end(ByteOffset offset, ByteOffset end) const
      POWERCUT_REQUIRES_SHARED(mutex_);
  // There is a file behind this.
  [[nodiscard]] Status need_file() POWERCUT_REQUIRES(mutex_);
  // Fills the parts of the first and last block that a write leaves untouched.
  [[nodiscard]] Status claim(ByteRange range) POWERCUT_REQUIRES(mutex_);
  [[nodiscard]] Status copy_up(std::uint64_t block) POWERCUT_REQUIRES(mutex_);
  void mark(ByteRange range) POWERCUT_REQUIRES(mutex_);
  [[nodiscard]] Result<std::optional<ByteRange>> next_overlaid_data(ByteRange run) const
      POWERCUT_REQUIRES_SHARED(mutex_);

  const std::shared_ptr<BlockDevice> base_;
  // Reads go on side by side; a write is alone, since it may have to copy what another is changing.
  mutable SharedMutex mutex_;
  std::unique_ptr<File> file_ POWERCUT_GUARDED_BY(mutex_);  // null: nothing has been written
  BlockSet overlaid_ POWERCUT_GUARDED_BY(mutex_);
  std::atomic<ByteCount> overlaid_bytes_ = 0;  // of overlaid_, for those who do not want to wait
};

}  // namespace powercut
