// SPDX-License-Identifier: Apache-2.0
#include "replay/mover.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/unique_fd.h"
#include "block/file_device.h"
#include "io/posix_file.h"

namespace powercut::replay {
namespace {

// Small enough to stay in a core's cache between reading and writing.
constexpr std::size_t kBufferSize = 256 * kKiB;
// What an unprivileged user may set (fs.pipe-max-size); one piece is seldom larger.
constexpr int kPipeSize = 1 * kMiB;

// Whether a payload is a hole is asked for payloads from this size on: below, copying costs no more.
constexpr ByteCount kWorthAsking = 64 * kKiB;
// A hole begins and ends on a multiple of the file system's block; this suits all of them.
constexpr ByteCount kHoleAlignment = 64 * kKiB;

// Parts of the log no further apart are read together: a call costs more than copying so much.
constexpr ByteCount kWorthReading = 4 * kKiB;

// The bytes of the parts, one behind the other.
class Gatherer {
 public:
  Result<ConstBytes> read(const File& log, std::span<const LogPart> parts) {
    gathered_.resize(Mover::kGatherBytes);
    std::size_t filled = 0;
    while (!parts.empty()) {
      const std::size_t together = nr_together(parts);
      const auto bytes = POWERCUT_TRY(read_together(log, parts.first(together), filled));
      filled += bytes;
      parts = parts.subspan(together);
    }
    return ConstBytes(gathered_).first(filled);
  }

 private:
  static std::size_t nr_together(std::span<const LogPart> parts) {
    std::size_t count = 1;
    ByteOffset end = parts[0].offset + parts[0].length;
    for (; count < parts.size(); ++count) {
      const LogPart& next = parts[count];
      const bool is_near = next.offset >= end && next.offset - end <= kWorthReading &&
                           next.offset + next.length - parts[0].offset <= Mover::kGatherBytes;
      if (!is_near) break;
      end = next.offset + next.length;
    }
    return count;
  }
  // Gives how many bytes it put behind the `filled` first.
  Result<std::size_t> read_together(const File& log, std::span<const LogPart> parts,
                                    std::size_t filled) {
    const LogPart& first = parts.front();
    if (parts.size() == 1) {
      const auto into = MutableBytes(gathered_).subspan(filled, first.length);
      POWERCUT_TRY_STATUS(read_exactly(log, first.offset, into));
      return first.length;
    }
    span_.resize(Mover::kGatherBytes);
    const ByteOffset end = parts.back().offset + parts.back().length;
    POWERCUT_TRY_STATUS(
        read_exactly(log, first.offset, MutableBytes(span_).first(end - first.offset)));
    std::size_t done = 0;
    for (const LogPart& part : parts) {
      std::memcpy(&gathered_[filled + done], &span_[part.offset - first.offset], part.length);
      done += part.length;
    }
    return done;
  }

  std::vector<std::byte> gathered_;
  std::vector<std::byte> span_;
};

class BufferMover final : public Mover {
 public:
  BufferMover(const File& log, BlockDevice& device)
      : log_(log), device_(device), buffer_(kBufferSize) {}

  std::uint32_t alignment() const override { return device_.alignment(); }
  bool is_serial() const override { return false; }

  Status copy(ByteOffset from, ByteOffset to, ByteCount length) override {
    while (length > 0) {
      const auto piece = MutableBytes(buffer_).first(std::min<ByteCount>(buffer_.size(), length));
      POWERCUT_TRY_STATUS(read_exactly(log_, from, piece));
      POWERCUT_TRY_STATUS(device_.write(to, piece, Fua::kNo));
      from += piece.size();
      to += piece.size();
      length -= piece.size();
    }
    return {};
  }

  Status gather(std::span<const LogPart> parts, ByteOffset to) override {
    return device_.write(to, POWERCUT_TRY(gatherer_.read(log_, parts)), Fua::kNo);
  }

  Status zero(ByteRange range) override {
    return device_.write_zeroes(range, Unmap::kYes, Fua::kNo);
  }

 private:
  const File& log_;
  BlockDevice& device_;
  Gatherer gatherer_;
  std::vector<std::byte> buffer_;
};

// As BufferMover, on the files themselves: the operating system takes requests of any alignment,
// also on a block device whose logical blocks are larger than the log's sectors.
class FileMover final : public Mover {
 public:
  FileMover(const File& log, PosixFile& device)
      : log_(log), posix_log_(dynamic_cast<const PosixFile*>(&log)), device_(device) {
    if (posix_log_ != nullptr) open_pipe();
  }

  std::uint32_t alignment() const override { return 1; }
  // File systems lock a regular file while it is written through the page cache.
  bool is_serial() const override { return !device_.is_block_device(); }

  Status copy(ByteOffset from, ByteOffset to, ByteCount length) override {
    while (length > 0) {
      const ByteCount done = pipe_in_.valid() ? POWERCUT_TRY(splice_piece(from, to, length))
                                              : POWERCUT_TRY(copy_piece(from, to, length));
      from += done;
      to += done;
      length -= done;
    }
    return {};
  }

  Status gather(std::span<const LogPart> parts, ByteOffset to) override {
    return device_.write_at(to, POWERCUT_TRY(gatherer_.read(log_, parts)));
  }

  Status zero(ByteRange range) override { return device_.write_zeroes(range); }

 private:
  // Without a pipe (no descriptors left) everything goes through the buffer.
  void open_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    pipe_out_.reset(ends[0]);
    pipe_in_.reset(ends[1]);
    // Where it is refused the pipe is smaller, and copying goes in smaller pieces.
    (void)::fcntl(pipe_in_.get(), F_SETPIPE_SZ, kPipeSize);
  }

  // What is left in the pipe goes with it.
  void give_up_splicing() {
    pipe_in_.reset();
    pipe_out_.reset();
  }

  // How much was copied; 0 if these files cannot be spliced, after which they never are.
  Result<ByteCount> splice_piece(ByteOffset from, ByteOffset to, ByteCount length) {
    auto log_offset = static_cast<loff_t>(from);
    ssize_t in_pipe = 0;
    do {
      in_pipe = ::splice(posix_log_->fd(), &log_offset, pipe_in_.get(), nullptr, length, 0);
    } while (in_pipe < 0 && errno == EINTR);
    if (in_pipe < 0 && errno == EINVAL) return (give_up_splicing(), 0);
    if (in_pipe < 0) return os_error(fmt::format("cannot read '{}' at byte {}", log_.name(), from));
    if (in_pipe == 0)
      return bad_input(fmt::format("'{}' ends too early, at byte {}", log_.name(), from));

    auto device_offset = static_cast<loff_t>(to);
    const loff_t end = device_offset + in_pipe;
    while (device_offset < end) {
      const ssize_t n = ::splice(pipe_out_.get(), nullptr, device_.fd(), &device_offset,
                                 static_cast<std::size_t>(end - device_offset), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EINVAL) return (give_up_splicing(), 0);
      if (n <= 0) {
        return os_error(fmt::format("cannot write '{}' at byte {}", device_.name(), device_offset),
                        n == 0 ? ENOSPC : errno);
      }
    }
    return static_cast<ByteCount>(in_pipe);
  }

  Result<ByteCount> copy_piece(ByteOffset from, ByteOffset to, ByteCount length) {
    buffer_.resize(kBufferSize);
    const auto piece = MutableBytes(buffer_).first(std::min<ByteCount>(buffer_.size(), length));
    POWERCUT_TRY_STATUS(read_exactly(log_, from, piece));
    POWERCUT_TRY_STATUS(device_.write_at(to, ConstBytes(piece)));
    return piece.size();
  }

  const File& log_;
  const PosixFile* const posix_log_;  // null: nothing to splice from
  PosixFile& device_;
  UniqueFd pipe_out_;
  UniqueFd pipe_in_;
  Gatherer gatherer_;
  std::vector<std::byte> buffer_;
};

}  // namespace

Result<ByteRange> known_hole(const File& log, ByteRange bytes, std::uint32_t alignment) {
  const ByteRange none = {bytes.end, bytes.end};
  if (bytes.size() < kWorthAsking) return none;
  const ByteOffset begin = align_up(bytes.begin, kHoleAlignment);
  const ByteOffset end = align_down(bytes.end, kHoleAlignment);
  if (begin >= end || !POWERCUT_TRY(log.is_hole({begin, end}))) return none;
  const ByteRange hole = {bytes.begin + align_up(begin - bytes.begin, alignment),
                          bytes.begin + align_down(end - bytes.begin, alignment)};
  return hole.begin < hole.end ? hole : none;
}

std::unique_ptr<Mover> make_mover(const File& log, BlockDevice& device) {
  auto* file_device = dynamic_cast<FileDevice*>(&device);
  if (file_device == nullptr) return make_buffer_mover(log, device);
  return std::make_unique<FileMover>(log, file_device->file());
}

std::unique_ptr<Mover> make_buffer_mover(const File& log, BlockDevice& device) {
  return std::make_unique<BufferMover>(log, device);
}

}  // namespace powercut::replay
