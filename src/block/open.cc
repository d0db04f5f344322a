// SPDX-License-Identifier: Apache-2.0
#include "block/open.h"

#include "block/file_device.h"
#include "block/nbd_device.h"

namespace powercut {

Result<std::shared_ptr<BlockDevice>> open_read_only_device(const std::string& name) {
  if (NbdDevice::is_uri(name)) return NbdDevice::open(name, {.writable = false});
  return FileDevice::make(POWERCUT_TRY(PosixFile::open(name, {})));
}

}  // namespace powercut
