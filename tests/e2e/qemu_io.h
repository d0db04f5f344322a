// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/subprocess.h"

namespace powercut::test {

// How qemu-io opens a blklogwrites node on two files: an `open` command of its own language.
struct BlkLogWrites {
  std::string file;
  std::string log;
  bool log_append = false;
  std::optional<std::uint32_t> log_sector_size;
  std::optional<std::uint64_t> log_super_update_interval;
  // Options of the node `file` in the place of those for a plain file.
  std::string file_node;
  std::string log_node;  // likewise

  [[nodiscard]] std::string open_command() const;
};

// Feeds the lines to one qemu-io process, with its output and standard error captured.
SubprocessResult qemu_io(const std::vector<std::string>& lines);
// The same, and it must exit with success.
std::string qemu_io_or_fail(const std::vector<std::string>& lines);

std::vector<std::byte> read_file(const std::string& path);
void write_file(const std::string& path, const std::vector<std::byte>& content);

// Each entry as "write 8+2", "write 8+2 fua", "discard 0+8", "flush", "mark TEXT"; a log that does not end
// where its super block says ends with "torn" or "corrupt".
std::vector<std::string> entries_of(const std::string& log);

}  // namespace powercut::test
