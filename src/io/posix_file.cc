// SPDX-License-Identifier: Apache-2.0
#include "io/posix_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace powercut {
namespace {

// Of O_DIRECT's bounce buffers: enough for every logical block size in use.
constexpr std::size_t kDirectAlignment = 4096;

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};
using AlignedBuffer = std::unique_ptr<std::byte, FreeDeleter>;

AlignedBuffer make_aligned_buffer(std::size_t size) {
  return AlignedBuffer(static_cast<std::byte*>(
      std::aligned_alloc(kDirectAlignment, align_up(size, kDirectAlignment))));
}

bool is_direct_aligned(const void* p) {
  return is_aligned(reinterpret_cast<std::uintptr_t>(p), kDirectAlignment);
}

int open_flags(const OpenOptions& options) {
  int flags = O_CLOEXEC | (options.writable ? O_RDWR : O_RDONLY);
  if (options.create != OpenOptions::Create::kNever) flags |= O_CREAT;
  if (options.create == OpenOptions::Create::kMustBeNew) flags |= O_EXCL;
  if (options.truncate) flags |= O_TRUNC;
  if (options.direct) flags |= O_DIRECT;
  return flags;
}

}  // namespace

PosixFile::PosixFile(std::string path, UniqueFd fd, bool is_block_device,
                     std::uint32_t logical_block_size, bool direct)
    : path_(std::move(path)),
      fd_(std::move(fd)),
      is_block_device_(is_block_device),
      logical_block_size_(logical_block_size),
      direct_(direct) {}

Result<std::unique_ptr<PosixFile>> PosixFile::open(const std::string& path,
                                                   const OpenOptions& options) {
  UniqueFd fd(::open(path.c_str(), open_flags(options), 0666));
  if (!fd.valid()) {
    // A path that leads nowhere is the caller's input, not the machine's failure.
    const bool is_wrong_path = errno == ENOENT || errno == ENOTDIR || errno == EISDIR;
    auto error = os_error(fmt::format("cannot open '{}'", path));
    if (is_wrong_path) error.value().kind = ErrorKind::kBadInput;
    return error;
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return os_error(fmt::format("cannot stat '{}'", path));
  if (S_ISBLK(info.st_mode)) {
    int block_size = 0;
    if (::ioctl(fd.get(), BLKSSZGET, &block_size) != 0) {
      return os_error(fmt::format("cannot get the block size of '{}'", path));
    }
    return std::unique_ptr<PosixFile>(new PosixFile(
        path, std::move(fd), true, static_cast<std::uint32_t>(block_size), options.direct));
  }
  if (!S_ISREG(info.st_mode)) {
    return bad_input(fmt::format("'{}' is neither a regular file nor a block device", path));
  }
  return std::unique_ptr<PosixFile>(new PosixFile(path, std::move(fd), false, 1, options.direct));
}

Result<std::unique_ptr<PosixFile>> PosixFile::open_temporary() {
  const char* directory = std::getenv("TMPDIR");
  if (directory == nullptr || *directory == '\0') directory = "/tmp";
  // Without a name, nothing stays behind whenever we are killed; not every file system can do it.
  if (auto nameless = open_nameless_in(directory)) return nameless;
  std::string path = fmt::format("{}/powercut-XXXXXX", directory);
  UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd.valid()) {
    return os_error(fmt::format(
        "cannot make a temporary file in '{}' (set TMPDIR to another place)", directory));
  }
  ::unlink(path.c_str());
  return std::unique_ptr<PosixFile>(new PosixFile(std::move(path), std::move(fd), false, 1, false));
}

Result<std::unique_ptr<PosixFile>> PosixFile::open_nameless_in(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666));
  if (!fd.valid()) return os_error(fmt::format("cannot make a file in '{}'", directory));
  return std::unique_ptr<PosixFile>(
      new PosixFile(fmt::format("a new file in {}", directory), std::move(fd), false, 1, false));
}

std::string PosixFile::where(const char* what, ByteOffset offset) const {
  return fmt::format("cannot {} '{}' at byte {}", what, path_, offset);
}

Result<ByteCount> PosixFile::size() const {
  if (is_block_device_) {
    std::uint64_t bytes = 0;
    if (::ioctl(fd_.get(), BLKGETSIZE64, &bytes) != 0) {
      return os_error(fmt::format("cannot get the size of '{}'", path_));
    }
    return bytes;
  }
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) return os_error(fmt::format("cannot stat '{}'", path_));
  return static_cast<ByteCount>(info.st_size);
}

Result<std::size_t> PosixFile::read_at(ByteOffset offset, MutableBytes buffer) const {
  if (offset > INT64_MAX - buffer.size()) return os_error(where("read", offset), EINVAL);
  AlignedBuffer bounce;
  std::byte* target = buffer.data();
  if (direct_ && !is_direct_aligned(target)) {
    bounce = make_aligned_buffer(buffer.size());
    target = bounce.get();
  }
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t n =
        ::pread(fd_.get(), target + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(where("read", offset + done));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  if (bounce) std::memcpy(buffer.data(), bounce.get(), done);
  return done;
}

Status PosixFile::write_bytes(ByteOffset offset, ConstBytes bytes, int flags) {
  while (!bytes.empty()) {
    iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
    const ssize_t n = ::pwritev2(fd_.get(), &piece, 1, static_cast<off_t>(offset), flags);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(where("write", offset));
    if (n == 0) return os_error(where("write", offset), ENOSPC);
    offset += static_cast<std::size_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status PosixFile::write_at(ByteOffset offset, std::span<const ConstBytes> pieces) {
  if (direct_) {
    std::size_t total = 0;
    for (const auto& piece : pieces) total += piece.size();
    const AlignedBuffer bounce = make_aligned_buffer(total);
    std::size_t at = 0;
    for (const auto& piece : pieces) {
      if (!piece.empty()) std::memcpy(bounce.get() + at, piece.data(), piece.size());
      at += piece.size();
    }
    return write_bytes(offset, {bounce.get(), total}, 0);
  }
  if (pieces.size() == 1) return write_bytes(offset, pieces.front(), 0);

  constexpr std::size_t kBatch = 128;  // well below IOV_MAX
  std::array<iovec, kBatch> vector;
  std::size_t next = 0;  // first piece not wholly written
  std::size_t skip = 0;  // bytes of it that are written
  while (next < pieces.size()) {
    int count = 0;
    std::size_t wanted = 0;
    for (std::size_t i = next; i < pieces.size() && count < static_cast<int>(kBatch); ++i) {
      const ConstBytes rest = i == next ? pieces[i].subspan(skip) : pieces[i];
      vector[static_cast<std::size_t>(count++)] = {const_cast<std::byte*>(rest.data()),
                                                   rest.size()};
      wanted += rest.size();
    }
    if (wanted == 0) break;
    const ssize_t n = ::pwritev(fd_.get(), vector.data(), count, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(where("write", offset));
    if (n == 0) return os_error(where("write", offset), ENOSPC);
    offset += static_cast<std::size_t>(n);
    skip += static_cast<std::size_t>(n);
    while (next < pieces.size() && skip >= pieces[next].size()) skip -= pieces[next++].size();
  }
  return {};
}

Status PosixFile::write_durably(ByteOffset offset, ConstBytes bytes) {
  if (direct_ && !is_direct_aligned(bytes.data())) {
    POWERCUT_TRY_STATUS(write_at(offset, bytes));
    return sync();
  }
  return write_bytes(offset, bytes, RWF_DSYNC);
}

Status PosixFile::zero_by_writing(ByteRange range) {
  const std::vector<std::byte> zeroes(std::min<ByteCount>(range.size(), kMiB));
  for (ByteOffset at = range.begin; at < range.end;) {
    const ByteCount piece = std::min<ByteCount>(zeroes.size(), range.end - at);
    POWERCUT_TRY_STATUS(write_at(at, ConstBytes(zeroes).first(piece)));
    at += piece;
  }
  return {};
}

Status PosixFile::write_zeroes(ByteRange range) {
  if (range.size() == 0) return {};
  if (is_block_device_) {
    std::array<std::uint64_t, 2> argument = {range.begin, range.size()};
    if (::ioctl(fd_.get(), BLKZEROOUT, argument.data()) == 0) return {};
    if (errno != EOPNOTSUPP && errno != EINVAL) return os_error(where("zero", range.begin));
    return zero_by_writing(range);
  }
  if (range.end > INT64_MAX) return os_error(where("zero", range.begin), EFBIG);
  const ByteCount old_size = POWERCUT_TRY(size());
  if (range.end > old_size && ::ftruncate(fd_.get(), static_cast<off_t>(range.end)) != 0) {
    return os_error(where("extend", range.end));
  }
  // Also behind the old end: there may be preallocated space that a hole gives back.
  if (::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(range.begin), static_cast<off_t>(range.size())) == 0) {
    return {};
  }
  if (errno != EOPNOTSUPP) return os_error(where("punch a hole in", range.begin));
  const ByteOffset written_end = std::min(range.end, old_size);
  return range.begin < written_end ? zero_by_writing({range.begin, written_end}) : Status{};
}

Status PosixFile::sync() {
  if (::fdatasync(fd_.get()) != 0) return os_error(fmt::format("cannot sync '{}'", path_));
  return {};
}

Status PosixFile::truncate(ByteCount size) {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
    return os_error(fmt::format("cannot set the size of '{}' to {} bytes", path_, size));
  }
  return {};
}

void PosixFile::preallocate(ByteRange range) {
  if (is_block_device_ || range.end > INT64_MAX) return;
  // In memory there is nothing to lay out; it would only cost a second pass over every page.
  struct statfs file_system {};
  if (::fstatfs(fd_.get(), &file_system) == 0 && file_system.f_type == TMPFS_MAGIC) return;
  // A hint: where it fails (no support, no space) the later write says what is wrong.
  (void)::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.begin),
                    static_cast<off_t>(range.size()));
}

Result<std::optional<ByteRange>> PosixFile::next_data(ByteOffset offset) const {
  const ByteCount end = POWERCUT_TRY(size());
  if (offset >= end) return std::nullopt;
  if (is_block_device_) return ByteRange{offset, end};
  const off_t data = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
  if (data < 0 && errno == ENXIO) return std::nullopt;
  if (data < 0) return os_error(where("seek data in", offset));
  const off_t hole = ::lseek(fd_.get(), data, SEEK_HOLE);
  if (hole < 0) return os_error(where("seek a hole in", static_cast<ByteOffset>(data)));
  return ByteRange{static_cast<ByteOffset>(data), static_cast<ByteOffset>(hole)};
}

Result<bool> PosixFile::is_hole(ByteRange range) const {
  if (is_block_device_) return false;
  const off_t data = ::lseek(fd_.get(), static_cast<off_t>(range.begin), SEEK_DATA);
  if (data < 0 && errno == ENXIO) return true;
  if (data < 0) return os_error(where("seek data in", range.begin));
  return static_cast<ByteOffset>(data) >= range.end;
}

}  // namespace powercut
