// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace powercut::apps {

// The command line of mkfs.FS for a device with sectors of `sector_size` bytes: quiet, asking
// nothing, `options` before the device.
[[nodiscard]] std::vector<std::string> mkfs_command(const std::string& file_system,
                                                    const std::vector<std::string>& options,
                                                    std::uint32_t sector_size,
                                                    const std::string& device);
// Words parted by blanks; "..." and '...' keep blanks in a word. kUsage if a quote is not closed.
[[nodiscard]] Result<std::vector<std::string>> split_words(const std::string& text);
// The Debian package that has mkfs.FS; empty if not known.
[[nodiscard]] std::string package_of_mkfs(const std::string& file_system);

}  // namespace powercut::apps
