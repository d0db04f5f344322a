// SPDX-License-Identifier: Apache-2.0
// What `powercut replay` writes to.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "apps/flags/arguments.h"
#include "block/device.h"
#include "io/posix_file.h"
#include "log/reader.h"

namespace powercut::apps {

template <typename... Args>
void note(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print(stderr, "powercut: note: {}\n", fmt::format(format, std::forward<Args>(args)...));
}

struct Destination {
  std::unique_ptr<BlockDevice> device;
  PosixFile* file = nullptr;  // the device's; null: it is an NBD export
  ByteCount size_bytes = 0;   // of the recorded device; what lies behind it is left alone
  std::string name;
  bool is_temporary = false;
  bool is_new = false;
  bool is_empty = false;  // nothing but zeroes
};

// Takes DEST, --size and --base from the arguments. `from` is what --from gives; 0 if it is not given.
// `size_hint` is the size of another device that should be like the recorded one. The file is locked
// for writing.
[[nodiscard]] Result<Destination> open_destination(const flags::Arguments& arguments,
                                                   const PosixFile& log, log::Reader& reader,
                                                   EntryIndex from, EntryIndex to,
                                                   std::optional<ByteCount> size_hint);

}  // namespace powercut::apps
