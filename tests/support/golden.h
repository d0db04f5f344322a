// SPDX-License-Identifier: Apache-2.0
// The logs under tests/golden and what their manifests say of them. Functions throw where a file is
// missing or wrong: the test fails with the message.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "io/posix_file.h"

namespace powercut::test {

struct GoldenMark {
  std::string name;
  EntryIndex entry = 0;  // the mark's own entry
};

// See tests/golden/README.md.
struct GoldenLog {
  std::string name;
  std::string packed_path;  // NAME.log.zst

  std::uint32_t sector_size = 0;
  std::uint64_t nr_entries = 0;
  ByteCount device_size_bytes = 0;
  ByteCount file_size_bytes = 0;
  std::optional<ByteCount> used_bytes;  // the end of the last entry
  std::string log_sha256;
  std::string replay_image_sha256;
  std::string final_image_sha256;
  // By a name made of the flags, such as "FUA|META", "FLUSH(empty)", "NONE"; empty if not known.
  std::map<std::string, std::uint64_t> entry_kinds;
  std::optional<std::vector<GoldenMark>> marks;
  std::vector<std::string> marks_not_in_log;
  bool stale_bytes_after_end = false;

  // Into a nameless temporary file.
  [[nodiscard]] std::unique_ptr<PosixFile> unpack() const;
  void unpack_to(const std::string& path) const;
};

// Sorted by name; at least one.
[[nodiscard]] std::vector<std::string> golden_names();
[[nodiscard]] GoldenLog golden_log(const std::string& name);
// All; under sanitizers three of them, or one, since tests read whole devices again and again.
[[nodiscard]] std::vector<GoldenLog> golden_logs();

}  // namespace powercut::test
