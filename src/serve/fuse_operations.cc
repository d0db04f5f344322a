// SPDX-License-Identifier: Apache-2.0
// Every open is FOPEN_DIRECT_IO and every entry and attribute expires at once, so that the kernel
// keeps nothing: what a client reads is what the device holds, and each write and fsync of a client
// is one request here, in the client's order.
//
// But for cached trees: there the kernel keeps what it has read until the file is withdrawn, which is
// right because no inode number is given twice, and holds writes back until fsync or close, as it
// does for a disk. It would not look into what it holds back when it is asked for holes: of such
// files it is made to believe that they have none. And it is told once, by ENOSYS, that it need not ask before
// it opens one.
//
// A device has a fixed size, as a disk: writing past its end is ENOSPC, changing its size is EPERM.
#include "serve/fuse_operations.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <vector>

namespace powercut::serve {
namespace {

constexpr unsigned kMaxWriteBytes = kMiB;
// How many asynchronous requests the kernel lets wait here (its default of 12 would throttle a loop
// device).
constexpr unsigned kMaxBackgroundRequests = 128;
constexpr blksize_t kPreferredBlockSize = 4096;
constexpr double kExpireAtOnce = 0;
constexpr double kNeverExpire = 1e9;  // seconds

// linux/fuse.h has it from 6.2 on; older kernels ignore it.
#ifndef FOPEN_PARALLEL_DIRECT_WRITES
#define FOPEN_PARALLEL_DIRECT_WRITES (1 << 6)
#endif

FuseTree& tree_of(fuse_req_t request) {
  return *static_cast<FuseTree*>(fuse_req_userdata(request));
}

void reply_status(fuse_req_t request, const Status& status) {
  fuse_reply_err(request, status ? 0 : status.error().client_errno());
}

struct stat stat_of(const FuseAttributes& attributes) {
  static const uid_t user = ::geteuid();
  static const gid_t group = ::getegid();
  struct stat result {};
  result.st_ino = attributes.inode;
  result.st_uid = user;
  result.st_gid = group;
  result.st_blksize = kPreferredBlockSize;
  if (attributes.is_folder) {
    result.st_mode = S_IFDIR | 0700;
    result.st_nlink = 2 + attributes.nr_folders;
    return result;
  }
  result.st_mode = S_IFREG | (attributes.is_read_only ? 0400 : 0600);
  result.st_nlink = 1;
  result.st_size = static_cast<off_t>(attributes.size_bytes);
  result.st_blocks = static_cast<blkcnt_t>((attributes.size_bytes + 511) / 512);
  if (attributes.may_have_holes && result.st_blocks > 1) --result.st_blocks;
  return result;
}

double expiry(const FuseTree& tree) {
  return tree.caching() ? kNeverExpire : kExpireAtOnce;
}

void on_init(void* tree, fuse_conn_info* connection) {
  if (const auto caching = static_cast<FuseTree*>(tree)->caching()) {
    connection->max_readahead = static_cast<unsigned>(
        std::min<ByteCount>(connection->max_readahead, caching->readahead_bytes));
    connection->want |= connection->capable & FUSE_CAP_WRITEBACK_CACHE;
  }
  connection->max_write = kMaxWriteBytes;
  connection->max_background = kMaxBackgroundRequests;
  connection->congestion_threshold = kMaxBackgroundRequests / 4 * 3;
  // Splicing serves data that is passed on unseen; here it would cost a copy. O_TRUNC is to come as
  // a change of size, and so be refused.
  connection->want &= ~static_cast<unsigned>(
      FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_READDIRPLUS |
      FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA);
#ifdef FUSE_CAP_DIRECT_IO_ALLOW_MMAP
  if ((connection->capable & FUSE_CAP_DIRECT_IO_ALLOW_MMAP) != 0)
    connection->want |= FUSE_CAP_DIRECT_IO_ALLOW_MMAP;
#endif
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  FuseTree& tree = tree_of(request);
  const auto found = tree.look_up(parent, name);
  if (!found) {
    fuse_reply_err(request, found.error().client_errno());
    return;
  }
  fuse_entry_param entry{};
  entry.ino = found->inode;
  entry.generation = 1;
  entry.attr = stat_of(*found);
  entry.attr_timeout = entry.entry_timeout = expiry(tree);
  fuse_reply_entry(request, &entry);
}

void on_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  const FuseTree& tree = tree_of(request);
  if (const auto attributes = tree.attributes(inode)) {
    const struct stat result = stat_of(*attributes);
    fuse_reply_attr(request, &result, expiry(tree));
  } else {
    fuse_reply_err(request, EIO);
  }
}

// Times are accepted and forgotten: a device has none. Everything else that would change is
// refused.
void on_setattr(fuse_req_t request, fuse_ino_t inode, struct stat* wanted, int to_set,
                fuse_file_info* file) {
  constexpr int kTimes = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                         FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME;
  const auto attributes = tree_of(request).attributes(inode);
  const bool keeps_size =
      attributes && static_cast<ByteCount>(wanted->st_size) == attributes->size_bytes;
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0 && !keeps_size) {
    fuse_reply_err(request, EPERM);
  } else if ((to_set & ~(kTimes | FUSE_SET_ATTR_SIZE)) != 0) {
    fuse_reply_err(request, EPERM);
  } else {
    on_getattr(request, inode, file);
  }
}

// A raw reply: libfuse 3.14 has no field for parallel writes, without which the kernel lets only
// one write at a time through.
void on_open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
  if (tree_of(request).caching()) {
    fuse_reply_err(request, ENOSYS);
    return;
  }
  const auto attributes = tree_of(request).attributes(inode);
  if (!attributes || attributes->is_folder) {
    fuse_reply_err(request, attributes ? EISDIR : EIO);
    return;
  }
  if (attributes->is_read_only && (file->flags & O_ACCMODE) != O_RDONLY) {
    fuse_reply_err(request, EACCES);
    return;
  }
  if (const Status status = tree_of(request).open(inode); !status) {
    reply_status(request, status);
    return;
  }
  fuse_open_out reply{};
  reply.open_flags = FOPEN_NOFLUSH | FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES;
  // Whoever wanted it may have been killed meanwhile; then nobody will close it.
  if (fuse_reply_buf(request, reinterpret_cast<const char*>(&reply), sizeof reply) == -ENOENT)
    tree_of(request).close(inode);
}

void on_release(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  tree_of(request).close(inode);
  fuse_reply_err(request, 0);
}

void on_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info*) {
  const FuseVisit visit(tree_of(request).find(inode));
  if (!visit) {
    fuse_reply_err(request, EIO);
    return;
  }
  const ByteCount end = visit.node().size_bytes();
  const auto begin = std::min(static_cast<ByteOffset>(offset), end);
  thread_local std::vector<std::byte> buffer;
  buffer.resize(std::max(buffer.size(), size));
  const MutableBytes bytes(buffer.data(), std::min<ByteCount>(size, end - begin));
  if (const Status status = visit.device().read(begin, bytes); !status) {
    reply_status(request, status);
    return;
  }
  fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void on_write(fuse_req_t request, fuse_ino_t inode, const char* data, size_t size, off_t offset,
              fuse_file_info* file) {
  const FuseVisit visit(tree_of(request).find(inode));
  if (!visit) {
    fuse_reply_err(request, EIO);
    return;
  }
  const auto begin = static_cast<ByteOffset>(offset);
  const ByteCount end = visit.node().size_bytes();
  if (begin >= end && size > 0) {
    fuse_reply_err(request, ENOSPC);
    return;
  }
  const ConstBytes bytes(reinterpret_cast<const std::byte*>(data),
                         std::min<ByteCount>(size, end - begin));
  // The kernel puts O_DSYNC here for files opened with it or O_SYNC, and for pwritev2(RWF_DSYNC).
  const Fua fua = (file->flags & O_DSYNC) != 0 ? Fua::kYes : Fua::kNo;
  if (const Status status = visit.device().write(begin, bytes, fua); !status) {
    reply_status(request, status);
    return;
  }
  fuse_reply_write(request, bytes.size());
}

void on_fsync(fuse_req_t request, fuse_ino_t inode, int /*data_only*/, fuse_file_info*) {
  if (const auto caching = tree_of(request).caching(); caching && !caching->passes_flushes) {
    // It does not ask again.
    fuse_reply_err(request, ENOSYS);
    return;
  }
  const FuseVisit visit(tree_of(request).find(inode));
  reply_status(request, visit ? visit.device().flush() : Status(os_error("fsync", EIO)));
}

// The loop driver asks for PUNCH_HOLE both for a discard and for zeroes, so that it has to leave
// zeroes.
Status carry_out_fallocate(const FuseVisit& visit, int mode, ByteRange range) {
  const ByteCount size = visit.node().size_bytes();
  const bool grows = range.end > size && (mode & FALLOC_FL_KEEP_SIZE) == 0;
  if (grows) return os_error("fallocate", EFBIG);
  range = {std::min(range.begin, size), std::min(range.end, size)};
  switch (mode & ~FALLOC_FL_KEEP_SIZE) {
    case 0:
      return {};
    case FALLOC_FL_PUNCH_HOLE:
      return range.size() == 0 ? Status()
                               : visit.device().write_zeroes(range, Unmap::kYes, Fua::kNo);
    case FALLOC_FL_ZERO_RANGE:
      return range.size() == 0 ? Status()
                               : visit.device().write_zeroes(range, Unmap::kNo, Fua::kNo);
    default:
      return os_error("fallocate", EOPNOTSUPP);
  }
}

void on_fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length,
                  fuse_file_info*) {
  const FuseVisit visit(tree_of(request).find(inode));
  const auto begin = static_cast<ByteOffset>(offset);
  const auto end = checked_add(begin, static_cast<ByteCount>(length));
  if (!visit || !end) {
    fuse_reply_err(request, visit ? EFBIG : EIO);
    return;
  }
  reply_status(request, carry_out_fallocate(visit, mode, {begin, *end}));
}

Result<off_t> seek(const FuseVisit& visit, ByteOffset offset, int whence) {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return os_error("lseek", EINVAL);
  const ByteCount size = visit.node().size_bytes();
  if (offset >= size) return os_error("lseek", ENXIO);
  auto data = POWERCUT_TRY(visit.device().next_data(offset));
  if (whence == SEEK_DATA) {
    if (!data) return os_error("lseek", ENXIO);
    return static_cast<off_t>(std::max(data->begin, offset));
  }
  // The end of a file counts as a hole.
  while (data && data->begin <= offset && offset < size) {
    offset = data->end;
    data = POWERCUT_TRY(visit.device().next_data(offset));
  }
  return static_cast<off_t>(std::min(offset, size));
}

void on_lseek(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence, fuse_file_info*) {
  const FuseVisit visit(tree_of(request).find(inode));
  if (!visit || tree_of(request).caching()) {
    // ENOSYS: the kernel answers by itself, with data up to the end.
    fuse_reply_err(request, visit ? ENOSYS : EIO);
    return;
  }
  const auto found = seek(visit, static_cast<ByteOffset>(offset), whence);
  if (found) {
    fuse_reply_lseek(request, *found);
  } else {
    fuse_reply_err(request, found.error().client_errno());
  }
}

void on_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info*) {
  std::vector<char> buffer(size);
  size_t used = 0;
  const auto add = [&](const FuseTree::Listed& entry) {
    struct stat attributes {};
    attributes.st_ino = entry.inode;
    attributes.st_mode = entry.is_folder ? S_IFDIR : S_IFREG;
    const size_t needed =
        fuse_add_direntry(request, buffer.data() + used, size - used, entry.name.c_str(),
                          &attributes, static_cast<off_t>(entry.next));
    if (needed > size - used) return false;
    used += needed;
    return true;
  };
  const Status status = tree_of(request).list(inode, static_cast<std::uint64_t>(offset), add);
  if (status || used > 0) {
    fuse_reply_buf(request, buffer.data(), used);
  } else {
    reply_status(request, status);
  }
}

void on_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  reply_status(request, tree_of(request).remove(parent, name));
}

// There are no other names than those that there are. Without these the kernel would say that it
// knows no such call.
void on_create(fuse_req_t request, fuse_ino_t, const char*, mode_t, fuse_file_info*) {
  fuse_reply_err(request, EPERM);
}
void on_mkdir(fuse_req_t request, fuse_ino_t, const char*, mode_t) {
  fuse_reply_err(request, EPERM);
}
void on_rename(fuse_req_t request, fuse_ino_t, const char*, fuse_ino_t, const char*, unsigned) {
  fuse_reply_err(request, EPERM);
}

void on_statfs(fuse_req_t request, fuse_ino_t) {
  const FuseTree::Statistics tree = tree_of(request).statistics();
  struct statvfs statistics {};
  statistics.f_bsize = kPreferredBlockSize;
  statistics.f_frsize = kPreferredBlockSize;
  statistics.f_blocks = tree.bytes / kPreferredBlockSize;
  statistics.f_files = tree.files + 1;
  statistics.f_namemax = NAME_MAX;
  fuse_reply_statfs(request, &statistics);
}

}  // namespace

const fuse_lowlevel_ops& fuse_operations() {
  static const fuse_lowlevel_ops operations = [] {
    fuse_lowlevel_ops ops{};
    ops.init = on_init;
    ops.lookup = on_lookup;
    ops.getattr = on_getattr;
    ops.setattr = on_setattr;
    ops.open = on_open;
    ops.release = on_release;
    ops.read = on_read;
    ops.write = on_write;
    ops.fsync = on_fsync;
    ops.fallocate = on_fallocate;
    ops.lseek = on_lseek;
    ops.readdir = on_readdir;
    ops.unlink = on_unlink;
    ops.create = on_create;
    ops.mkdir = on_mkdir;
    ops.rename = on_rename;
    ops.statfs = on_statfs;
    return ops;
  }();
  return operations;
}

}  // namespace powercut::serve
