// SPDX-License-Identifier: Apache-2.0
#include "serve/fuse_tree.h"

#include "base/check.h"

namespace powercut::serve {

bool FuseNode::enter() {
  const MutexLock lock(mutex_);
  if (withdrawn_) return false;
  ++inside_;
  return true;
}

void FuseNode::leave() {
  const MutexLock lock(mutex_);
  POWERCUT_CHECK(inside_ > 0);
  if (--inside_ == 0) nobody_inside_.notify_all();
}

void FuseNode::withdraw() {
  MutexLock lock(mutex_);
  withdrawn_ = true;
  while (inside_ > 0) nobody_inside_.wait(lock);
  device_.reset();
}

}  // namespace powercut::serve
