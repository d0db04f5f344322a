// SPDX-License-Identifier: Apache-2.0
// How a log's parts are shown, to people and to machines: shared by the commands that do.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "io/posix_file.h"
#include "log/reader.h"

namespace powercut::apps {

struct OpenLog {
  std::unique_ptr<PosixFile> file;
  log::Reader reader;
};
[[nodiscard]] Result<OpenLog> open_log(const std::string& path,
                                       const log::ReaderOptions& options = {});

// "FLUSH", "FUA", "DISCARD", "MARK", "METADATA"
[[nodiscard]] std::vector<std::string> flag_names(std::uint64_t flags);

// "2026-11-23T00:26:55.123456789Z"
[[nodiscard]] std::string time_text(std::uint64_t time_ns);
// The name in hexadecimal: "0x0123456789abcdef".
[[nodiscard]] std::string hash_text(std::uint64_t hash);
// `text` with everything that is no printable UTF-8 as \xNN, so that a mark cannot steer a
// terminal.
[[nodiscard]] std::string printable(std::string_view text);

// "write" (what the client asked for), "zeroes", "zeroes-unmap", "discard", "flush", "mark",
// "flush-pending", "flush-failed", "unknown".
[[nodiscard]] const char* operation_name(log::Operation operation);
// "counted", "torn", "corrupt", "io-error".
[[nodiscard]] const char* ending_name(log::Ending::Kind kind);

// The object of `powercut log --json`.
[[nodiscard]] Json entry_json(const log::Entry& entry);
// Sets json[name] to the text, bytes that are no UTF-8 replaced; in that case also json[name +
// "_hex"] to all its bytes.
void set_text(Json& json, const std::string& name, std::string_view text);

}  // namespace powercut::apps
