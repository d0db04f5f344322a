// SPDX-License-Identifier: Apache-2.0
// libnbd, loaded when the first NBD URI is opened. Linked in the ordinary way it would bring a
// dozen libraries (TLS, XML) with it, which take 8 ms at each start of every program, most of which
// never see a URI.
#pragma once

#include <libnbd.h>

#include "base/result.h"

namespace powercut {

// The functions that powercut calls, by their names without nbd_.
#define POWERCUT_NBD_FUNCTIONS(FUNCTION) \
  FUNCTION(create)                       \
  FUNCTION(close)                        \
  FUNCTION(get_error)                    \
  FUNCTION(get_errno)                    \
  FUNCTION(add_meta_context)             \
  FUNCTION(aio_connect_uri)              \
  FUNCTION(aio_is_connecting)            \
  FUNCTION(aio_is_ready)                 \
  FUNCTION(aio_disconnect)               \
  FUNCTION(poll)                         \
  FUNCTION(get_size)                     \
  FUNCTION(get_block_size)               \
  FUNCTION(is_read_only)                 \
  FUNCTION(can_multi_conn)               \
  FUNCTION(can_flush)                    \
  FUNCTION(can_fua)                      \
  FUNCTION(can_zero)                     \
  FUNCTION(can_meta_context)             \
  FUNCTION(pread)                        \
  FUNCTION(pwrite)                       \
  FUNCTION(zero)                         \
  FUNCTION(flush)                        \
  FUNCTION(block_status)

struct NbdLibrary {
// NOLINTNEXTLINE(bugprone-macro-parentheses): it is the name of a member
#define POWERCUT_NBD_MEMBER(name) decltype(&nbd_##name) name = nullptr;
  POWERCUT_NBD_FUNCTIONS(POWERCUT_NBD_MEMBER)
#undef POWERCUT_NBD_MEMBER
};

// Loads it at the first call; kEnvironment if it is not there. Any thread may call this. What is
// loaded stays until the process ends.
[[nodiscard]] Result<const NbdLibrary*> nbd_library();

}  // namespace powercut
