// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/instant_files.h"
#include "apps/cli/recording_options.h"
#include "apps/cli/timeline_options.h"
#include "apps/recording/signals.h"
#include "apps/support/output.h"

namespace powercut::apps {
namespace {

// DIR, which is made if it is absent, and then goes again at the end.
class MountDirectory {
 public:
  [[nodiscard]] static Result<MountDirectory> prepare(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
      if (errno == ENOTCONN) {
        return os_error(
            fmt::format("cannot mount on '{}' (a mount whose program was killed? "
                        "'fusermount3 -u {}' takes it down)",
                        path, path));
      }
      if (errno != ENOENT) return os_error(fmt::format("cannot mount on '{}'", path));
      if (::mkdir(path.c_str(), 0777) != 0) return unusable(path);
      return MountDirectory(path, true);
    }
    if (!S_ISDIR(info.st_mode)) return bad_input(fmt::format("'{}' is not a directory", path));
    std::error_code error;
    const bool is_empty = std::filesystem::is_empty(path, error);
    if (error) return os_error(fmt::format("cannot read '{}'", path), error.value());
    if (!is_empty) {
      return bad_input(fmt::format(
          "'{}' is not empty: what is in it would be hidden; use an empty or a new directory",
          path));
    }
    return MountDirectory(path, false);
  }
  MountDirectory(MountDirectory&& other) noexcept
      : path_(std::move(other.path_)), was_made_(std::exchange(other.was_made_, false)) {}
  MountDirectory& operator=(MountDirectory&&) = delete;
  ~MountDirectory() {
    if (was_made_) ::rmdir(path_.c_str());
  }

 private:
  MountDirectory(std::string path, bool was_made) : path_(std::move(path)), was_made_(was_made) {}
  static Unexpected unusable(const std::string& path) {
    const bool is_wrong_path = errno == ENOENT || errno == ENOTDIR;
    auto error = os_error(fmt::format("cannot make directory '{}'", path));
    if (is_wrong_path) error.value().kind = ErrorKind::kBadInput;
    return error;
  }

  std::string path_;
  bool was_made_;
};

// Each file that has been written is an open file of ours.
void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string absolute_path(const std::string& path) {
  std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real != nullptr ? real.get() : path;
}

// Until a signal comes, or somebody else unmounts.
void serve_until_told(Signals& signals, const serve::FuseCatalogue& mount,
                      const std::string& directory) {
  std::array<pollfd, 2> fds{{{signals.fd(), POLLIN, 0}, {mount.ended_fd(), POLLIN, 0}}};
  while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
  if (!signals.take()) return;
  if (const std::string users = serve::users_of(absolute_path(directory)); !users.empty()) {
    print_notice(fmt::format("'{}' is in use by {}; waiting {} s for the end of that", directory,
                             users, serve::kUnmountPatience / std::chrono::seconds(1)));
  }
}

Result<int> run_mount(const flags::Arguments& arguments) {
  const std::string& path = arguments.text("DIR");
  const MountDirectory directory = POWERCUT_TRY(MountDirectory::prepare(path));
  const std::shared_ptr<state::Timeline> timeline = POWERCUT_TRY(open_timeline(arguments));
  // Not before: making an index may take a while, and can be interrupted.
  Signals signals = POWERCUT_TRY(Signals::block());
  allow_many_files();
  const auto mount = POWERCUT_TRY(serve::FuseCatalogue::mount(
      path, instant_catalogue(timeline, print_notice), {.is_below_file_system = true}));
  print_notice(fmt::format(
      "the {} of '{}' are mounted on '{}'; SIGINT, SIGTERM or 'fusermount3 -u {}' ends it",
      counted(timeline->index().nr_entries() + 1, "instant"), arguments.text("LOG"), path, path));
  serve_until_told(signals, *mount, path);
  const std::uint64_t nr_written = mount->nr_written();
  POWERCUT_TRY_STATUS(mount->unmount());
  if (nr_written > 0) {
    print_notice(fmt::format("{} had been written to; what was written is gone",
                             counted(nr_written, "file")));
  }
  return 0;
}

std::vector<flags::Section> mount_sections() {
  return {
      {"Files",
       {"marks/NAME is the device when the mark NAME was put; the second mark of that name is "
        "NAME#2. In a name, '/', '%' and control characters are written %XX, the empty name is %; "
        "one that is too long for a file is cut, with %entry= and the mark's entry behind it.",
        "flushes/K is the device up to and including the K-th flush; entries/N after the first N "
        "entries: entries/0 is the initial content.",
        "states/ID is whatever other commands take as an instant: states/end, states/flush:3, "
        "states/entry:412, states/mark:NAME, or a crash state such as states/epoch:412:lost:409, "
        "as "
        "findings name them. These are not listed.",
        "info.json says what the log holds, as of when it is opened."}},
      {"Writing",
       {"A file can be written: fsck(8) may repair it, a file system in it may be mounted, a "
        "virtual machine may boot from it. What is written goes to a temporary file in $TMPDIR and "
        "is seen in that one file only, until the file is removed: rm resets it, and the next one "
        "who opens it finds the instant as it was recorded. The log is never changed.",
        "A file's size cannot be changed. Shared writable mappings (mmap with MAP_SHARED and "
        "PROT_WRITE) are refused by the kernel, since files are not cached; private and read-only "
        "ones work."}},
      {"While the log is being written",
       {"The log may be one that is still being recorded: new marks, flushes and entries appear "
        "when a folder is listed or their name is used."}},
      {"The end",
       {"SIGINT, SIGTERM, SIGHUP and fusermount3 -u end it. On a signal, files that are still open "
        "are waited for for five seconds; then their users get errors, and the exit status is 4. "
        "fusermount3 -uz takes the folder away at once and lets them finish."}},
      {"Without root",
       {"It works without root, by fusermount3(1). Only the user who mounts has access to the "
        "files. Loop devices and mounting what is in them need root."}}};
}

}  // namespace

const flags::Command& mount_command() {
  static const flags::Command command = {
      .name = "mount",
      .summary = "every instant of a log as a disk image, in a folder",
      .description =
          {"Mounts a folder on DIR in which each instant of LOG is a file: what the recorded "
           "device "
           "held then, with nothing lost. Opening one copies nothing and takes the same time for "
           "every instant; fsck, losetup, mount -o loop, QEMU, cmp and others work on it as on any "
           "disk image.",
           "It runs until it is told to end. LOG may grow meanwhile, but must not be overwritten."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."},
                      {.name = "DIR",
                       .help = "An empty directory; it is made if it is absent, and then removed "
                               "again at the end."}},
      .flags = timeline_flags(),
      .sections = mount_sections(),
      .examples = {{"The disk just before something was done, by the mark in front of it:",
                    "powercut mount run.log /tmp/run &\n"
                    "e2fsck -fn /tmp/run/marks/before-upgrade"},
                   {"Look into the file system as of the third flush, and change it at will:",
                    "mount -o loop /tmp/run/flushes/3 /mnt\n"
                    "umount /mnt; rm /tmp/run/flushes/3  # as it was"},
                   {"Boot a virtual machine from the 412th entry:",
                    "qemu-system-x86_64 -drive file=/tmp/run/entries/412,format=raw,if=virtio"}},
      .see_also = {"powercut-replay(1)", "powercut-info(1)", "powercut-explore(1)",
                   "fusermount3(1)"},
      .run = run_mount};
  return command;
}

}  // namespace powercut::apps
