// SPDX-License-Identifier: Apache-2.0
#include "block/nbd_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "block/nbd_library.h"

namespace powercut {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kConnectTimeout{10'000};
// A server may advertise multi-conn and yet take no more clients for now (qemu-nbd --shared): it
// then leaves us waiting, and what we have must do.
constexpr milliseconds kConnectMoreTimeout{1'000};
// What a server that names no maximum has to accept, by the protocol.
constexpr ByteCount kDefaultMaxRequest = 32 * kMiB;
// Requests without payload have 32-bit lengths.
constexpr ByteCount kMaxZeroRequest = 1 * kGiB;
constexpr ByteCount kZeroBufferSize = 1 * kMiB;
constexpr const char* kAllocationContext = "base:allocation";
constexpr std::uint32_t kStateZero = 2;  // NBD_STATE_ZERO of base:allocation

// There is no device before open() has loaded it.
const NbdLibrary& nbd() {
  return **nbd_library();
}

Unexpected nbd_error(const std::string& what) {
  const char* message = nbd().get_error();
  const int os_errno = nbd().get_errno();
  return environment_error(
      fmt::format("{}: {}", what, message != nullptr ? message : "unknown error"),
      os_errno != 0 ? os_errno : EIO);
}

}  // namespace

struct NbdDevice::Connection {
  explicit Connection(nbd_handle* connecting) : handle(connecting) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    // Says good-bye without waiting for an answer that a stuck server would owe us for ever.
    if (nbd().aio_is_ready(handle) == 1) nbd().aio_disconnect(handle, 0);
    nbd().close(handle);
  }

  static Result<std::unique_ptr<Connection>> make(const std::string& uri, milliseconds timeout) {
    nbd_handle* handle = nbd().create();
    if (handle == nullptr) return nbd_error(fmt::format("'{}'", uri));
    auto connection = std::make_unique<Connection>(handle);
    const auto deadline = steady_clock::now() + timeout;
    if (nbd().add_meta_context(handle, kAllocationContext) == -1 ||
        nbd().aio_connect_uri(handle, uri.c_str()) == -1) {
      return nbd_error(fmt::format("'{}': cannot connect", uri));
    }
    while (nbd().aio_is_connecting(handle) == 1) {
      const auto left =
          std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()).count();
      if (left <= 0) {
        return environment_error(
            fmt::format(
                "'{}': the server did not answer; has it another client, and takes only one?", uri),
            ETIMEDOUT);
      }
      if (nbd().poll(handle, static_cast<int>(left)) == -1)
        return nbd_error(fmt::format("'{}': cannot connect", uri));
    }
    if (nbd().aio_is_ready(handle) != 1) return nbd_error(fmt::format("'{}': cannot connect", uri));
    return connection;
  }

  nbd_handle* const handle;
};

bool NbdDevice::is_uri(std::string_view text) {
  const auto scheme_end = text.find(':');
  if (scheme_end == std::string_view::npos) return false;
  const std::string_view scheme = text.substr(0, scheme_end);
  constexpr std::string_view kSchemes[] = {"nbd",       "nbds",      "nbd+unix",
                                           "nbds+unix", "nbd+vsock", "nbds+vsock"};
  return std::find(std::begin(kSchemes), std::end(kSchemes), scheme) != std::end(kSchemes);
}

NbdDevice::NbdDevice(std::string uri, std::unique_ptr<Connection> first) : uri_(std::move(uri)) {
  const MutexLock lock(mutex_);
  idle_.push_back(first->handle);
  connections_.push_back(std::move(first));
}

NbdDevice::~NbdDevice() = default;

Result<std::unique_ptr<NbdDevice>> NbdDevice::open(const std::string& uri,
                                                   const NbdOptions& options) {
  if (const auto library = nbd_library(); !library)
    return with_context(library.error(), fmt::format("'{}'", uri));
  auto first = POWERCUT_TRY(Connection::make(uri, kConnectTimeout));
  nbd_handle* handle = first->handle;
  std::unique_ptr<NbdDevice> device(new NbdDevice(uri, std::move(first)));
  POWERCUT_TRY_STATUS(device->learn(handle, options));
  if (nbd().can_multi_conn(handle) == 1) device->connect_more(options.max_connections);
  return device;
}

Status NbdDevice::learn(nbd_handle* handle, const NbdOptions& options) {
  const std::int64_t size = nbd().get_size(handle);
  if (size == -1) return nbd_error(fmt::format("'{}': size of the export", uri_));
  size_bytes_ = static_cast<ByteCount>(size);
  if (options.writable && nbd().is_read_only(handle) != 0) {
    return environment_error(
        fmt::format("'{}': the server offers this export for reading only", uri_), EROFS);
  }
  const std::int64_t minimum = nbd().get_block_size(handle, LIBNBD_SIZE_MINIMUM);
  const std::int64_t maximum = nbd().get_block_size(handle, LIBNBD_SIZE_MAXIMUM);
  if (minimum > 0) alignment_ = static_cast<std::uint32_t>(minimum);
  if (!is_power_of_two(alignment_) || alignment_ > kDefaultMaxRequest) {
    return environment_error(
        fmt::format("'{}': the server's minimum block size of {} bytes makes no sense", uri_,
                    alignment_),
        EPROTO);
  }
  max_request_ =
      align_down(maximum > 0 ? std::min(static_cast<ByteCount>(maximum), kDefaultMaxRequest)
                             : kDefaultMaxRequest,
                 alignment_);
  if (max_request_ == 0) {
    return environment_error(
        fmt::format("'{}': the server's maximum block size of {} bytes is below its minimum", uri_,
                    maximum),
        EPROTO);
  }
  can_flush_ = nbd().can_flush(handle) == 1;
  can_fua_ = nbd().can_fua(handle) == 1;
  can_zero_ = nbd().can_zero(handle) == 1;
  can_block_status_ = nbd().can_meta_context(handle, kAllocationContext) == 1;
  return {};
}

void NbdDevice::connect_more(unsigned wanted) {
  while (connections_.size() < wanted) {
    auto connection = Connection::make(uri_, kConnectMoreTimeout);
    if (!connection) return;
    const MutexLock lock(mutex_);
    idle_.push_back((*connection)->handle);
    connections_.push_back(std::move(*connection));
  }
}

Result<nbd_handle*> NbdDevice::take() {
  MutexLock lock(mutex_);
  while (idle_.empty() && !lost_) given_back_.wait(lock);
  if (lost_) {
    return environment_error(fmt::format("'{}': the connection to the server was lost", uri_),
                             ENOTCONN);
  }
  nbd_handle* handle = idle_.back();
  idle_.pop_back();
  return handle;
}

void NbdDevice::give_back(nbd_handle* handle) {
  const bool is_alive = nbd().aio_is_ready(handle) == 1;
  const MutexLock lock(mutex_);
  idle_.push_back(handle);
  if (is_alive) {
    given_back_.notify_one();
  } else {
    lost_ = true;
    given_back_.notify_all();
  }
}

template <typename Call>
Status NbdDevice::run(const char* what, ByteOffset offset, ByteCount length, Call call) {
  nbd_handle* handle = POWERCUT_TRY(take());
  Status status;
  // The error is the thread's last one, and the next libnbd call takes its place.
  if (call(handle) == -1)
    status = nbd_error(fmt::format("'{}': {} of {} bytes at byte {}", uri_, what, length, offset));
  give_back(handle);
  return status;
}

Status NbdDevice::read(ByteOffset offset, MutableBytes buffer) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, buffer.size()));
  while (!buffer.empty()) {
    const MutableBytes part = buffer.first(std::min<std::size_t>(buffer.size(), max_request_));
    POWERCUT_TRY_STATUS(run("read", offset, part.size(), [&](nbd_handle* handle) {
      return nbd().pread(handle, part.data(), part.size(), offset, 0);
    }));
    buffer = buffer.subspan(part.size());
    offset += part.size();
  }
  return {};
}

Status NbdDevice::write(ByteOffset offset, ConstBytes bytes, Fua fua) {
  POWERCUT_TRY_STATUS(check_request(*this, offset, bytes.size()));
  const std::uint32_t flags = fua == Fua::kYes && can_fua_ ? LIBNBD_CMD_FLAG_FUA : 0;
  while (!bytes.empty()) {
    const ConstBytes part = bytes.first(std::min<std::size_t>(bytes.size(), max_request_));
    POWERCUT_TRY_STATUS(run("write", offset, part.size(), [&](nbd_handle* handle) {
      return nbd().pwrite(handle, part.data(), part.size(), offset, flags);
    }));
    bytes = bytes.subspan(part.size());
    offset += part.size();
  }
  return flush_if(fua == Fua::kYes && !can_fua_);
}

Status NbdDevice::write_zeroes(ByteRange range, Unmap unmap, Fua fua) {
  POWERCUT_TRY_STATUS(check_request(*this, range.begin, range.size()));
  if (!can_zero_) return zero_by_writing(range, fua);
  std::uint32_t flags = unmap == Unmap::kNo ? LIBNBD_CMD_FLAG_NO_HOLE : 0;
  if (fua == Fua::kYes && can_fua_) flags |= LIBNBD_CMD_FLAG_FUA;
  while (range.size() > 0) {
    const ByteCount length = std::min(range.size(), kMaxZeroRequest);
    POWERCUT_TRY_STATUS(run("write zeroes", range.begin, length, [&](nbd_handle* handle) {
      return nbd().zero(handle, length, range.begin, flags);
    }));
    range.begin += length;
  }
  return flush_if(fua == Fua::kYes && !can_fua_);
}

Status NbdDevice::zero_by_writing(ByteRange range, Fua fua) {
  const std::vector<std::byte> zeroes(
      std::min(range.size(), std::max<ByteCount>(kZeroBufferSize, alignment_)));
  while (range.size() > 0) {
    const ByteCount length = std::min<ByteCount>(range.size(), zeroes.size());
    POWERCUT_TRY_STATUS(
        write(range.begin, ConstBytes(zeroes).first(length), can_fua_ ? fua : Fua::kNo));
    range.begin += length;
  }
  return flush_if(fua == Fua::kYes && !can_fua_);
}

Status NbdDevice::flush() {
  if (!can_flush_) return {};
  return run("flush", 0, size_bytes_, [](nbd_handle* handle) { return nbd().flush(handle, 0); });
}

namespace {

// Extents as block status tells them: the first that may hold data, and how far the answer reached.
struct DataSearch {
  ByteOffset position;
  std::optional<ByteRange> data;
  bool is_complete = false;

  int extents(const char* context, std::uint64_t offset, const std::uint32_t* pairs,
              std::size_t count) {
    if (std::string_view(context) != kAllocationContext) return 0;
    position = offset;
    for (std::size_t i = 0; i + 1 < count; i += 2) {
      const ByteOffset end = position + pairs[i];
      const bool is_zero = (pairs[i + 1] & kStateZero) != 0;
      if (!is_zero && !is_complete) data = ByteRange{data ? data->begin : position, end};
      if (is_zero && data) is_complete = true;
      position = end;
    }
    return 0;
  }
};

}  // namespace

Result<std::optional<ByteRange>> NbdDevice::next_data(ByteOffset offset) {
  if (!can_block_status_) return BlockDevice::next_data(offset);
  // A server need not answer for a range that is not aligned.
  ByteOffset position = align_down(offset, alignment_);
  while (position < size_bytes_) {
    const ByteCount length = std::min(size_bytes_ - position, kMaxZeroRequest);
    DataSearch search{.position = position};
    POWERCUT_TRY_STATUS(run("block status", position, length, [&](nbd_handle* handle) {
      const nbd_extent_callback callback = {
          .callback =
              [](void* user, const char* context, std::uint64_t at, std::uint32_t* pairs,
                 std::size_t count, int*) {
                return static_cast<DataSearch*>(user)->extents(context, at, pairs, count);
              },
          .user_data = &search,
          .free = nullptr};
      return nbd().block_status(handle, length, position, callback, 0);
    }));
    if (search.position <= position) {
      return environment_error(
          fmt::format("'{}': the server tells nothing of the blocks at byte {}", uri_, position),
          EPROTO);
    }
    if (search.data && search.data->end > offset) {
      return ByteRange{std::max(search.data->begin, offset),
                       std::min(search.data->end, size_bytes_)};
    }
    position = search.position;
  }
  return std::nullopt;
}

}  // namespace powercut
