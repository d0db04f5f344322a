// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/units.h"

namespace powercut {

struct GuardedRange;

// Memory that is a mapped file ends the process (SIGBUS) when it is touched where the file has been
// cut short meanwhile, or cannot be read. Under a guard the process goes on: from the page that was
// touched to the end there are zeroes then, and was_lost() says so. Who reads under a guard asks
// afterwards, before relying on what was read. (What the kernel itself zeroes, behind the new end
// in the page where that lies, raises nothing and is not noticed.) Thread-safe. The first guard
// installs the process's handler; a SIGBUS of other memory goes to the handler that was there
// before.
class SigbusGuard {
 public:
  // `mapped` begins at a page's beginning. The guard goes before the mapping does.
  explicit SigbusGuard(ConstBytes mapped);
  ~SigbusGuard();
  SigbusGuard(const SigbusGuard&) = delete;
  SigbusGuard& operator=(const SigbusGuard&) = delete;

  [[nodiscard]] bool was_lost() const;

 private:
  GuardedRange& range_;
};

}  // namespace powercut
