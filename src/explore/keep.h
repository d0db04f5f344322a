// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "block/device.h"

namespace powercut::explore {

// A StateId as the name of a file: "entry:412" -> "entry-412". Of a long one the beginning, and a hash.
[[nodiscard]] std::string file_name_of(std::string_view state);

// Copies a device to a new sparse file; an existing one is replaced.
[[nodiscard]] Status keep_image(BlockDevice& device, const std::string& path);
[[nodiscard]] Status keep_text(std::string_view text, const std::string& path);

}  // namespace powercut::explore
