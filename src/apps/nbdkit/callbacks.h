// SPDX-License-Identifier: Apache-2.0
// What the callbacks of every nbdkit plugin of ours have in common. Only for plugin.cc files, which
// nbdkit loads: its functions are nbdkit's own.
#pragma once

#ifndef NBDKIT_API_VERSION
#define NBDKIT_API_VERSION 2
#endif
#include <nbdkit-plugin.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>

#include "block/device.h"

namespace powercut::apps {

// What nbdkit lets a plugin advertise as the minimum and preferred size of a request.
inline constexpr std::uint32_t kMaxMinimumBlock = 64 * kKiB;
inline constexpr std::uint32_t kPreferredBlock = 4 * kKiB;
inline constexpr std::uint32_t kMaxPreferredBlock = 32 * kMiB;
inline constexpr std::uint32_t kMaximumBlock = 32 * kMiB;

inline int report(const Error& error) {
  nbdkit_error("%s", error.message.c_str());
  nbdkit_set_error(error.client_errno());
  return -1;
}

// Runs a callback's body; neither an Error nor an exception gets past it.
template <typename Body>
int guarded(Body body) noexcept {
  try {
    const Status status = body();
    return status ? 0 : report(status.error());
  } catch (const std::bad_alloc&) {
    nbdkit_error("out of memory");
    nbdkit_set_error(ENOMEM);
  } catch (const std::exception& exception) {
    nbdkit_error("%s", exception.what());
    nbdkit_set_error(EIO);
  }
  return -1;
}

// nbdkit changes to the root directory when it goes into the background.
inline Result<std::string> absolute(const std::string& path) {
  char* absolute_path = nbdkit_absolute_path(path.c_str());
  if (absolute_path == nullptr) return environment_error(path);
  std::string result = absolute_path;
  std::free(absolute_path);  // NOLINT: it comes from malloc
  return result;
}

inline Fua fua_of(std::uint32_t flags) {
  return (flags & NBDKIT_FLAG_FUA) != 0 ? Fua::kYes : Fua::kNo;
}

inline Unmap unmap_of(std::uint32_t flags) {
  return (flags & NBDKIT_FLAG_MAY_TRIM) != 0 ? Unmap::kYes : Unmap::kNo;
}

inline MutableBytes as_bytes(void* buffer, std::uint32_t count) {
  return {static_cast<std::byte*>(buffer), count};
}

inline ConstBytes as_bytes(const void* buffer, std::uint32_t count) {
  return {static_cast<const std::byte*>(buffer), count};
}

// The block status of a range: what next_data() calls no data is a hole.
inline Status add_extents(BlockDevice& device, ByteRange range, std::uint32_t flags,
                          nbdkit_extents* result) {
  const auto add = [&](ByteOffset begin, ByteOffset end, std::uint32_t type) -> Status {
    if (begin < end && nbdkit_add_extent(result, begin, end - begin, type) == -1)
      return os_error("cannot add an extent");
    return {};
  };
  for (ByteOffset position = range.begin; position < range.end;) {
    const auto data = POWERCUT_TRY(device.next_data(position));
    const ByteOffset data_begin = data ? std::min(data->begin, range.end) : range.end;
    const ByteOffset data_end = data ? std::min(data->end, range.end) : range.end;
    POWERCUT_TRY_STATUS(add(position, data_begin, NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO));
    POWERCUT_TRY_STATUS(add(data_begin, data_end, 0));
    position = data_end;
    if ((flags & NBDKIT_FLAG_REQ_ONE) != 0) break;
  }
  return {};
}

// What a plugin keeps, from load to unload. nbdkit may fork in between, and the process that it
// leaves by that runs no code of ours: so this is a plain pointer, and what it points to is only
// destroyed where nbdkit says so. `State` has a member `given` for the parameters as they come.
template <typename State>
struct Kept {
  static inline State* state = nullptr;

  static void set_callbacks(nbdkit_plugin& plugin) {
    plugin.load = [] { state = new State; };
    plugin.unload = [] {
      delete state;
      state = nullptr;
    };
    plugin.config = [](const char* key, const char* value) {
      return guarded([&]() -> Status {
        state->given.emplace_back(key, value);
        return {};
      });
    };
  }
};

// The requests go to the device that belongs to a connection's handle.
template <BlockDevice& (*device_of)(void* handle)>
void set_request_callbacks(nbdkit_plugin& plugin) {
  plugin.can_fua = [](void*) { return NBDKIT_FUA_NATIVE; };
  plugin.pread = [](void* handle, void* buffer, uint32_t count, uint64_t offset, uint32_t) {
    return guarded([&] { return device_of(handle).read(offset, as_bytes(buffer, count)); });
  };
  plugin.pwrite = [](void* handle, const void* buffer, uint32_t count, uint64_t offset,
                     uint32_t flags) {
    return guarded(
        [&] { return device_of(handle).write(offset, as_bytes(buffer, count), fua_of(flags)); });
  };
  plugin.zero = [](void* handle, uint32_t count, uint64_t offset, uint32_t flags) {
    return guarded([&] {
      return device_of(handle).write_zeroes({offset, offset + count}, unmap_of(flags),
                                            fua_of(flags));
    });
  };
  plugin.trim = [](void* handle, uint32_t count, uint64_t offset, uint32_t flags) {
    return guarded([&] {
      return device_of(handle).discard({offset, offset + count}, fua_of(flags));
    });
  };
  plugin.flush = [](void* handle, uint32_t) {
    return guarded([&] { return device_of(handle).flush(); });
  };
  plugin.extents = [](void* handle, uint32_t count, uint64_t offset, uint32_t flags,
                      nbdkit_extents* result) {
    return guarded([&] {
      return add_extents(device_of(handle), {offset, offset + count}, flags, result);
    });
  };
}

}  // namespace powercut::apps
