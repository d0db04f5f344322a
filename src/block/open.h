// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "block/device.h"

namespace powercut {

// A device that is only read, as users name one: a regular file, a block device or an NBD URI.
[[nodiscard]] Result<std::shared_ptr<BlockDevice>> open_read_only_device(const std::string& name);

}  // namespace powercut
