// SPDX-License-Identifier: Apache-2.0
#include "apps/recording/runtime_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "apps/nbdkit/sockets.h"
#include "apps/recording/processes.h"
#include "serve/loop_device.h"

namespace powercut::apps {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using serve::Notice;
using std::chrono::milliseconds;

constexpr std::string_view kPrefix = "run-";
constexpr milliseconds kPatience{5000};

bool is_below(const std::string& path, const std::string& folder) {
  return path.starts_with(folder + "/");
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// In the order in which they are tried.
std::vector<std::string> base_candidates() {
  if (auto chosen = environment("POWERCUT_RUNTIME_DIR"); !chosen.empty()) return {chosen};
  std::vector<std::string> candidates;
  if (::geteuid() == 0) {
    candidates.emplace_back("/run/powercut");
  } else if (auto runtime = environment("XDG_RUNTIME_DIR"); !runtime.empty()) {
    candidates.push_back(runtime + "/powercut");
  }
  const std::string temporary = environment("TMPDIR");
  candidates.push_back(
      fmt::format("{}/powercut-{}", temporary.empty() ? "/tmp" : temporary, ::geteuid()));
  return candidates;
}

// Made, or already there and ours: a directory that somebody else put there could be his trap.
Status make_own_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return os_error(fmt::format("cannot make '{}'", path));
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return os_error(fmt::format("cannot stat '{}'", path));
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) {
    return environment_error(
        fmt::format("'{}' is not a directory of this user; set $POWERCUT_RUNTIME_DIR", path),
        EPERM);
  }
  return {};
}

Result<std::string> find_base() {
  Status status;
  for (const auto& candidate : base_candidates()) {
    status = make_own_directory(candidate);
    if (!status) continue;
    std::error_code error;
    const fs::path real = fs::canonical(candidate, error);
    if (!error) return real.string();
    status = os_error(fmt::format("cannot resolve '{}'", candidate), error.value());
  }
  return tl::unexpected(status.error());
}

OutsideTraces read_traces(const std::string& folder) {
  std::ifstream file(folder + "/outside.json");
  const Json json = Json::parse(file, nullptr, false);
  OutsideTraces traces;
  if (!json.is_object()) return traces;
  const auto texts = [&](const char* key) {
    std::vector<std::string> result;
    const auto found = json.find(key);
    if (found == json.end() || !found->is_array()) return result;
    for (const auto& item : *found) {
      if (item.is_string()) result.push_back(item.get<std::string>());
    }
    return result;
  };
  const auto fuse = texts("fuse");
  if (!fuse.empty()) traces.fuse_path = fuse[0];
  traces.sockets = texts("sockets");
  traces.files = texts("files");
  return traces;
}

// What stands between a dead recorder and an empty directory. Collects what it did, to be told.
class Cleaner {
 public:
  explicit Cleaner(std::string folder)
      : folder_(std::move(folder)), traces_(read_traces(folder_)) {}

  // Processes first, since they use the mounts; the mounts from the last to the first; loop devices
  // between a file system and the FUSE file that it stands on.
  Status clean() {
    end_processes();
    POWERCUT_TRY_STATUS(unmount_all("mnt"));
    detach_loops();
    POWERCUT_TRY_STATUS(unmount_all(""));
    for (const auto& socket : traces_.sockets) {
      struct stat info {};
      const bool is_socket = ::lstat(socket.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
      if (is_socket && !is_listened_on(socket)) remove(socket);
    }
    for (const auto& file : traces_.files) remove(file);
    std::error_code error;
    fs::remove_all(folder_, error);
    if (error) return os_error(fmt::format("cannot remove '{}'", folder_), error.value());
    return {};
  }

  [[nodiscard]] const std::string& done() const { return done_; }

 private:
  void tell(const std::string& what) { done_ += (done_.empty() ? "" : ", ") + what; }

  void remove(const std::string& path) {
    if (::unlink(path.c_str()) == 0) tell(fmt::format("removed '{}'", path));
  }

  void end_processes() {
    const std::string variable = RuntimeDirectory::variable_name() + "=" + folder_;
    std::size_t killed = 0;
    for (int round = 0; round < 500; ++round) {
      const auto processes = processes_with(variable);
      if (processes.empty()) break;
      killed = std::max(killed, processes.size());
      for (const pid_t pid : processes) ::kill(pid, SIGKILL);
      std::this_thread::sleep_for(milliseconds(10));
    }
    if (killed > 0) tell(fmt::format("killed {} of its processes", killed));
  }

  // Those at `name` in the folder; with an empty name all there, and the one outside.
  Status unmount_all(const std::string& name) {
    auto mounts = POWERCUT_TRY(serve::list_mounts());
    std::ranges::reverse(mounts);
    for (const auto& mount : mounts) {
      const bool is_ours = name.empty() ? is_below(mount.mount_point, folder_) ||
                                              (mount.mount_point == traces_.fuse_path &&
                                               mount.file_system == "fuse.powercut")
                                        : mount.mount_point == folder_ + "/" + name;
      if (!is_ours) continue;
      Status status = serve::unmount(mount.mount_point, kPatience, nullptr);
      // Busy: it has been detached, and goes with its last user.
      if (!status && status.error().os_errno != EBUSY) return status;
      tell(fmt::format("unmounted '{}'", mount.mount_point));
    }
    return {};
  }

  // They clear themselves once nothing is mounted on them; this is for those that had no mount, or
  // whose recorder died before.
  void detach_loops() {
    for (const auto& file : {folder_ + "/disk", traces_.fuse_path}) {
      if (file.empty()) continue;
      for (const auto& device : serve::detach_loop_devices_of(file)) {
        tell(fmt::format("detached {}", device));
      }
    }
  }

  const std::string folder_;
  const OutsideTraces traces_;
  std::string done_;
};

// The lock's descriptor if its owner is dead.
UniqueFd lock_if_dead(const std::string& folder) {
  UniqueFd lock(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return lock;
}

void clean_up_dead(const std::string& base, const Notice& notice) {
  std::error_code error;
  std::vector<std::string> folders;
  for (fs::directory_iterator entry(base, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with(kPrefix)) folders.push_back(entry->path());
  }
  for (const auto& folder : folders) {
    const UniqueFd lock = lock_if_dead(folder);
    if (!lock.valid()) continue;
    Cleaner cleaner(folder);
    const Status status = cleaner.clean();
    if (!notice) continue;
    notice(fmt::format("cleaned up after a recorder that was killed{}{}",
                       cleaner.done().empty() ? "" : ": ", cleaner.done()));
    if (!status) notice(fmt::format("could not clean up wholly: {}", status.error().message));
  }
}

}  // namespace

Result<std::unique_ptr<RuntimeDirectory>> RuntimeDirectory::make(const Notice& notice) {
  const std::string base = POWERCUT_TRY(find_base());
  // One recorder at a time makes or clears away directories here.
  const UniqueFd base_lock(::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!base_lock.valid() || ::flock(base_lock.get(), LOCK_EX) != 0) {
    return os_error(fmt::format("cannot lock '{}'", base));
  }
  clean_up_dead(base, notice);
  std::string path = fmt::format("{}/{}XXXXXX", base, kPrefix);
  if (::mkdtemp(path.data()) == nullptr) {
    return os_error(fmt::format("cannot make a directory in '{}'", base));
  }
  // A workload that is another user's has to get to the mount point.
  ::chmod(path.c_str(), 0755);
  UniqueFd lock = lock_if_dead(path);
  if (!lock.valid()) return os_error(fmt::format("cannot lock '{}/lock'", path));
  return std::unique_ptr<RuntimeDirectory>(new RuntimeDirectory(path, std::move(lock)));
}

RuntimeDirectory::~RuntimeDirectory() {
  // remove_all would otherwise go into a file system that is still mounted.
  const auto mounts = serve::list_mounts();
  if (!mounts) return;
  for (const auto& mount : *mounts) {
    if (is_below(mount.mount_point, path_)) return;
  }
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string RuntimeDirectory::operator/(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

std::string RuntimeDirectory::variable_name() {
  return "POWERCUT_RUN";
}

Status RuntimeDirectory::write_down(const OutsideTraces& traces) const {
  Json json = {{"sockets", traces.sockets}, {"files", traces.files}};
  json["fuse"] = traces.fuse_path.empty() ? Json::array() : Json::array({traces.fuse_path});
  const std::string path = path_ + "/outside.json";
  const std::string draft = path + ".new";
  std::ofstream file(draft);
  // A path that is no UTF-8 is cut of that, and so not found later; nothing worse.
  file << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  file.close();
  if (!file || ::rename(draft.c_str(), path.c_str()) != 0) {
    return os_error(fmt::format("cannot write '{}'", path));
  }
  return {};
}

}  // namespace powercut::apps
