// SPDX-License-Identifier: Apache-2.0
#include "io/image_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace powercut {
namespace {

constexpr off_t kUsedBase = 100;
constexpr off_t kForbiddenBase = 200;
constexpr off_t kPowercutByte = 300;
constexpr off_t kWrite = 1;
constexpr off_t kResize = 3;

struct flock one_byte(short type, off_t offset) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = offset;
  lock.l_len = 1;
  return lock;
}

Unexpected in_use(const PosixFile& file, const char* by) {
  return environment_error(
      fmt::format("'{}' is in use by {}; stop it first, or record to another file", file.name(),
                  by),
      EBUSY);
}

// Takes a lock on one byte; false if another holds one that conflicts.
Result<bool> try_lock(const PosixFile& file, short type, off_t offset) {
  struct flock lock = one_byte(type, offset);
  if (::fcntl(file.fd(), F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return os_error(fmt::format("cannot lock '{}'", file.name()));
}

Result<bool> is_locked_by_another(const PosixFile& file, off_t offset) {
  struct flock lock = one_byte(F_WRLCK, offset);
  if (::fcntl(file.fd(), F_OFD_GETLK, &lock) != 0) {
    return os_error(fmt::format("cannot test the lock of '{}'", file.name()));
  }
  return lock.l_type != F_UNLCK;
}

}  // namespace

Status lock_for_writing(const PosixFile& file) {
  if (!POWERCUT_TRY(try_lock(file, F_WRLCK, kPowercutByte)))
    return in_use(file, "another powercut recorder");
  for (const off_t byte : {kUsedBase + kWrite, kForbiddenBase + kWrite, kForbiddenBase + kResize}) {
    if (!POWERCUT_TRY(try_lock(file, F_RDLCK, byte))) return in_use(file, "another program");
  }
  for (const off_t byte : {kForbiddenBase + kWrite, kUsedBase + kWrite, kUsedBase + kResize}) {
    if (POWERCUT_TRY(is_locked_by_another(file, byte)))
      return in_use(file, "QEMU or another writer");
  }
  return {};
}

bool is_same_file(const PosixFile& a, const PosixFile& b) {
  struct stat sa {};
  struct stat sb {};
  if (::fstat(a.fd(), &sa) != 0 || ::fstat(b.fd(), &sb) != 0) return false;
  if (S_ISBLK(sa.st_mode) && S_ISBLK(sb.st_mode)) return sa.st_rdev == sb.st_rdev;
  return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

}  // namespace powercut
