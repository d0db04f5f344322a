// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>

#include "base/mutex.h"
#include "io/file.h"

namespace powercut::record {

// Lets one request at a time into each part of a device: overlapping requests follow one another in
// the order in which they come, others do not feel it. Thread-safe.
class RangeLock {
 public:
  // Holds a range until it is destroyed.
  class Guard {
   public:
    Guard(RangeLock& lock, ByteRange range) : lock_(lock), claim_(lock.acquire(range)) {}
    ~Guard() { lock_.release(claim_); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    friend class RangeLock;
    RangeLock& lock_;
    std::list<ByteRange>::iterator claim_;
  };

 private:
  using Claim = std::list<ByteRange>::iterator;
  [[nodiscard]] Claim acquire(ByteRange range);
  void release(Claim claim);
  // Whether a claim that was made before this one overlaps it.
  [[nodiscard]] bool is_blocked(Claim claim) POWERCUT_REQUIRES(mutex_);

  Mutex mutex_;
  CondVar released_;
  // Held and waited for, in the order of arrival; as few as there are requests in flight.
  std::list<ByteRange> claims_ POWERCUT_GUARDED_BY(mutex_);
  std::size_t waiting_ POWERCUT_GUARDED_BY(mutex_) = 0;
};

}  // namespace powercut::record
