// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <fmt/format.h>

#include <cstring>

namespace powercut {

Unexpected usage_error(std::string message) {
  return Unexpected(Error{ErrorKind::kUsage, EINVAL, std::move(message)});
}

Unexpected bad_input(std::string message) {
  return Unexpected(Error{ErrorKind::kBadInput, EINVAL, std::move(message)});
}

Unexpected environment_error(std::string message, int os_errno) {
  return Unexpected(Error{ErrorKind::kEnvironment, os_errno, std::move(message)});
}

std::string describe_errno(int os_errno) {
  // Thread-safe, as strerror is not; but it does not know every number.
  const char* description = strerrordesc_np(os_errno);
  return description != nullptr ? description : fmt::format("unknown error {}", os_errno);
}

Unexpected os_error(std::string_view what, int os_errno) {
  return environment_error(fmt::format("{}: {}", what, describe_errno(os_errno)), os_errno);
}

Unexpected os_error(std::string_view what) {
  return os_error(what, errno);
}

Unexpected with_context(Error error, std::string_view context) {
  error.message = fmt::format("{}: {}", context, error.message);
  return Unexpected(std::move(error));
}

}  // namespace powercut
