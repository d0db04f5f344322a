// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/mutex.h"
#include "io/file.h"

namespace powercut {

// A file in memory. Remembers which content was last synced, so that a test can ask what a power
// cut of the host would have left. Thread-safe.
class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::string name = "memory", std::vector<std::byte> content = {});

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Result<ByteCount> size() const override;
  [[nodiscard]] Result<std::size_t> read_at(ByteOffset offset, MutableBytes buffer) const override;
  using File::write_at;
  [[nodiscard]] Status write_at(ByteOffset offset, std::span<const ConstBytes> pieces) override;
  [[nodiscard]] Status write_zeroes(ByteRange range) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Status truncate(ByteCount size) override;
  void preallocate(ByteRange) override {}
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) const override;

  [[nodiscard]] std::vector<std::byte> content() const;
  // As of the last sync().
  [[nodiscard]] std::vector<std::byte> synced_content() const;

 private:
  const std::string name_;
  mutable Mutex mutex_;
  std::vector<std::byte> content_ POWERCUT_GUARDED_BY(mutex_);
  std::vector<std::byte> synced_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut
