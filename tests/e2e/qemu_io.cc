// SPDX-License-Identifier: Apache-2.0
#include "e2e/qemu_io.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "io/posix_file.h"
#include "log/reader.h"
#include "support/temporary_directory.h"

namespace powercut::test {

std::string BlkLogWrites::open_command() const {
  const auto node = [](const std::string& child, const std::string& options,
                       const std::string& path) {
    return options.empty()
               ? fmt::format("{0}.driver=file,{0}.filename={1},{0}.discard=unmap", child, path)
               : options;
  };
  std::string text = fmt::format("open -t writeback -d unmap -o driver=blklogwrites,{},{}",
                                 node("file", file_node, file), node("log", log_node, log));
  if (log_append) text += ",log-append=on";
  if (log_sector_size) text += fmt::format(",log-sector-size={}", *log_sector_size);
  if (log_super_update_interval)
    text += fmt::format(",log-super-update-interval={}", *log_super_update_interval);
  return text;
}

SubprocessResult qemu_io(const std::vector<std::string>& lines) {
  const TemporaryDirectory directory;
  const std::string script = directory / "script";
  std::ofstream(script) << fmt::format("{}\n", fmt::join(lines, "\n"));
  SubprocessOptions options;
  options.argv = {"sh", "-c", "exec qemu-io <\"$0\"", script};
  options.output = options.error_output = SubprocessOptions::Output::kCapture;
  const auto result = run_subprocess(options, std::chrono::minutes(2));
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {.exit_status = -1};
  }
  return *result;
}

std::string qemu_io_or_fail(const std::vector<std::string>& lines) {
  const SubprocessResult result = qemu_io(lines);
  EXPECT_TRUE(result.succeeded()) << "qemu-io " << result.describe() << '\n'
                                  << result.output << result.error_output;
  return result.output + result.error_output;
}

std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void write_file(const std::string& path, const std::vector<std::byte>& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  file.write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
  file.close();
  EXPECT_TRUE(file) << path;
}

std::vector<std::string> entries_of(const std::string& path) {
  const auto file = PosixFile::open(path, {});
  if (!file) return {file.error().message};
  auto reader = log::Reader::open(**file);
  if (!reader) return {"not a log"};
  std::vector<std::string> result;
  while (const auto entry = reader->next()) {
    std::string text;
    if (entry->is_mark()) {
      text = "mark " + entry->mark;
    } else if (entry->is_flush()) {
      text = "flush";
    } else {
      text = fmt::format("{} {}+{}", entry->is_discard() ? "discard" : "write", entry->sector,
                         entry->nr_sectors);
    }
    result.push_back(text + (entry->is_fua() ? " fua" : ""));
  }
  using Kind = log::Ending::Kind;
  if (reader->ending().kind == Kind::kTorn) result.emplace_back("torn");
  if (reader->ending().kind == Kind::kCorrupt) result.emplace_back("corrupt");
  if (reader->ending().kind == Kind::kIoError) result.emplace_back("I/O error");
  return result;
}

}  // namespace powercut::test
