// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/mutex.h"
#include "block/device.h"

struct nbd_handle;  // libnbd's

namespace powercut {

struct NbdOptions {
  // Refuse a server that only offers reading.
  bool writable = true;
  // How many connections to make where the server says that a flush on one of them covers the
  // writes completed on all (multi-conn). With any other server it is one.
  unsigned max_connections = 8;
};

// The export of an NBD server as a BlockDevice, so that whatever a server can open (a qcow2 image
// by way of qemu-nbd, say) can be recorded. As many requests run at once as there are connections.
//
// FUA, write zeroes and flush are the server's own where it has them. Without FUA a flush follows
// the write; without write zeroes, zeroes are written; a server without flush has, by the protocol,
// nothing to flush. A discard is sent as write zeroes that may deallocate, since a trim promises no
// content.
//
// When a connection is lost, every later request fails (ENOTCONN): those that were in flight on it
// may take effect at any time, and a connection made anew could not order anything behind them.
class NbdDevice final : public BlockDevice {
 public:
  // `uri` is what the NBD URI specification allows: nbd://host/export,
  // nbd+unix:///export?socket=PATH ...
  [[nodiscard]] static Result<std::unique_ptr<NbdDevice>> open(const std::string& uri,
                                                               const NbdOptions& options = {});
  // Whether the text is an NBD URI, not a path.
  [[nodiscard]] static bool is_uri(std::string_view text);
  ~NbdDevice() override;

  [[nodiscard]] const std::string& name() const override { return uri_; }
  [[nodiscard]] ByteCount size_bytes() const override { return size_bytes_; }
  // The server's minimum block size.
  [[nodiscard]] std::uint32_t alignment() const override { return alignment_; }
  [[nodiscard]] bool discard_zeroes() const override { return true; }

  [[nodiscard]] Status read(ByteOffset offset, MutableBytes buffer) override;
  [[nodiscard]] Status write(ByteOffset offset, ConstBytes bytes, Fua fua) override;
  [[nodiscard]] Status write_zeroes(ByteRange range, Unmap unmap, Fua fua) override;
  [[nodiscard]] Status discard(ByteRange range, Fua fua) override {
    return write_zeroes(range, Unmap::kYes, fua);
  }
  [[nodiscard]] Status flush() override;
  // By block status (base:allocation) where the server has it.
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(ByteOffset offset) override;

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  [[nodiscard]] bool native_fua() const { return can_fua_; }
  [[nodiscard]] bool native_zero() const { return can_zero_; }

 private:
  struct Connection;
  class Lease;

  NbdDevice(std::string uri, std::unique_ptr<Connection> first);
  [[nodiscard]] Status learn(nbd_handle* handle, const NbdOptions& options);
  void connect_more(unsigned wanted);

  [[nodiscard]] Result<nbd_handle*> take();
  void give_back(nbd_handle* handle);
  // Runs one libnbd call, which gives -1 on error, on a connection of its own.
  template <typename Call>
  [[nodiscard]] Status run(const char* what, ByteOffset offset, ByteCount length, Call call);
  [[nodiscard]] Status zero_by_writing(ByteRange range, Fua fua);
  [[nodiscard]] Status flush_if(bool wanted) { return wanted ? flush() : Status{}; }

  const std::string uri_;
  ByteCount size_bytes_ = 0;
  std::uint32_t alignment_ = 1;
  ByteCount max_request_ = 0;
  bool can_flush_ = false;
  bool can_fua_ = false;
  bool can_zero_ = false;
  bool can_block_status_ = false;
  // All of them, alive until the device goes; none is added after open().
  std::vector<std::unique_ptr<Connection>> connections_;

  Mutex mutex_;
  CondVar given_back_;
  std::vector<nbd_handle*> idle_ POWERCUT_GUARDED_BY(mutex_);
  bool lost_ POWERCUT_GUARDED_BY(mutex_) = false;
};

}  // namespace powercut
