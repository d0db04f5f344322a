// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>

#include "block/device.h"

namespace powercut {

// A device that is only read: what would change it is refused (EROFS). An OverlayDevice on top takes
// writes.
class ReadOnlyDevice : public BlockDevice {
 public:
  [[nodiscard]] Status write(ByteOffset, ConstBytes, Fua) final { return refuse(); }
  [[nodiscard]] Status write_zeroes(ByteRange, Unmap, Fua) final { return refuse(); }
  [[nodiscard]] Status discard(ByteRange, Fua) final { return refuse(); }
  [[nodiscard]] Status flush() final { return {}; }

 private:
  [[nodiscard]] Status refuse() const {
    return environment_error("'" + name() + "' is only read; writes want an overlay", EROFS);
  }
};

}  // namespace powercut
