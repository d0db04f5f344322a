// SPDX-License-Identifier: Apache-2.0
// A mutex and condition variable that clang's thread-safety analysis understands
// (clang.llvm.org/docs/ThreadSafetyAnalysis.html); with g++ the annotations vanish.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#if defined(__clang__)
#define POWERCUT_ANNOTATION(x) __attribute__((x))
#else
#define POWERCUT_ANNOTATION(x)
#endif

#define POWERCUT_CAPABILITY(x) POWERCUT_ANNOTATION(capability(x))
#define POWERCUT_SCOPED_CAPABILITY POWERCUT_ANNOTATION(scoped_lockable)
#define POWERCUT_GUARDED_BY(x) POWERCUT_ANNOTATION(guarded_by(x))
#define POWERCUT_REQUIRES(...) POWERCUT_ANNOTATION(requires_capability(__VA_ARGS__))
#define POWERCUT_REQUIRES_SHARED(...) POWERCUT_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define POWERCUT_EXCLUDES(...) POWERCUT_ANNOTATION(locks_excluded(__VA_ARGS__))
#define POWERCUT_ACQUIRE(...) POWERCUT_ANNOTATION(acquire_capability(__VA_ARGS__))
#define POWERCUT_ACQUIRE_SHARED(...) POWERCUT_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define POWERCUT_RELEASE(...) POWERCUT_ANNOTATION(release_capability(__VA_ARGS__))
#define POWERCUT_NO_THREAD_SAFETY_ANALYSIS POWERCUT_ANNOTATION(no_thread_safety_analysis)

namespace powercut {

class POWERCUT_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() POWERCUT_ACQUIRE() { mutex_.lock(); }
  void unlock() POWERCUT_RELEASE() { mutex_.unlock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds a Mutex for a scope; may be let go and taken again within it, and waits on a CondVar.
class POWERCUT_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) POWERCUT_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~MutexLock() POWERCUT_RELEASE() = default;
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void unlock() POWERCUT_RELEASE() { lock_.unlock(); }
  void lock() POWERCUT_ACQUIRE() { lock_.lock(); }

 private:
  friend class CondVar;
  std::unique_lock<std::mutex> lock_;
};

// Held by one, or shared by several.
class POWERCUT_CAPABILITY("mutex") SharedMutex {
 public:
  SharedMutex() = default;
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

 private:
  friend class SharedMutexLock;
  friend class SharedMutexReadLock;
  std::shared_mutex mutex_;
};

class POWERCUT_SCOPED_CAPABILITY SharedMutexLock {
 public:
  explicit SharedMutexLock(SharedMutex& mutex) POWERCUT_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~SharedMutexLock() POWERCUT_RELEASE() = default;
  SharedMutexLock(const SharedMutexLock&) = delete;
  SharedMutexLock& operator=(const SharedMutexLock&) = delete;

 private:
  std::unique_lock<std::shared_mutex> lock_;
};

class POWERCUT_SCOPED_CAPABILITY SharedMutexReadLock {
 public:
  explicit SharedMutexReadLock(SharedMutex& mutex) POWERCUT_ACQUIRE_SHARED(mutex)
      : lock_(mutex.mutex_) {}
  ~SharedMutexReadLock() POWERCUT_RELEASE() = default;
  SharedMutexReadLock(const SharedMutexReadLock&) = delete;
  SharedMutexReadLock& operator=(const SharedMutexReadLock&) = delete;

 private:
  std::shared_lock<std::shared_mutex> lock_;
};

// Waits have no predicate overload: the analysis cannot see into a lambda, so callers loop.
class CondVar {
 public:
  void wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  // False when the time was up.
  bool wait_for(MutexLock& lock, std::chrono::milliseconds timeout) {
    return condition_.wait_for(lock.lock_, timeout) == std::cv_status::no_timeout;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace powercut
