// SPDX-License-Identifier: Apache-2.0
#include "serve/loop_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace powercut::serve {
namespace {

using std::chrono::milliseconds;

// Between finding a free device and taking it, another process may take it.
constexpr int kMaxAttempts = 64;

Unexpected no_loop(std::string_view what, int error) {
  auto result = os_error(what, error);
  if (error == EPERM || error == EACCES) result.value().message += "; loop devices need root";
  if (error == ENOENT || error == ENODEV || error == ENXIO) {
    result.value().message += "; the kernel has no loop driver (try: modprobe loop)";
  }
  return result;
}

// Containers often have no node for a device that has just been made.
UniqueFd open_device(int number, const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) {
    const dev_t device = ::makedev(LOOP_MAJOR, static_cast<unsigned>(number));
    if (::mknod(path.c_str(), S_IFBLK | 0600, device) == 0 || errno == EEXIST) {
      fd.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    } else {
      errno = ENOENT;
    }
  }
  return fd;
}

loop_config make_config(int backing_fd, const std::string& file, std::uint32_t block_size,
                        bool direct) {
  loop_config config{};
  config.fd = static_cast<__u32>(backing_fd);
  config.block_size = block_size;
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  if (direct) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
  std::strncpy(reinterpret_cast<char*>(config.info.lo_file_name), file.c_str(), LO_NAME_SIZE - 1);
  return config;
}

// 0, or an errno.
int configure(int fd, int backing_fd, const std::string& file, std::uint32_t block_size,
              LoopIo io) {
  if (io == LoopIo::kDirect) {
    loop_config config = make_config(backing_fd, file, block_size, true);
    if (::ioctl(fd, LOOP_CONFIGURE, &config) == 0) return 0;
    if (errno != EINVAL) return errno;
    // Some kernels refuse direct I/O on a file that cannot do it, others fall back by themselves.
  }
  loop_config config = make_config(backing_fd, file, block_size, false);
  return ::ioctl(fd, LOOP_CONFIGURE, &config) == 0 ? 0 : errno;
}

bool does_direct_io(int fd) {
  loop_info64 info{};
  return ::ioctl(fd, LOOP_GET_STATUS64, &info) == 0 && (info.lo_flags & LO_FLAGS_DIRECT_IO) != 0;
}

}  // namespace

Result<LoopDevice> LoopDevice::attach(const std::string& file, std::uint32_t logical_block_size,
                                      LoopIo io) {
  const UniqueFd backing(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  if (!backing.valid()) return os_error(fmt::format("cannot open '{}'", file));
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control.valid()) return no_loop("cannot open /dev/loop-control", errno);
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return no_loop("cannot get a loop device", errno);
    std::string path = fmt::format("/dev/loop{}", number);
    UniqueFd fd = open_device(number, path);
    if (!fd.valid()) return no_loop(fmt::format("cannot open '{}'", path), errno);
    const int error = configure(fd.get(), backing.get(), file, logical_block_size, io);
    if (error == 0) {
      const bool direct = does_direct_io(fd.get());
      return LoopDevice(std::move(path), file, std::move(fd), direct);
    }
    if (error != EBUSY) {
      return os_error(fmt::format("cannot attach '{}' to {} with sectors of {} bytes", file, path,
                                  logical_block_size),
                      error);
    }
  }
  return environment_error(
      fmt::format("no free loop device after {} attempts; see losetup -a", kMaxAttempts), EBUSY);
}

LoopDevice::~LoopDevice() {
  if (fd_.valid()) ::ioctl(fd_.get(), LOOP_CLR_FD);
}

Status LoopDevice::sync() {
  if (::fsync(fd_.get()) == 0) return {};
  return os_error(fmt::format("cannot flush {}", path_));
}

Status LoopDevice::detach(milliseconds patience) {
  if (!fd_.valid()) return {};
  ::ioctl(fd_.get(), LOOP_CLR_FD);
  fd_.reset();
  // By what was slept, not by the clock: where this process is stopped for a while, and serves the file
  // itself, no time has passed for the kernel either.
  constexpr milliseconds kInterval{5};
  for (milliseconds waited{0}; loop_backing_file(path_) == file_; waited += kInterval) {
    if (waited >= patience) {
      return environment_error(
          fmt::format("{} is still open somewhere; it lets go of '{}' when it is closed", path_,
                      file_),
          EBUSY);
    }
    std::this_thread::sleep_for(kInterval);
  }
  return {};
}

std::string loop_backing_file(const std::string& path) {
  const auto slash = path.rfind('/');
  std::ifstream attribute(fmt::format("/sys/block/{}/loop/backing_file", path.substr(slash + 1)));
  std::string file;
  std::getline(attribute, file);
  return file;
}

std::vector<std::string> detach_loop_devices_of(const std::string& file) {
  std::vector<std::string> detached;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/sys/block", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = "/dev/" + entry->path().filename().string();
    if (!path.starts_with("/dev/loop") || loop_backing_file(path) != file) continue;
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (fd.valid() && ::ioctl(fd.get(), LOOP_CLR_FD) == 0) detached.push_back(path);
  }
  return detached;
}

}  // namespace powercut::serve
