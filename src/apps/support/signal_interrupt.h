// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "base/result.h"
#include "base/unique_fd.h"

namespace powercut::apps {

// Turns SIGINT, SIGTERM and SIGHUP into a call, so that work which has mounted and attached things
// can end in order. To be made before any other thread is started: they inherit that these signals
// are blocked.
class SignalInterrupt {
 public:
  // `on_signal` is called from a thread of its own, once, at the first of these signals.
  [[nodiscard]] static Result<std::unique_ptr<SignalInterrupt>> make(
      std::function<void()> on_signal);
  // Lets the signals through again.
  ~SignalInterrupt();
  SignalInterrupt(const SignalInterrupt&) = delete;
  SignalInterrupt& operator=(const SignalInterrupt&) = delete;

  // The first of them; 0: none so far.
  [[nodiscard]] int received() const { return received_; }
  // What a shell gives for a program that was ended by it: 128 + signal.
  [[nodiscard]] int exit_status() const { return 128 + received_; }

 private:
  SignalInterrupt(std::function<void()> on_signal, UniqueFd signals, UniqueFd stop);
  void watch();

  const std::function<void()> on_signal_;
  const UniqueFd signals_;  // signalfd(2)
  const UniqueFd stop_;     // eventfd(2): the thread is to end
  std::atomic<int> received_ = 0;
  std::thread thread_;
};

}  // namespace powercut::apps
