// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error. Used across every layer instead of exceptions.
#pragma once

#include <tl/expected.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

namespace powercut {

// What sort of failure it is; apps/ turns it into the exit status (docs: "Exit status").
enum class ErrorKind {
  kFinding,      // 1: the check or comparison failed
  kUsage,        // 2: the command line is wrong
  kBadInput,     // 3: not a log, damaged, of the wrong size
  kEnvironment,  // 4: I/O error, no FUSE, no permission
};

// An error carries what happened, where (file, entry, byte offset) and what to do next, in
// `message`; `os_errno` is the errno to hand to a client that can take only a number (0: none,
// treat as EIO).
struct Error {
  ErrorKind kind = ErrorKind::kEnvironment;
  int os_errno = 0;
  std::string message;

  // The errno a block-device client gets for this error.
  [[nodiscard]] int client_errno() const { return os_errno != 0 ? os_errno : EIO; }
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

using Unexpected = tl::unexpected<Error>;

[[nodiscard]] Unexpected usage_error(std::string message);
[[nodiscard]] Unexpected bad_input(std::string message);
[[nodiscard]] Unexpected environment_error(std::string message, int os_errno = 0);
// What strerror says; from any thread, and of any number.
[[nodiscard]] std::string describe_errno(int os_errno);
// "`what`: <describe_errno(os_errno)>"
[[nodiscard]] Unexpected os_error(std::string_view what, int os_errno);
// As os_error, with the current errno.
[[nodiscard]] Unexpected os_error(std::string_view what);

// Puts `context` and ": " before the message: for an outer layer that knows where.
[[nodiscard]] Unexpected with_context(Error error, std::string_view context);

}  // namespace powercut

// POWERCUT_TRY(expr): the value of a Result, or return its error from the enclosing function.
// A statement expression, which g++ and clang both have; it keeps the happy path readable.
#define POWERCUT_TRY(expr)                                                                     \
  __extension__({                                                                              \
    auto&& powercut_try_result = (expr);                                                       \
    if (!powercut_try_result) return ::tl::unexpected(std::move(powercut_try_result).error()); \
    *std::move(powercut_try_result);                                                           \
  })

// The same for a Status, as a statement.
#define POWERCUT_TRY_STATUS(expr)                                      \
  do {                                                                 \
    if (auto powercut_try_status = (expr); !powercut_try_status)       \
      return ::tl::unexpected(std::move(powercut_try_status).error()); \
  } while (false)
