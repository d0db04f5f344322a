// SPDX-License-Identifier: Apache-2.0
#include "apps/support/signal_interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace powercut::apps {
namespace {

sigset_t ending_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

Result<std::unique_ptr<SignalInterrupt>> SignalInterrupt::make(std::function<void()> on_signal) {
  const sigset_t set = ending_signals();
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!signals.valid() || !stop.valid()) return os_error("cannot watch for signals");
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return os_error("cannot block signals", error);
  }
  return std::unique_ptr<SignalInterrupt>(
      new SignalInterrupt(std::move(on_signal), std::move(signals), std::move(stop)));
}

SignalInterrupt::SignalInterrupt(std::function<void()> on_signal, UniqueFd signals, UniqueFd stop)
    : on_signal_(std::move(on_signal)),
      signals_(std::move(signals)),
      stop_(std::move(stop)),
      thread_([this] { watch(); }) {}

SignalInterrupt::~SignalInterrupt() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(stop_.get(), &one, sizeof(one));
  thread_.join();
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SignalInterrupt::watch() {
  while (true) {
    std::array<pollfd, 2> fds{{{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof(info)) == sizeof(info) && received_ == 0) {
      received_ = static_cast<int>(info.ssi_signo);
      on_signal_();
    }
    if (fds[1].revents != 0) return;
  }
}

}  // namespace powercut::apps
