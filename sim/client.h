// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "log/writer.h"
#include "sim/history.h"
#include "sim/subject.h"

namespace powercut::sim {

// Thread-safe.
class Clocks {
 public:
  explicit Clocks(log::Writer& writer) : writer_(writer) {}
  // Of something that begins after this.
  Stamp begin() {
    Stamp stamp;
    stamp.order = ++order_;
    stamp.tick = writer_.take_tick();
    return stamp;
  }
  // Of something that ended before this.
  Stamp end() {
    Stamp stamp;
    stamp.tick = writer_.take_tick();
    stamp.order = ++order_;
    return stamp;
  }

 private:
  log::Writer& writer_;
  std::atomic<std::uint64_t> order_ = 0;
};

// Sends the request to the recorder and waits for the answer; a read's data go into it.
[[nodiscard]] Status carry_out(Subject& subject, SimRequest& request);

}  // namespace powercut::sim
