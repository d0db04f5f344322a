// SPDX-License-Identifier: Apache-2.0
// One thread accepts; each client has a thread that reads a line, carries it out and answers. A
// mark or flush waits for the log's storage, and with a thread each they wait together, so that the
// log's group commit serves them all at once.
#include "record/control.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <list>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/json.h"
#include "base/unique_fd.h"

namespace powercut::record {
namespace {

using Answer = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kBacklog = 128;
// How long a client of ours waits for its answer: a mark waits for the log to be durable.
constexpr int kAnswerPatienceSeconds = 120;

std::string failure(std::string_view message, int os_errno) {
  return Json{{"ok", false}, {"error", message}, {"errno", os_errno}}.to_line();
}

std::string failure(const Error& error) {
  return failure(error.message, error.client_errno());
}

// The members of a status stand once, for the recorder that answers and the client that reads it.
// `status` is const for the former.
void describe_status(const auto& member, auto& status) {
  member("file", status.file);
  member("log", status.log);
  member("device_size_bytes", status.device_size_bytes);
  member("sector_size", status.sector_size);
  member("extensions", status.extensions);
  member("max_mark_bytes", status.max_mark_bytes);
  member("entries", status.log_counters.entries);
  member("durable_entries", status.log_counters.durable_entries);
  member("log_end_offset", status.log_counters.end_offset);
  member("recovered_entries", status.log_counters.recovered_entries);
  member("writes", status.writes);
  member("zeroes", status.zeroes);
  member("discards", status.discards);
  member("flushes", status.flushes);
  member("marks", status.marks);
  member("failed_requests", status.failed_requests);
  member("recording", status.recording);
  member("log_error", status.log_error);
}

std::string encode(const RecorderStatus& status) {
  Json json = {{"ok", true}};
  describe_status([&](const char* name, const auto& value) { json[name] = value; }, status);
  return json.to_line();
}

template <typename T>
T value_or_default(const Answer& answer, const char* name) {
  const auto found = answer.find(name);
  if (found == answer.end()) return {};
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->get<T>() : T();
  } else if constexpr (std::is_same_v<T, bool>) {
    return found->is_boolean() && found->get<T>();
  } else {
    const auto number = found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
    return std::in_range<T>(number) ? static_cast<T>(number) : 0;
  }
}

RecorderStatus decode(const Answer& answer) {
  RecorderStatus status;
  const auto member = [&]<typename T>(const char* name, T& value) {
    value = value_or_default<T>(answer, name);
  };
  describe_status(member, status);
  return status;
}

Result<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return usage_error(
        fmt::format("control socket '{}': the path of a socket may have 1 to {} bytes, this one "
                    "has {}; name a shorter one",
                    path, sizeof address.sun_path - 1, path.size()));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int bind_to(int fd, const sockaddr_un& address) {
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

int connect_to(int fd, const sockaddr_un& address) {
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0
                                                                                         : errno;
}

// Makes way for a new socket at `path`, if what is there is one that nobody listens on.
Status remove_stale_socket(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return environment_error(
        fmt::format("control socket '{}': there is something else of that name", path), EEXIST);
  }
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connect_to(probe.get(), address) != ECONNREFUSED) {
    return environment_error(
        fmt::format("control socket '{}': another recorder is listening on it", path), EADDRINUSE);
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return os_error(fmt::format("control socket '{}': cannot remove a stale one", path));
  }
  return {};
}

Result<UniqueFd> listen_at(const std::string& path) {
  const sockaddr_un address = POWERCUT_TRY(socket_address(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The socket's file gets this mode when it is bound: it is never open to others, not even
  // briefly.
  if (!fd.valid() || ::fchmod(fd.get(), 0600) != 0) return os_error("cannot make a socket");
  int error = bind_to(fd.get(), address);
  if (error == EADDRINUSE) {
    POWERCUT_TRY_STATUS(remove_stale_socket(path, address));
    error = bind_to(fd.get(), address);
  }
  if (error != 0) return os_error(fmt::format("cannot make control socket '{}'", path), error);
  if (::listen(fd.get(), kBacklog) != 0) {
    return os_error(fmt::format("cannot listen on control socket '{}'", path));
  }
  return fd;
}

// Both within the time that a client is given; false: it is to be dropped.
bool send_all(int fd, std::string_view text, milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    pollfd writable{fd, POLLOUT, 0};
    if (errno != EAGAIN || left <= 0) return false;
    ::poll(&writable, 1, static_cast<int>(left));
  }
  return true;
}

class Server final : public ControlServer {
 public:
  Server(std::string path, UniqueFd listener, UniqueFd stop, RecordingDevice& device,
         ControlOptions options)
      : path_(std::move(path)),
        listener_(std::move(listener)),
        stop_(std::move(stop)),
        device_(device),
        options_(options) {
    struct stat info {};
    if (::lstat(path_.c_str(), &info) == 0) inode_ = info.st_ino;
    acceptor_ = std::thread([this] { accept_clients(); });
  }

  ~Server() override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(stop_.get(), &one, sizeof one);
    acceptor_.join();
    for (Client& client : clients_) {
      ::shutdown(client.fd.get(), SHUT_RDWR);
      client.thread.join();
    }
    // Not if another has taken the name meanwhile.
    struct stat info {};
    if (::lstat(path_.c_str(), &info) == 0 && info.st_ino == inode_) ::unlink(path_.c_str());
  }

 private:
  struct Client {
    UniqueFd fd;
    std::thread thread;
    // Of the last byte to or from it: what decides who goes when there are too many.
    std::atomic<steady_clock::rep> last_active{steady_clock::now().time_since_epoch().count()};
    std::atomic<bool> is_busy = false;  // its request is being carried out
    std::atomic<bool> is_done = false;
  };

  void accept_clients() {
    while (true) {
      std::array<pollfd, 2> fds{{{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
      if (fds[1].revents != 0) return;
      if (fds[0].revents == 0) continue;
      if (!make_room()) {
        // All are being served; the next ones wait in the listener's queue.
        std::this_thread::sleep_for(milliseconds(1));
        continue;
      }
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) {
        // Out of descriptors, most likely: others must end first.
        if (errno != EAGAIN && errno != EINTR) std::this_thread::sleep_for(milliseconds(10));
        continue;
      }
      Client& client = clients_.emplace_back();
      client.fd.reset(fd);
      client.thread = std::thread([this, &client] {
        serve(client);
        client.is_done = true;
      });
    }
  }

  bool make_room() {
    clients_.remove_if([](Client& client) {
      if (!client.is_done) return false;
      client.thread.join();
      return true;
    });
    if (clients_.size() < kMaxControlClients) return true;
    auto silent = clients_.end();
    for (auto client = clients_.begin(); client != clients_.end(); ++client) {
      if (client->is_busy) continue;
      if (silent == clients_.end() || client->last_active < silent->last_active) silent = client;
    }
    if (silent == clients_.end()) return false;
    ::shutdown(silent->fd.get(), SHUT_RDWR);
    silent->thread.join();
    clients_.erase(silent);
    return true;
  }

  void serve(Client& client) {
    std::string buffer;
    while (read_line(client, buffer)) {
      const auto end = buffer.find('\n');
      client.is_busy = true;
      const std::string answer =
          answer_control_line(device_, std::string_view(buffer).substr(0, end));
      client.is_busy = false;
      buffer.erase(0, end + 1);
      if (!send_all(client.fd.get(), answer + "\n", options_.line_patience)) break;
    }
    ::shutdown(client.fd.get(), SHUT_RDWR);
  }

  // Until the buffer holds a whole line; false: the client is to be dropped.
  bool read_line(Client& client, std::string& buffer) {
    auto begun = steady_clock::now();
    std::size_t searched = 0;
    while (true) {
      if (buffer.find('\n', searched) != std::string::npos) return true;
      searched = buffer.size();
      if (buffer.size() >= kMaxControlLine) {
        send_all(
            client.fd.get(),
            failure(fmt::format("a line has at most {} bytes", kMaxControlLine), EMSGSIZE) + "\n",
            options_.line_patience);
        return false;
      }
      int wait_ms = -1;
      if (!buffer.empty()) {
        const auto left = begun + options_.line_patience - steady_clock::now();
        wait_ms = static_cast<int>(
            std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(left).count()));
      }
      pollfd readable{client.fd.get(), POLLIN, 0};
      const int ready = ::poll(&readable, 1, wait_ms);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return false;
      std::array<char, 4096> bytes;
      const ssize_t n =
          ::recv(client.fd.get(), bytes.data(),
                 std::min(bytes.size(), kMaxControlLine - buffer.size()), MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (n <= 0) return false;
      if (buffer.empty()) begun = steady_clock::now();
      buffer.append(bytes.data(), static_cast<std::size_t>(n));
      client.last_active = steady_clock::now().time_since_epoch().count();
    }
  }

  const std::string path_;
  const UniqueFd listener_;
  const UniqueFd stop_;  // an eventfd
  RecordingDevice& device_;
  const ControlOptions options_;
  ino_t inode_ = 0;
  // Touched by the acceptor only, and by the destructor once that has ended.
  std::list<Client> clients_;
  std::thread acceptor_;
};

Result<std::string> receive_line(int fd, const std::string& path) {
  std::string line;
  std::array<char, 4096> bytes;
  while (line.find('\n') == std::string::npos) {
    const ssize_t n = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(fmt::format("control socket '{}': no answer", path));
    if (n == 0) {
      return environment_error(
          fmt::format("control socket '{}': the recorder hung up without an answer", path),
          ECONNRESET);
    }
    line.append(bytes.data(), static_cast<std::size_t>(n));
    if (line.size() > 2 * kMaxControlLine) break;
  }
  line.resize(std::min(line.size(), line.find('\n')));
  return line;
}

Result<std::string> check_answer(const std::string& path, std::string answer) {
  const Answer json = Answer::parse(answer, nullptr, false);
  const auto ok = json.is_object() ? json.find("ok") : json.end();
  if (!json.is_object() || ok == json.end() || !ok->is_boolean()) {
    return environment_error(
        fmt::format("control socket '{}': not a recorder's answer: {}", path, answer), EPROTO);
  }
  if (*ok) return answer;
  const auto error = json.find("error");
  const auto number = json.find("errno");
  std::string message = error != json.end() && error->is_string() ? error->get<std::string>()
                                                                  : "the recorder refused";
  const int os_errno = number != json.end() && number->is_number_integer() ? number->get<int>() : 0;
  if (os_errno == EINVAL) return usage_error(std::move(message));
  return environment_error(std::move(message), os_errno);
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::start(const std::string& path,
                                                            RecordingDevice& device,
                                                            ControlOptions options) {
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) return os_error("cannot make an eventfd");
  UniqueFd listener = POWERCUT_TRY(listen_at(path));
  return std::make_unique<Server>(path, std::move(listener), std::move(stop), device, options);
}

std::string answer_control_line(RecordingDevice& device, std::string_view line) {
  const auto blank = line.find(' ');
  const std::string_view word = line.substr(0, blank);
  const bool has_text = blank != std::string_view::npos;
  if (word == "mark") {
    const auto entry = device.mark(has_text ? line.substr(blank + 1) : std::string_view());
    return entry ? Json{{"ok", true}, {"entry", *entry}}.to_line() : failure(entry.error());
  }
  if (word == "status" && !has_text) return encode(device.status());
  if (word == "flush" && !has_text) {
    const Status status = device.flush();
    return status ? Json{{"ok", true}}.to_line() : failure(status.error());
  }
  constexpr std::size_t kShown = 40;
  return failure(fmt::format("unknown request '{}'; there are: mark TEXT, status, flush",
                             line.substr(0, kShown)),
                 EINVAL);
}

Result<std::string> control_request(const std::string& path, std::string_view line) {
  if (line.find('\n') != std::string_view::npos || line.size() >= kMaxControlLine) {
    return usage_error(fmt::format("a request is one line of less than {} bytes", kMaxControlLine));
  }
  const sockaddr_un address = POWERCUT_TRY(socket_address(path));
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return os_error("cannot make a socket");
  if (const int error = connect_to(fd.get(), address); error != 0) {
    auto result =
        os_error(fmt::format("cannot reach a recorder at control socket '{}'", path), error);
    if (error == ENOENT || error == ECONNREFUSED) result.value().message += "; is it running?";
    return result;
  }
  const timeval patience{kAnswerPatienceSeconds, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (!send_all(fd.get(), std::string(line) + "\n", milliseconds(10'000))) {
    return environment_error(fmt::format("control socket '{}': cannot send", path), EPIPE);
  }
  return check_answer(path, POWERCUT_TRY(receive_line(fd.get(), path)));
}

Result<RecorderStatus> request_status(const std::string& path) {
  return decode(Answer::parse(POWERCUT_TRY(control_request(path, "status")), nullptr, false));
}

}  // namespace powercut::record
