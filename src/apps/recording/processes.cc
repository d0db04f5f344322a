// SPDX-License-Identifier: Apache-2.0
#include "apps/recording/processes.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

namespace powercut::apps {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long a killed process may take to be gone.
constexpr milliseconds kKillPatience{5000};

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> result;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; })) {
      result.push_back(static_cast<pid_t>(std::stol(name)));
    }
  }
  return result;
}

struct Kinship {
  pid_t parent = 0;
  bool is_zombie = false;
};

// proc(5): pid (name) state ppid ...; the name may hold anything, also ')'.
std::map<pid_t, Kinship> all_kinships() {
  std::map<pid_t, Kinship> result;
  for (const pid_t pid : all_processes()) {
    const std::string stat = read_text(fmt::format("/proc/{}/stat", pid));
    const auto name_end = stat.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream fields(stat.substr(name_end + 1));
    char state = 0;
    Kinship kinship;
    if (!(fields >> state >> kinship.parent)) continue;
    kinship.is_zombie = state == 'Z' || state == 'X';
    result[pid] = kinship;
  }
  return result;
}

bool is_descendant(const std::map<pid_t, Kinship>& kinships, pid_t pid, pid_t ancestor) {
  // Bounded, as the table was not read in one instant and could hold a circle.
  for (std::size_t i = 0; i < kinships.size(); ++i) {
    const auto found = kinships.find(pid);
    if (found == kinships.end()) return false;
    pid = found->second.parent;
    if (pid == ancestor) return true;
  }
  return false;
}

std::set<pid_t> stragglers(const std::string& variable, pid_t spared) {
  std::set<pid_t> result;
  for (const pid_t pid : descendants_of(::getpid())) result.insert(pid);
  for (const pid_t pid : processes_with(variable)) result.insert(pid);
  if (spared > 0) {
    for (const pid_t pid : descendants_of(spared)) result.erase(pid);
    result.erase(spared);
  }
  return result;
}

void reap_adopted(pid_t spared) {
  const auto kinships = all_kinships();
  for (const auto& [pid, kinship] : kinships) {
    if (kinship.is_zombie && kinship.parent == ::getpid() && pid != spared) {
      ::waitpid(pid, nullptr, WNOHANG);
    }
  }
}

bool signal_until_gone(const std::string& variable, pid_t spared, int signal,
                       milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  std::set<pid_t> signalled;
  while (true) {
    const auto left = stragglers(variable, spared);
    if (left.empty()) return true;
    for (const pid_t pid : left) {
      if (signalled.insert(pid).second) {
        ::kill(pid, signal);
        // A stopped process takes its signal only when it goes on.
        ::kill(pid, SIGCONT);
      }
    }
    if (steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
}

}  // namespace

Status adopt_orphans() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    return os_error("cannot become a child subreaper");
  }
  return {};
}

std::vector<pid_t> descendants_of(pid_t ancestor) {
  const auto kinships = all_kinships();
  std::vector<pid_t> result;
  for (const auto& [pid, kinship] : kinships) {
    if (!kinship.is_zombie && is_descendant(kinships, pid, ancestor)) result.push_back(pid);
  }
  return result;
}

std::vector<pid_t> processes_with(const std::string& variable) {
  const std::string entry = std::string(1, '\0') + variable + std::string(1, '\0');
  std::vector<pid_t> result;
  for (const pid_t pid : all_processes()) {
    if (pid == ::getpid()) continue;
    const std::string environment =
        std::string(1, '\0') + read_text(fmt::format("/proc/{}/environ", pid));
    if (environment.find(entry) != std::string::npos) result.push_back(pid);
  }
  return result;
}

int end_stragglers(const std::string& variable, pid_t spared, milliseconds patience) {
  const auto count = static_cast<int>(stragglers(variable, spared).size());
  if (count > 0 && !signal_until_gone(variable, spared, SIGTERM, patience)) {
    signal_until_gone(variable, spared, SIGKILL, kKillPatience);
  }
  reap_adopted(spared);
  return count;
}

}  // namespace powercut::apps
