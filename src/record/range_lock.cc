// SPDX-License-Identifier: Apache-2.0
#include "record/range_lock.h"

#include <algorithm>

namespace powercut::record {

bool RangeLock::is_blocked(Claim claim) {
  return std::any_of(claims_.begin(), claim, [&](const ByteRange& earlier) {
    return earlier.begin < claim->end && claim->begin < earlier.end;
  });
}

RangeLock::Claim RangeLock::acquire(ByteRange range) {
  MutexLock lock(mutex_);
  const Claim claim = claims_.insert(claims_.end(), range);
  ++waiting_;
  while (is_blocked(claim)) released_.wait(lock);
  --waiting_;
  return claim;
}

void RangeLock::release(Claim claim) {
  const MutexLock lock(mutex_);
  claims_.erase(claim);
  if (waiting_ > 0) released_.notify_all();
}

}  // namespace powercut::record
