// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "replay/work_queue.h"

namespace powercut::replay {

// What a run of entries does to the device, so that only what none of them writes over later has to be
// carried out. Takes some 100 bytes of memory for each piece while it is emptied. Not thread-safe.
class Window {
 public:
  // In the order of the log.
  void add(const Piece& piece);
  [[nodiscard]] std::size_t size() const { return pieces_.size(); }

  using Sink = std::function<Status(const Piece&)>;
  // Hands out what is left to be done, and is empty then: where much is written over, each place
  // once, with the content that won, in the order of the device; else all pieces as they came,
  // since reading a log is fastest from its beginning to its end.
  [[nodiscard]] Status empty_into(const Sink& sink);

 private:
  [[nodiscard]] std::vector<Piece> winners() const;

  std::vector<Piece> pieces_;
  ByteCount copied_bytes_ = 0;
};

}  // namespace powercut::replay
