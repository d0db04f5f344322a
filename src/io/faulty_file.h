// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>

#include "io/file.h"

namespace powercut {

// Passes everything on to another file, but for the calls that a plan makes fail.
// Thread-safe if the plan is.
class FaultyFile final : public File {
 public:
  enum class Operation { kRead, kWrite, kZeroes, kSync, kTruncate };
  struct Fault {
    int os_errno = EIO;
    // Of a write: how many bytes of it reach the file before it fails (a torn write).
    ByteCount bytes_done = 0;
  };
  // Called for each operation with its number (from 0, over all kinds); gives the fault, if any.
  using Plan = std::function<std::optional<Fault>(Operation, std::uint64_t number)>;

  FaultyFile(std::unique_ptr<File> inner, Plan plan)
      : inner_(std::move(inner)), plan_(std::move(plan)) {}

  [[nodiscard]] const std::string& name() const override { return inner_->name(); }
  [[nodiscard]] Result<ByteCount> size() const override { return inner_->size(); }
  [[nodiscard]] Result<std::size_t> read_at(ByteOffset offset, MutableBytes buffer) const override;
  using File::write_at;
  [[nodiscard]] Status write_at(ByteOffset offset, std::span<const ConstBytes> pieces) override;
  [[nodiscard]] Status write_zeroes(ByteRange range) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Status truncate(ByteCount size) override;
  void preallocate(ByteRange range) override { inner_->preallocate(range); }
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) const override {
    return inner_->next_data(offset);
  }

  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  [[nodiscard]] File& inner() { return *inner_; }

 private:
  [[nodiscard]] std::optional<Fault> next_fault(Operation operation) const {
    return plan_(operation, operations_.fetch_add(1));
  }

  const std::unique_ptr<File> inner_;
  const Plan plan_;
  mutable std::atomic<std::uint64_t> operations_ = 0;
};

}  // namespace powercut
