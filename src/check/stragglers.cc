// SPDX-License-Identifier: Apache-2.0
// Direct children that base/subprocess.h started must not be reaped here. They lead a process group
// and so cannot have left our session (setsid(2) refuses it): what is a zombie of another session
// is an orphan that was adopted.
#include "check/stragglers.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace powercut::check {
namespace {

std::string read_small_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  while (fd.valid()) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof(buffer));
    if (n <= 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

struct ProcessStat {
  char state = 0;
  pid_t parent = 0;
  pid_t session = 0;
};

// Of proc(5): "pid (name) state ppid pgrp session ..."; the name may hold anything.
ProcessStat stat_of(pid_t pid) {
  const std::string text = read_small_file(fmt::format("/proc/{}/stat", pid));
  ProcessStat stat;
  const std::size_t end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return stat;
  int group = 0;
  if (std::sscanf(text.c_str() + end_of_name + 1, " %c %d %d %d", &stat.state, &stat.parent, &group,
                  &stat.session) != 4) {
    return {};
  }
  return stat;
}

// A process in the middle of execve(2) shows no environment for a moment.
std::string environment_of(pid_t pid) {
  std::string environment;
  for (int tries = 0; tries < 20 && environment.empty(); ++tries) {
    if (tries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    environment = read_small_file(fmt::format("/proc/{}/environ", pid));
  }
  return environment;
}

bool has_variable(pid_t pid, const std::string& variable) {
  const std::string environment = '\0' + environment_of(pid);
  return environment.find('\0' + variable + '\0') != std::string::npos;
}

// Process ids are given in rising order until they begin anew, which at this place is taken for
// "all".
std::vector<pid_t> processes_since(pid_t oldest) {
  struct Closer {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  std::vector<pid_t> all;
  std::vector<pid_t> since;
  const std::unique_ptr<DIR, Closer> directory(::opendir("/proc"));
  if (directory == nullptr) return {};
  while (const dirent* entry = ::readdir(directory.get())) {
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid <= 1) continue;
    all.push_back(pid);
    if (pid > oldest) since.push_back(pid);
  }
  const std::string load = read_small_file("/proc/loadavg");
  const std::size_t last_space = load.rfind(' ');
  const bool wrapped = last_space == std::string::npos ||
                       std::strtol(load.c_str() + last_space, nullptr, 10) < oldest;
  return wrapped ? all : since;
}

}  // namespace

Status adopt_orphans() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return os_error("cannot become a child subreaper");
  return {};
}

int kill_stragglers(const std::string& variable, pid_t leader) {
  while (::waitpid(-leader, nullptr, 0) > 0) {
  }
  const pid_t self = ::getpid();
  const pid_t session = ::getsid(0);
  int killed = 0;
  // The children of one that is killed become ours: again, until there is none.
  for (bool again = true; again;) {
    again = false;
    for (const pid_t pid : processes_since(leader)) {
      const ProcessStat stat = stat_of(pid);
      if (stat.parent != self) continue;
      if (stat.state == 'Z') {
        if (stat.session != session) ::waitpid(pid, nullptr, WNOHANG);
      } else if (has_variable(pid, variable) && ::kill(pid, SIGKILL) == 0) {
        ::waitpid(pid, nullptr, 0);
        ++killed;
        again = true;
      }
    }
  }
  return killed;
}

}  // namespace powercut::check
