// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/mutex.h"
#include "base/prng.h"
#include "io/file.h"

namespace powercut::test {

// A file in memory on a storage with a volatile cache: of what was not synced a power cut leaves
// any subset, unit by unit, in any order. A sync covers what had been written when it began, and
// not what comes while it runs. One that fails forgets what it should have written, as Linux does:
// reads still see it, but no later sync makes it durable. Thread-safe.
class VolatileFile final : public File {
 public:
  static constexpr std::size_t kUnit = 512;

  explicit VolatileFile(std::string name = "volatile") : name_(std::move(name)) {}

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
  // One of the contents that a power cut now could leave. Every unit is whole.
  [[nodiscard]] std::vector<std::byte> after_power_cut(Prng& prng) const;
  // The n-th sync from now (0: the next one) fails.
  void fail_sync(std::uint64_t n);

 private:
  // A unit that was written, or the whole file cut to a size.
  struct Change {
    std::uint64_t number = 0;
    bool is_truncation = false;
    ByteOffset offset = 0;         // of a truncation: the new size
    std::vector<std::byte> bytes;  // at most a unit, within one
    bool is_lost = false;          // a failed sync has forgotten it
  };

  void write_locked(ByteOffset offset, ConstBytes bytes) POWERCUT_REQUIRES(mutex_);
  static void apply(const Change& change, std::vector<std::byte>& content);

  const std::string name_;
  mutable Mutex mutex_;
  std::vector<std::byte> content_ POWERCUT_GUARDED_BY(mutex_);
  std::vector<std::byte> durable_ POWERCUT_GUARDED_BY(mutex_);
  std::vector<Change> changes_ POWERCUT_GUARDED_BY(mutex_);  // since durable_, in order
  std::uint64_t next_number_ POWERCUT_GUARDED_BY(mutex_) = 0;
  std::optional<std::uint64_t> sync_to_fail_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::test
