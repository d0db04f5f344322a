// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/mutex.h"
#include "block/device.h"

namespace powercut {

// A device in memory, all zero at first.
class MemoryDevice final : public BlockDevice {
 public:
  explicit MemoryDevice(ByteCount size_bytes, std::uint32_t alignment = 1,
                        std::string name = "memory");

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] ByteCount size_bytes() const override { return size_bytes_; }
  [[nodiscard]] std::uint32_t alignment() const override { return alignment_; }
  [[nodiscard]] bool discard_zeroes() const override { return true; }

  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override;
  [[nodiscard]] Status write(ByteOffset offset, ConstBytes bytes, Fua fua) override;
  [[nodiscard]] Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) override;
  [[nodiscard]] Status discard(ByteRange range, Fua fua) override {
    return write_zeroes(range, Unmap::kYes, fua);
  }
  [[nodiscard]] Status flush() override { return {}; }

  [[nodiscard]] std::vector<std::byte> content() const;

 private:
  const std::string name_;
  const ByteCount size_bytes_;
  const std::uint32_t alignment_;
  mutable Mutex mutex_;
  std::vector<std::byte> content_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut
