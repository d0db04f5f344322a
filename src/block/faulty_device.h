// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>

#include "block/device.h"

namespace powercut {

// Passes requests on to another device, but for what a hook does to them first: it may delay them,
// block them until a test lets them go, or make them fail. Thread-safe if the hook is.
class FaultyDevice final : public BlockDevice {
 public:
  // Called before each request with its number (from 0, in order of submission). An error is
  // returned to the client and the request does not reach the device.
  using Hook = std::function<Status(Request::Kind, ByteRange, std::uint64_t number)>;

  FaultyDevice(std::shared_ptr<BlockDevice> inner, Hook before, Hook after = nullptr)
      : inner_(std::move(inner)), before_(std::move(before)), after_(std::move(after)) {}

  [[nodiscard]] const std::string& name() const override { return inner_->name(); }
  [[nodiscard]] ByteCount size_bytes() const override { return inner_->size_bytes(); }
  [[nodiscard]] std::uint32_t alignment() const override { return inner_->alignment(); }
  [[nodiscard]] bool discard_zeroes() const override { return inner_->discard_zeroes(); }

  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override;
  [[nodiscard]] Status write(ByteOffset offset, ConstBytes bytes, Fua fua) override;
  [[nodiscard]] Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) override;
  [[nodiscard]] Status discard(ByteRange range, Fua fua) override;
  [[nodiscard]] Status flush() override;
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) override {
    return inner_->next_data(offset);
  }

  [[nodiscard]] std::uint64_t requests() const { return requests_; }

 private:
  template <typename Body>
  [[nodiscard]] Status guarded(Request::Kind kind, ByteRange range, Body body);

  const std::shared_ptr<BlockDevice> inner_;
  const Hook before_;
  // Called when the device has carried the request out; an error takes the place of its success.
  const Hook after_;
  std::atomic<std::uint64_t> requests_ = 0;
};

}  // namespace powercut
