// SPDX-License-Identifier: Apache-2.0
// The end of a FUSE mount is delicate. In order:
//   1. umount(2), or fusermount3 -u without root, while the threads go on answering: a file system
//   or loop
//      device on top needs them to finish its writes. Busy is tried again for a bounded time.
//   2. The kernel then answers the threads' reads with ENODEV, and they end.
//   3. If it stays busy, the mount is detached. Root does that with MNT_FORCE, which breaks the
//   connection:
//      whoever still has a file open gets ENOTCONN instead of waiting for ever. Without root the
//      threads are told to stop, and closing the last descriptor of the connection breaks it.
//
// The threads wait with epoll, not in read(2), so that they can be stopped without a signal.
// EPOLLEXCLUSIVE wakes one of them for a request, not all.
#include "serve/fuse_session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fuse3/fuse_log.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstdlib>
#include <mutex>

#include "base/check.h"
#include "serve/own_files.h"

namespace powercut::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What libfuse says while this thread mounts goes into the error; the rest is of no use to anybody.
thread_local std::string* messages_of_this_thread = nullptr;

void on_libfuse_message(fuse_log_level, const char* format, va_list arguments) {
  if (messages_of_this_thread == nullptr) return;
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  *messages_of_this_thread += text.data();
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

bool is_in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const std::string folder(rest.substr(0, colon));
    if (::access(fmt::format("{}/{}", folder, program).c_str(), X_OK) == 0) return true;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return false;
}

Status check_environment() {
  if (::access("/dev/fuse", F_OK) != 0) {
    return os_error(
        "FUSE is not available: /dev/fuse (try: modprobe fuse; in a container: --device "
        "/dev/fuse)");
  }
  if (::access("/dev/fuse", R_OK | W_OK) != 0) {
    return os_error(
        "FUSE is not available: this user may not open /dev/fuse (usually of mode 666)");
  }
  if (::geteuid() != 0 && !is_in_path("fusermount3")) {
    return environment_error(
        "FUSE without root needs the program fusermount3 (Debian: apt-get install fuse3)", ENOENT);
  }
  return {};
}

}  // namespace

Status check_mount_point(const std::string& path, MountPoint wanted) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return os_error(fmt::format("cannot mount on '{}'", path));
  const bool is_directory = wanted == MountPoint::kDirectory;
  if ((info.st_mode & S_IFMT) == (is_directory ? S_IFDIR : S_IFREG)) return {};
  return environment_error(fmt::format("cannot mount on '{}': it is not a {}", path,
                                       is_directory ? "directory" : "regular file"),
                           EINVAL);
}

FuseSession::FuseSession(std::string path, std::shared_ptr<FuseTree> tree, FuseMountOptions options)
    : path_(std::move(path)), tree_(std::move(tree)), options_(std::move(options)) {}

Result<std::unique_ptr<FuseSession>> FuseSession::mount(const std::string& path,
                                                        std::shared_ptr<FuseTree> tree,
                                                        FuseMountOptions options) {
  POWERCUT_CHECK(options.threads > 0);
  POWERCUT_TRY_STATUS(check_environment());
  std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real == nullptr) return os_error(fmt::format("cannot mount on '{}'", path));
  std::unique_ptr<FuseSession> session(
      new FuseSession(real.get(), std::move(tree), std::move(options)));
  POWERCUT_TRY_STATUS(session->start());
  return session;
}

Status FuseSession::start() {
  static std::once_flag log_function_is_set;
  std::call_once(log_function_is_set, [] { ::fuse_set_log_func(on_libfuse_message); });
  stop_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  ended_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_.valid() || !ended_.valid()) return os_error("cannot make an eventfd");

  std::string messages;
  messages_of_this_thread = &messages;
  std::array<std::string, 3> words{"powercut", "-o", "fsname=powercut,subtype=powercut,noatime"};
  std::array<char*, 3> argv{words[0].data(), words[1].data(), words[2].data()};
  fuse_args arguments{static_cast<int>(argv.size()), argv.data(), 0};
  session_.reset(
      ::fuse_session_new(&arguments, &fuse_operations(), sizeof(fuse_lowlevel_ops), tree_.get()));
  ::fuse_opt_free_args(&arguments);
  const bool mounted =
      session_ != nullptr && ::fuse_session_mount(session_.get(), path_.c_str()) == 0;
  messages_of_this_thread = nullptr;
  if (!mounted) {
    session_.reset();
    return environment_error(fmt::format("cannot mount FUSE on '{}': {}", path_, trimmed(messages)),
                             EIO);
  }
  const int fd = ::fuse_session_fd(session_.get());
  POWERCUT_CHECK(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
  for (unsigned i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { serve(); });
  // Until it is asked for, the kernel takes a root that is a file to be empty, and locks each write
  // to it as one that makes it grow.
  return with_own_files({}, [this]() -> Status {
    struct stat info {};
    if (::stat(path_.c_str(), &info) == 0) return {};
    return os_error(fmt::format("cannot use FUSE on '{}'", path_));
  });
}

void FuseSession::serve() {
  // Without the privilege it fails, and there is no file system on top then.
  if (options_.is_below_file_system) ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
  const UniqueFd poll(::epoll_create1(EPOLL_CLOEXEC));
  POWERCUT_CHECK(poll.valid());
  epoll_event request_event{};
  request_event.events = EPOLLIN | EPOLLEXCLUSIVE;
  POWERCUT_CHECK(::epoll_ctl(poll.get(), EPOLL_CTL_ADD, ::fuse_session_fd(session_.get()),
                             &request_event) == 0);
  epoll_event stop_event{};
  stop_event.events = EPOLLIN;
  stop_event.data.u32 = 1;
  POWERCUT_CHECK(::epoll_ctl(poll.get(), EPOLL_CTL_ADD, stop_.get(), &stop_event) == 0);

  fuse_buf buffer{};
  while (true) {
    epoll_event event{};
    const int ready = ::epoll_wait(poll.get(), &event, 1, -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0 || event.data.u32 == 1) break;
    const int received = ::fuse_session_receive_buf(session_.get(), &buffer);
    if (received == -EINTR || received == -EAGAIN) continue;
    // 0: the mount is gone. Another error of the connection is no less final.
    if (received <= 0) break;
    ::fuse_session_process_buf(session_.get(), &buffer);
  }
  std::free(buffer.mem);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(ended_.get(), &one, sizeof one);
}

void FuseSession::forget(const std::string& name, InodeNumber inode) {
  // An error says that the kernel does not know it, which is what is wanted.
  ::fuse_lowlevel_notify_inval_entry(session_.get(), kRootInode, name.c_str(), name.size());
  ::fuse_lowlevel_notify_inval_inode(session_.get(), inode, 0, 0);
}

Status FuseSession::take_down(milliseconds patience) {
  const auto mounted = is_mount_point(path_);
  if (mounted && !*mounted) return {};
  const auto deadline = steady_clock::now() + patience;
  int error = try_unmount(path_);
  while (error == EBUSY && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(20));
    error = try_unmount(path_);
  }
  // EINVAL, ENOENT: somebody else has been quicker.
  if (error == 0 || error == EINVAL || error == ENOENT) return {};
  const std::string users = users_of(path_);
  const int detach_error = detach_mount(path_, true);
  const std::string message = fmt::format(
      "'{}' was still in use{}{} and has been cut off: {}", path_, users.empty() ? "" : " by ",
      users, detach_error == 0 ? "its users now get errors" : describe_errno(detach_error));
  if (options_.notice) options_.notice(message);
  return environment_error(message, error);
}

Status FuseSession::unmount(milliseconds patience) {
  if (session_ == nullptr) return {};
  Status status = take_down(patience);
  // Where the mount lives on in the namespace of somebody else, nothing tells the threads to end.
  pollfd ended{ended_.get(), POLLIN, 0};
  if (!status || ::poll(&ended, 1, static_cast<int>(patience.count())) == 0) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(stop_.get(), &one, sizeof one);
  }
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  // Only closes the descriptor where the mount has gone already.
  ::fuse_session_unmount(session_.get());
  session_.reset();
  tree_->withdraw_all();
  return status;
}

FuseSession::~FuseSession() {
  // The notice has told of whatever went wrong.
  [[maybe_unused]] const Status status = unmount(kUnmountPatience);
}

}  // namespace powercut::serve
